/** Signs requests with AWS Signature Version 4 in headers, over the true hash of their content. */
import { AwsV4Signer } from "aws4fetch";
import type { HttpRequest } from "../http/client.ts";

/** Proves who sends a request. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Only temporary credentials have one. */
  readonly sessionToken?: string;
  /** When they expire, in milliseconds since 1970; undefined if they do not. */
  readonly expiresMs?: number;
}

/** SHA-256 of nothing, in hex: the hash of every request without content. */
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Keys derived from secrets, kept by day, region and service, so that they are not derived again for every request. */
export type SigningKeys = Map<string, ArrayBuffer>;

/**
 * The headers to send: the request's own, all of them signed, and those of the signature. `sha256` is the hash of the
 * content in hex, which the server verifies. The URL's path and query must be escaped as `s3Url` escapes them.
 */
export async function signedHeaders(
  { method, url, headers }: Pick<HttpRequest, "method" | "url" | "headers">,
  { credentials, region, service = "s3", sha256, now, keys }: {
    readonly credentials: S3Credentials;
    readonly region: string;
    readonly service?: "s3" | "sts";
    readonly sha256: string;
    readonly now: Date;
    readonly keys: SigningKeys;
  },
): Promise<Record<string, string>> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new AwsV4Signer({
    method,
    url: url.href,
    headers: { ...headers, "x-amz-content-sha256": sha256 },
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service,
    region,
    cache: keys,
    datetime: now.toISOString().replace(/[:-]|\.\d{3}/g, ""),
    allHeaders: true,
  });
  return Object.fromEntries((await signer.sign()).headers);
}
