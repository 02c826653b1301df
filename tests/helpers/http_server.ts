/** HTTP servers in this process that answer as a test wants, or forward requests to another server. */
import { Buffer } from "node:buffer";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/** Runs `use` with the origin of a server, such as `http://127.0.0.1:41234`; the server is closed afterwards. */
export async function withHttpServer(answer: RequestListener, use: (origin: string) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

/** Forwards every request to the server at `origin`, with the named headers only, and returns its answer. */
export function forwarding(origin: string, names: readonly string[]): RequestListener {
  return async (request, response) => {
    const content = await bytesOf(request);
    const answered = await fetch(`${origin}${request.url}`, {
      method: request.method!,
      headers: chosen(request.headers, names),
      ...request.method === "POST" ? { body: content } : {},
    });
    const body = new Uint8Array(await answered.arrayBuffer());
    response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(body);
  };
}

async function bytesOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

function chosen(headers: IncomingHttpHeaders, names: readonly string[]): [string, string][] {
  return names.flatMap((name): [string, string][] => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value]] : [];
  });
}
