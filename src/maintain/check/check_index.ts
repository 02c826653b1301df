/**
 * Checks the index files: every file loads, and no two files describe a pack differently.
 *
 * Only a digest of each pack's description is kept: that of the header the pack must have if the description is true.
 * So a blob takes no more memory than in `PlacedIndex`, and a later read of the pack shows whether its header and the
 * index agree.
 */
import { freeBuffer } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import { ID_BYTES, type IndexId, type PackId } from "../../base/id.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import type { PackBlobs } from "../../format/pack_blobs.ts";
import { headerOfBlobs, MAX_PACK_HEADER_BYTES, PACK_TRAILER_BYTES, packFileSize } from "../../format/pack_header.ts";
import { PlacedIndex } from "../../repository/index/blob_index.ts";
import type { Findings, SuspectPacks } from "./findings.ts";
import { forEachIndexFile, loadIndexFile } from "../../repository/index/index_files.ts";
import { packsOfIndex } from "../../repository/index/index_packs.ts";
import type { Repository } from "../../repository/repository.ts";

/** The index's description of one pack. */
export interface DescribedPack {
  readonly id: PackId;
  /** Its number in the `PlacedIndex`. */
  readonly number: number;
  /** The size that its file must have, in bytes. */
  readonly bytes: number;
  /** SHA-256 that its header's plaintext must have; null if no pack can match the description. */
  readonly headerSha256: string | null;
  /** The first index file that describes it. */
  readonly describedBy: IndexId;
}

/** The index and the packs it describes. */
export interface CheckedIndex {
  readonly index: PlacedIndex;
  readonly packs: ReadonlyMap<PackId, DescribedPack>;
  /** The errors for damaged index files. */
  readonly unreadable: readonly IntegrityError[];
}

/** What all phases of a check share. */
export interface CheckContext {
  readonly repository: Repository;
  readonly findings: Findings;
  readonly suspects: SuspectPacks;
  readonly signal: AbortSignal;
  /** Called as a phase proceeds. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Loads and checks all index files. A damaged file becomes a finding and is skipped. */
export async function checkIndex(context: CheckContext): Promise<CheckedIndex> {
  const { repository: { files }, signal, onProgress } = context;
  const check = new IndexCheck(context);
  await forEachIndexFile(files, {
    signal,
    load: (id) => load(context, id),
    take: (id, loaded) => check.add(id, loaded),
    onProgress,
  });
  return check;
}

/** The text of an index file, the reason why it cannot be read, or null if another process removed it meanwhile. */
async function load(
  { repository, signal }: CheckContext,
  id: IndexId,
): Promise<Uint8Array<ArrayBuffer> | IntegrityError | null> {
  try {
    return await loadIndexFile(repository.files, id, signal);
  } catch (error) {
    if (error instanceof IntegrityError) return error;
    throw error;
  }
}

class IndexCheck implements CheckedIndex {
  readonly index = new PlacedIndex();
  readonly packs = new Map<PackId, DescribedPack>();
  readonly unreadable: IntegrityError[] = [];
  readonly #context: CheckContext;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  add(id: IndexId, loaded: Uint8Array<ArrayBuffer> | IntegrityError | null): void {
    if (loaded === null) return;
    try {
      if (loaded instanceof IntegrityError) throw loaded;
      for (const [pack, blobs] of packsOfIndex(loaded, `index ${id}`)) this.#addPack(id, pack, blobs);
      freeBuffer(loaded);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      this.unreadable.push(error);
      this.#context.findings.error({
        kind: "index",
        id,
        text: error.message,
        advice: `bring the file back from a copy of the store, or run "agent repair index", which reads its packs anew`,
        repair: "index",
      });
    }
  }

  #addPack(describedBy: IndexId, id: PackId, blobs: PackBlobs): void {
    const number = this.index.addPack(decodeHex(id));
    const { ids } = blobs;
    for (let i = 0; i < blobs.count; i++) {
      const [offset, length, uncompressedLength] = [
        blobs.offsetOf(i),
        blobs.lengthOf(i),
        blobs.uncompressedLengthOf(i),
      ];
      this.index.add(blobs.typeOf(i), { pack: number, offset, length, uncompressedLength }, ids, i * ID_BYTES);
    }
    const described = {
      id,
      number,
      bytes: packFileSize(blobs.lengths()),
      headerSha256: headerDigest(blobs),
      describedBy,
    };
    const earlier = this.packs.get(id);
    if (earlier === undefined) this.packs.set(id, described);
    this.#judge(described, earlier);
  }

  #judge(described: DescribedPack, earlier: DescribedPack | undefined): void {
    const { id, number, headerSha256, describedBy } = described;
    const { findings, suspects } = this.#context;
    if (headerSha256 === null) {
      const finding = findings.error({
        kind: "pack",
        id,
        text:
          `Index ${describedBy} describes pack ${id} as no pack can be: its blobs overlap, leave gaps or are too many`,
        advice: REPAIR_INDEX,
        repair: "index",
      });
      suspects.add(number, finding);
    } else if (earlier !== undefined && earlier.headerSha256 !== headerSha256) {
      const finding = findings.error({
        kind: "pack",
        id,
        text: `Pack ${id} is described differently by index ${earlier.describedBy} and index ${describedBy}`,
        advice: REPAIR_INDEX,
        repair: "index",
      });
      suspects.add(number, finding);
    } else if (earlier !== undefined) {
      findings.note({
        kind: "pack",
        id,
        text: `Pack ${id} is described twice, by index ${earlier.describedBy} and index ${describedBy}`,
        advice: `nothing has to be done; "agent repair index" tidies it up`,
      });
    }
  }
}

const REPAIR_INDEX = `run "agent repair index", which describes such a pack by its own header`;

/** SHA-256 of the header of a pack that holds exactly these blobs; null if no pack can. */
export function headerDigest(blobs: PackBlobs): string | null {
  let end = 0;
  for (let i = 0; i < blobs.count; i++) {
    if (blobs.offsetOf(i) !== end) return null;
    end += blobs.lengthOf(i);
  }
  const headerBytes = packFileSize(blobs.lengths()) - end - PACK_TRAILER_BYTES;
  return headerBytes > MAX_PACK_HEADER_BYTES ? null : sha256Hex(headerOfBlobs(blobs));
}
