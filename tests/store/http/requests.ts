/** Requests, and a client that lives as long as the work with it. */
import { systemClock } from "../../../src/base/clock.ts";
import type { HttpClient, HttpRequest } from "../../../src/store/http/client.ts";
import { type HttpClientOptions, openHttpClient } from "../../../src/store/http/http_client.ts";

export const MIB = 2 ** 20;

/** Opens a client, works with it and closes it. */
export async function withClient(
  test: (client: HttpClient) => Promise<void>,
  options: Partial<HttpClientOptions> = {},
): Promise<void> {
  const client = openHttpClient({ connections: 5, clock: systemClock, ...options });
  try {
    await test(client);
  } finally {
    await client.close();
  }
}

/** A request for what is at an address. */
export function get(url: URL, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, mostBytes: MIB, ...more };
}

/** A request that sends content to an address. */
export function put(url: URL, content: readonly Uint8Array[], more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "PUT", url, mostBytes: MIB, content, ...more };
}

/** The text of a body. */
export const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
