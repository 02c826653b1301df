/** The headers of what a gateway gives: what it is called, what it is, and what proves it. Pure. */
import { encodeBase64 } from "../format/json/base64.ts";
import { decodeHex } from "../base/hex.ts";
import { bytesOfByteString } from "../format/byte_string.ts";
import { containersOf, dumpsOf } from "../guard/recognition.ts";

/** What the headers are about. */
interface DescribedContent {
  /** A byte string. */
  readonly name: string;
  readonly format: string | null;
  readonly digests: { readonly md5: string; readonly sha256: string } | null;
  readonly tag: string;
}

/**
 * Headers of every answer, so that no browser runs what a backup holds, keeps it, or tells others the URL. The store of
 * an answer is forbidden by `Exchange` already; it stands here because this promise is the gateway's own.
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "sandbox; default-src 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** What describes content, as a whole and in parts. */
export function contentHeaders({ name, format, digests, tag }: DescribedContent): Record<string, string> {
  return {
    ...SAFE_HEADERS,
    "content-type": contentType(name, format),
    "content-disposition": disposition(name),
    etag: entityTag(tag),
    ...digests !== null && { "repr-digest": reprDigest(digests) },
  };
}

/** The validator of content, as it stands in a header. */
export function entityTag(tag: string): string {
  return `"${tag}"`;
}

const SQL = "application/sql";
const UNKNOWN = "application/octet-stream";

/** By what a guard found. */
const TYPES_OF_FORMATS: ReadonlyMap<string, string> = new Map([
  ["gzip", "application/gzip"],
  ["zstd", "application/zstd"],
  ["mysqldump", SQL],
  ["mariadb-dump", SQL],
  ["pg_dump", SQL],
  ["pg_dumpall", SQL],
  ["sqlite", SQL],
  ["sqlite-file", "application/vnd.sqlite3"],
  ["tar", "application/x-tar"],
  ["zip", "application/zip"],
]);

/** By the end of a name, where no guard found anything. */
const TYPES_OF_NAMES: ReadonlyMap<string, string> = new Map([
  ["gz", "application/gzip"],
  ["json", "application/json"],
  ["sql", SQL],
  ["tar", "application/x-tar"],
  ["zip", "application/zip"],
  ["zst", "application/zstd"],
]);

/** The type of content: of the outermost container, or of what is in none. */
function contentType(name: string, format: string | null): string {
  const [outermost = dumpsOf(format ?? "")[0]] = containersOf(format ?? "");
  if (outermost !== undefined) return TYPES_OF_FORMATS.get(outermost) ?? UNKNOWN;
  const [, ending = ""] = /\.([a-z]+)$/.exec(name) ?? [];
  return TYPES_OF_NAMES.get(ending) ?? UNKNOWN;
}

/** Always a download. The first name is for clients that know no other characters. Source: RFC 6266, RFC 8187. */
function disposition(name: string): string {
  const text = new TextDecoder().decode(bytesOfByteString(name));
  const plain = text.replace(/[^A-Za-z0-9._-]/g, "_");
  const encoded = encodeURIComponent(text).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** The digests of the whole, whatever part is sent. Source: RFC 9530. */
function reprDigest({ md5, sha256 }: { readonly md5: string; readonly sha256: string }): string {
  return `sha-256=:${encodeBase64(decodeHex(sha256))}:, md5=:${encodeBase64(decodeHex(md5))}:`;
}
