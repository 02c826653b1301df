/** What an index file says about packs: the blobs of each pack together, in the order of their offsets. */
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type PackId } from "../../base/id.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { decodeIndex } from "../../format/index/index_file.ts";

/**
 * The packs of an index file with their blobs by offset, each blob once. Some writers name a pack twice in one file,
 * which restic reads as one description. Packs without blobs are left out. Owns: the result keeps nothing of `json`.
 * Throws `IntegrityError` for a malformed file.
 */
export function packsOfIndex(json: Uint8Array, what: string): Map<PackId, PackedBlob[]> {
  const packs = new Map<PackId, PackedBlob[]>();
  const ids = new IdMemory();
  let current: PackedBlob[] = [];
  decodeIndex(json, what, {
    pack(id) {
      const name = encodeHex(id) as PackId;
      current = packs.get(name) ?? [];
      packs.set(name, current);
    },
    blob(type, id, offset, length, uncompressedLength) {
      current.push({ type, id: ids.keep(id), offset, length, uncompressedLength });
    },
  });
  for (const [id, blobs] of packs) {
    if (blobs.length === 0) packs.delete(id);
    else packs.set(id, sortedDistinct(blobs));
  }
  return packs;
}

/** Whether two descriptions of a pack, both sorted by offset, are equal. */
export function sameBlobs(a: readonly PackedBlob[], b: readonly PackedBlob[]): boolean {
  return a.length === b.length && a.every((blob, i) => sameBlob(blob, b[i]!));
}

function sortedDistinct(blobs: PackedBlob[]): PackedBlob[] {
  blobs.sort((a, b) => a.offset - b.offset);
  return blobs.filter((blob, i) => i === 0 || !sameBlob(blob, blobs[i - 1]!));
}

function sameBlob(a: PackedBlob, b: PackedBlob): boolean {
  return a.offset === b.offset && a.length === b.length && a.uncompressedLength === b.uncompressedLength &&
    a.type === b.type && a.id.every((byte, i) => byte === b.id[i]);
}

/** This many ids share a buffer: one buffer for each id would cost more than everything else. */
const IDS_AT_ONCE = 4096;

class IdMemory {
  #bytes = new Uint8Array(0);
  #end = 0;

  /** Copies an id into memory that stays valid. */
  keep(id: Uint8Array): Uint8Array {
    if (this.#end === this.#bytes.length) {
      this.#bytes = new Uint8Array(IDS_AT_ONCE * ID_BYTES);
      this.#end = 0;
    }
    this.#bytes.set(id, this.#end);
    return this.#bytes.subarray(this.#end, this.#end += ID_BYTES);
  }
}
