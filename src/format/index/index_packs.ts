/** What an index file says about packs: the blobs of each pack together, in the order of their offsets. */
import { equalBytes } from "../../base/bytes.ts";
import { encodeHex } from "../../base/hex.ts";
import type { PackId } from "../../base/id.ts";
import { PackBlobs, type PackedBlob } from "../blob.ts";
import { decodeIndex } from "./index_file.ts";

/** The text of a blob is rarely shorter, so that memory for all blobs of a file is set aside once. */
const BLOB_TEXT_BYTES = 130;

/**
 * The packs of an index file with their blobs by offset, each blob once. Some writers name a pack twice in one file,
 * which restic reads as one description. Packs without blobs are left out. Owns: the result keeps nothing of `json`.
 * Throws `IntegrityError` for a malformed file.
 */
export function packsOfIndex(json: Uint8Array, what: string): Map<PackId, PackBlobs> {
  const parts = new Map<PackId, Part[]>();
  const all = new PackBlobs(Math.ceil(json.length / BLOB_TEXT_BYTES));
  let part: Part = { start: 0, end: 0 };
  decodeIndex(json, what, {
    pack(id) {
      part = { start: all.count, end: all.count };
      const name = encodeHex(id) as PackId;
      const earlier = parts.get(name);
      if (earlier === undefined) parts.set(name, [part]);
      else earlier.push(part);
    },
    blob(type, id, offset, length, uncompressedLength) {
      all.push({ type, offset, length, uncompressedLength }, id);
      part.end = all.count;
    },
  });
  const packs = new Map<PackId, PackBlobs>();
  for (const [name, ofPack] of parts) {
    const blobs = blobsOf(all, ofPack.filter(({ start, end }) => start < end));
    if (blobs.count > 0) packs.set(name, blobs);
  }
  return packs;
}

/** Blobs that a file lists one after the other, by their positions. */
interface Part {
  readonly start: number;
  end: number;
}

function blobsOf(all: PackBlobs, parts: readonly Part[]): PackBlobs {
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) {
    const blobs = all.slice(only.start, only.end);
    if (isSorted(blobs)) return blobs;
  }
  return sortedDistinct(parts.flatMap(({ start, end }) => [...all.slice(start, end)]));
}

/** Whether each blob begins after the one before. */
function isSorted(blobs: PackBlobs): boolean {
  for (let i = 1; i < blobs.count; i++) if (blobs.offsetOf(i) <= blobs.offsetOf(i - 1)) return false;
  return true;
}

function sortedDistinct(blobs: readonly PackedBlob[]): PackBlobs {
  const sorted = blobs.toSorted((a, b) => a.offset - b.offset);
  const distinct = new PackBlobs(sorted.length);
  for (const [i, blob] of sorted.entries()) {
    if (i === 0 || !isSameBlob(blob, sorted[i - 1]!)) distinct.push(blob, blob.id);
  }
  return distinct;
}

function isSameBlob(a: PackedBlob, b: PackedBlob): boolean {
  return a.offset === b.offset && a.length === b.length && a.uncompressedLength === b.uncompressedLength &&
    a.type === b.type && equalBytes(a.id, b.id);
}
