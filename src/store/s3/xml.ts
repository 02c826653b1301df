/** Parses and checks the XML that S3 servers answer with. It comes from outside, so nothing in it is trusted. */
import { parseXml, XmlElement } from "@rgrove/parse-xml";

/** A server's description of a failure. */
export interface S3ErrorDocument {
  /** A word for programs, such as `NoSuchKey`. */
  readonly code: string;
  /** For people, on one line; may be empty. */
  readonly message: string;
  /** The bucket's own region, if the failure is about that. */
  readonly region: string | undefined;
}

/** One page of a listing. */
export interface S3ListPage {
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number }[];
  /** Where the next page begins; undefined on the last page. */
  readonly nextToken: string | undefined;
}

/** The error for an answer that is not S3's. The message is a clause that says what is wrong. */
export class S3DocumentError extends Error {}

/** The keys that a service lends for a role, with the names of its document. */
interface AssumedRoleDocument {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  readonly Expiration: string;
}

/**
 * Reads an `Error` document, or one inside an `ErrorResponse`, which other services than S3 send; undefined for any
 * other body.
 */
export function readErrorDocument(body: Uint8Array): S3ErrorDocument | undefined {
  let root: XmlElement;
  try {
    root = rootOf(body);
  } catch {
    return undefined; // A proxy's page, or an empty body.
  }
  const error = root.name === "ErrorResponse" ? childrenOf(root, "Error")[0] ?? root : root;
  const code = error.name === "Error" ? textOf(error, "Code") : undefined;
  if (!code) return undefined;
  return { code: onOneLine(code), message: onOneLine(textOf(error, "Message") ?? ""), region: textOf(error, "Region") };
}

/** Reads a page of ListObjectsV2; `token` is the one it was requested with. Throws `S3DocumentError`. */
export function readListPage(body: Uint8Array, token?: string): S3ListPage {
  const root = rootOf(body);
  if (root.name !== "ListBucketResult") throw new S3DocumentError(`it answered a listing with <${root.name}>`);
  const areKeysEscaped = textOf(root, "EncodingType") === "url";
  const objects = childrenOf(root, "Contents").flatMap((entry) => {
    const key = keyOf(entry, areKeysEscaped);
    return key === undefined ? [] : [{ key, sizeBytes: sizeOf(entry) }];
  });
  if (textOf(root, "IsTruncated") !== "true") return { objects, nextToken: undefined };
  const nextToken = textOf(root, "NextContinuationToken");
  if (!nextToken) throw new S3DocumentError("it says that a listing goes on but not where");
  if (nextToken === token) throw new S3DocumentError("its listing does not come to an end");
  return { objects, nextToken };
}

/** Reads the id of a multipart upload from the answer that begins it. Throws `S3DocumentError`. */
export function readUploadId(body: Uint8Array): string {
  const root = rootOf(body);
  const id = root.name === "InitiateMultipartUploadResult" ? textOf(root, "UploadId") : undefined;
  if (!id) throw new S3DocumentError("it began an upload in parts and gave no id for it");
  return id;
}

/**
 * Reads the keys in an answer of the Security Token Service. Throws `S3DocumentError`, whose message repeats no part of
 * the answer.
 */
export function readAssumedRole(body: Uint8Array): AssumedRoleDocument {
  const root = rootOf(body);
  const result = root.children.find((child) => child instanceof XmlElement && /^AssumeRole\w*Result$/.test(child.name));
  const keys = result instanceof XmlElement ? childrenOf(result, "Credentials")[0] : undefined;
  const [AccessKeyId, SecretAccessKey, Token, Expiration] = [
    "AccessKeyId",
    "SecretAccessKey",
    "SessionToken",
    "Expiration",
  ]
    .map((name) => (keys && textOf(keys, name)?.trim()) || undefined);
  if (!AccessKeyId || !SecretAccessKey || !Token || !Expiration) throw new S3DocumentError("the answer holds no keys");
  return { AccessKeyId, SecretAccessKey, Token, Expiration };
}

/**
 * Checks the answer that ends a multipart upload. Throws `S3DocumentError` unless it says that the object is stored.
 */
export function checkUploadEnd(body: Uint8Array): void {
  const { name } = rootOf(body);
  if (name !== "CompleteMultipartUploadResult") throw new S3DocumentError(`it ended an upload in parts with <${name}>`);
}

/** The document that ends a multipart upload; `etags` are in the order of the parts. */
export function completeUploadDocument(etags: readonly string[]): string {
  const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`);
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
    parts.join("")
  }</CompleteMultipartUpload>`;
}

/** The document that creates a bucket in a region. */
export function createBucketDocument(region: string): string {
  return `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${
    escapeXml(region)
  }</LocationConstraint></CreateBucketConfiguration>`;
}

/** The document that asks for a readable copy of an archived object, which stays for so many days. */
export function restoreRequestDocument({ days, tier }: { readonly days: number; readonly tier: string }): string {
  return `<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Days>${days}</Days><GlacierJobParameters><Tier>${
    escapeXml(tier)
  }</Tier></GlacierJobParameters></RestoreRequest>`;
}

/** AWS sends spaces in front of a document to keep a waiting client connected. */
function rootOf(body: Uint8Array): XmlElement {
  try {
    const { root } = parseXml(new TextDecoder("utf-8", { fatal: true }).decode(body).trimStart());
    if (root) return root;
  } catch (cause) {
    throw new S3DocumentError("it answered with something else than XML", { cause });
  }
  throw new S3DocumentError("it answered with an empty document");
}

function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child): child is XmlElement => child instanceof XmlElement && child.name === name);
}

function textOf(element: XmlElement, name: string): string | undefined {
  return childrenOf(element, name)[0]?.text;
}

/**
 * The key of a listed object; undefined if its escapes are malformed, since no file of a repository has such a name.
 */
function keyOf(entry: XmlElement, isEscaped: boolean): string | undefined {
  const key = textOf(entry, "Key");
  if (key === undefined) throw new S3DocumentError("it listed an object without a key");
  if (!isEscaped) return key;
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

function sizeOf(entry: XmlElement): number {
  const size = textOf(entry, "Size") ?? "";
  if (!/^\d{1,15}$/.test(size)) throw new S3DocumentError("it listed an object without a size");
  return Number(size);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** A server's words on one line, shortened and without control characters. */
function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, " ").trim().replace(/\.$/, "").slice(0, 200);
}
