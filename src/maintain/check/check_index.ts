/**
 * Checks the index files: every file loads, and no two files describe a pack differently.
 *
 * Only a digest of each pack's description is kept: that of the header the pack must have if the description is true.
 * So a blob takes no more memory than in `PlacedIndex`, and a later read of the pack shows whether its header and the
 * index agree.
 */
import type { IntegrityError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import { ID_BYTES, type IndexId, type PackId } from "../../base/id.ts";
import { type DecodedIndex, type DecodedPack, splitByPack } from "../../pipeline/index/read_index.ts";
import { PlacedIndex } from "../../repository/index/blob_index.ts";
import { loadSealedIndexFile } from "../../repository/index/index_files.ts";
import type { Repository } from "../../repository/repository.ts";
import { forEachDecodedIndex } from "./decoded_indexes.ts";
import type { Findings, SuspectPacks } from "./findings.ts";

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
  const { repository, signal, onProgress } = context;
  const check = new IndexCheck(context);
  await forEachDecodedIndex(repository, {
    signal,
    wantsHeaders: true,
    load: (id) => loadSealedIndexFile(repository.files, id, signal),
    take: (id, decoded) => check.add(id, decoded),
    damaged: (id, error) => check.addDamaged(id, error),
    expect: (blobs) => check.index.expect(blobs),
    onProgress,
  });
  return check;
}

class IndexCheck implements CheckedIndex {
  readonly index: PlacedIndex;
  readonly packs = new Map<PackId, DescribedPack>();
  readonly unreadable: IntegrityError[] = [];
  readonly #context: CheckContext;

  constructor(context: CheckContext) {
    this.#context = context;
    this.index = new PlacedIndex(context.repository.spill);
  }

  add(id: IndexId, decoded: DecodedIndex): void {
    for (const described of splitByPack(decoded)) this.#addPack(id, described);
  }

  addDamaged(id: IndexId, error: IntegrityError): void {
    this.unreadable.push(error);
    this.#context.findings.error({
      kind: "index",
      id,
      text: error.message,
      advice: `bring the file back from a copy of the store, or run "agent repair index", which reads its packs anew`,
      repair: "index",
    });
  }

  #addPack(describedBy: IndexId, { id, bytes, headerSha256, blobs }: DecodedPack): void {
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
    const described = { id, number, bytes, headerSha256, describedBy };
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
