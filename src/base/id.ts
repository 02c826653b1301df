/** Identifiers: SHA-256 digests as 64 lower-case hex digits, with a distinct type for each kind of thing they name. */
import type { Brand } from "./brand.ts";

/** Names a blob: SHA-256 of its plaintext. */
export type BlobId = string & Brand<"BlobId">;
/** Names a pack file: SHA-256 of its content. */
export type PackId = string & Brand<"PackId">;
/** Names an index file. */
export type IndexId = string & Brand<"IndexId">;
/** Names a snapshot file. */
export type SnapshotId = string & Brand<"SnapshotId">;
/** Names a key file. */
export type KeyId = string & Brand<"KeyId">;
/** Names a lock file. */
export type LockId = string & Brand<"LockId">;
/** Names a manifest: SHA-256 of its canonical text. */
export type ManifestId = string & Brand<"ManifestId">;
/** Any of the identifiers above. */
export type Id = BlobId | PackId | IndexId | SnapshotId | KeyId | LockId | ManifestId;

/** Length of a digest in bytes. */
export const ID_BYTES = 32;

const ID_PATTERN = /^[0-9a-f]{64}$/;

/** Whether `text` is 64 lower-case hex digits. */
export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

/** `text` as an identifier of the wanted type. Throws `TypeError` unless it is 64 lower-case hex digits. */
export function asId<T extends Id>(text: string): T {
  if (!isId(text)) {
    throw new TypeError(`Not an identifier: expected 64 lower-case hex digits, got "${text.slice(0, 80)}"`);
  }
  return text as T;
}

/** The first eight digits, for people. */
export function shortId(id: Id): string {
  return id.slice(0, 8);
}
