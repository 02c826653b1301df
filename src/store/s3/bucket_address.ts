/** The address of a repository in S3: endpoint, bucket and prefix, and the URLs of its objects. */
import { UsageError } from "../../base/errors.ts";

/** The parts of what follows `s3:` in a repository URL. */
export interface S3Place {
  /** Scheme, host and port only. */
  readonly endpoint: URL;
  readonly bucket: string;
  /** Without slashes at its ends; empty if the repository is the whole bucket. */
  readonly prefix: string;
}

/** Where a URL names the bucket: as the first folder of the path, or in front of the host name. */
export type BucketStyle = "path" | "dns";

/** Parameters of a URL; the value is empty for a parameter that has none. */
export type S3Query = Readonly<Record<string, string>>;

/**
 * Parses `http(s)://host[:port]/bucket/prefix`, `host[:port]/bucket/prefix` or `//host/bucket/prefix` as restic does:
 * the scheme is https unless http is given, and percent escapes are decoded only if there is a scheme. Throws
 * `UsageError`; the message never repeats what may be a password.
 */
export function parseS3Place(text: string): S3Place {
  const match = /^(?:(https?):)?\/*([^/?#]+)\/*(.*)$/is.exec(text);
  if (!match) throw malformed("the endpoint is missing");
  const [, scheme, authority, rest] = match as unknown as [string, string | undefined, string, string];
  if (authority.includes("@")) {
    throw malformed("keys do not belong in it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  const [bucket, ...folders] = (scheme ? unescaped(rest) : rest).split("/").filter((part) => !["", "."].includes(part));
  if (bucket === undefined) throw malformed("the bucket is missing");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) {
    throw malformed(`${JSON.stringify(bucket)} cannot be a bucket's name`);
  }
  if (folders.includes("..")) throw malformed(`the prefix must not hold ".."`);
  return { endpoint: endpointOf(scheme?.toLowerCase() ?? "https", authority), bucket, prefix: folders.join("/") };
}

function endpointOf(scheme: string, authority: string): URL {
  try {
    return new URL(`${scheme}://${authority}`);
  } catch (cause) {
    throw malformed(`${JSON.stringify(authority)} is not a host, or a host and a port`, cause);
  }
}

function unescaped(text: string): string {
  if (/[?#]/.test(text)) throw malformed("nothing may follow the prefix; write ? and # as %3F and %23");
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw malformed("it holds a % that begins no escape; write it as %25", cause);
  }
}

function malformed(why: string, cause?: unknown): UsageError {
  return new UsageError(`Not an S3 repository: ${why}; write s3:https://ENDPOINT/BUCKET/PREFIX`, { cause });
}

/** The place as a repository URL, suitable for messages. */
export function locationOf({ endpoint, bucket, prefix }: S3Place): string {
  return `s3:${endpoint.origin}/${bucket}${prefix === "" ? "" : `/${prefix}`}`;
}

/**
 * The style that is used if none is set. AWS and Alibaba Cloud want the bucket in front of the host name, unless dots
 * in the bucket's name would not match the server's certificate. Every other server accepts it in the path.
 */
export function bucketStyleOf({ endpoint, bucket }: S3Place): BucketStyle {
  const wantsDns = isAws(endpoint) || endpoint.hostname.endsWith(".aliyuncs.com");
  return wantsDns && /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket) ? "dns" : "path";
}

/** The region in the name of an AWS endpoint, as in `s3.eu-west-1.amazonaws.com`; undefined if it contains none. */
export function regionOfEndpoint(endpoint: URL): string | undefined {
  if (!isAws(endpoint)) return undefined;
  return /(?:^|\.)s3[.-](?:fips[.-])?(?:dualstack\.)?([a-z]{2,}(?:-[a-z]+)+-\d+)\.amazonaws\./
    .exec(endpoint.hostname)?.[1];
}

/**
 * The URL of an object, or of the bucket itself if there is no key. AWS's endpoint for all regions answers requests for
 * most regions with a redirection, so requests for another region go straight to that region's endpoint.
 */
export function s3Url(
  { endpoint, bucket }: S3Place,
  { style, region, key = "", query = {} }: {
    readonly style: BucketStyle;
    readonly region: string;
    readonly key?: string;
    readonly query?: S3Query;
  },
): URL {
  const host = endpoint.host === "s3.amazonaws.com" && region !== "us-east-1"
    ? `s3.${region}.amazonaws.com`
    : endpoint.host;
  const origin = `${endpoint.protocol}//${style === "dns" ? `${bucket}.${host}` : host}`;
  const path = [...(style === "path" ? [bucket] : []), ...(key === "" ? [] : key.split("/"))];
  const search = Object.entries(query).map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join("&");
  return new URL(`${origin}/${path.map(escaped).join("/")}${search === "" ? "" : `?${search}`}`);
}

/** Escapes everything but letters, digits and `-._~`, as signatures require. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function isAws(endpoint: URL): boolean {
  return /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(endpoint.hostname);
}
