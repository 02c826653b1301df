/** Files for tests of stores: their names, their bytes, and what a store lists. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { BlobStore, FileKind, FileName } from "../../src/store/store.ts";

/** 64 hex digits that differ for every number and spread over the pack folders. */
export function idOf(number: number): string {
  return createHash("sha256").update(`file ${number}`).digest("hex");
}

/** A pack that no content belongs to. */
export function pack(number: number): FileName {
  return { kind: "pack", name: idOf(number) };
}

/** The name of a file with that content: stores of other machines take no other. */
export function fileOf(kind: FileKind, ...content: Uint8Array[]): FileName {
  if (kind === "config") return { kind, name: "config" };
  const digest = createHash("sha256");
  for (const part of content) digest.update(part);
  return { kind, name: digest.digest("hex") };
}

/** `length` bytes that look random and are the same for the same seed (xorshift32). */
export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** The rows of a listing by name; fails where a name comes twice. */
export async function listing(store: BlobStore, kind: FileKind): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { name, size } of store.list(kind)) {
    assert.ok(!sizes.has(name), `${name} is listed twice`);
    sizes.set(name, size);
  }
  return sizes;
}
