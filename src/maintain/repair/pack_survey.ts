/** The starting point of an index repair: all packs, as the store lists them and as the index files describe them. */
import { IntegrityError, StoreError } from "../../base/errors.ts";
import { asId, type IndexId, type PackId } from "../../base/id.ts";
import { packFileSize } from "../../format/pack_header.ts";
import { forEachIndexFile } from "../../repository/index/index_files.ts";
import { packsOfIndex } from "../../format/index/index_packs.ts";
import { headerDigest } from "../../pipeline/index/read_index.ts";
import type { Repository } from "../../repository/repository.ts";
import { comparePacks } from "../../repository/pack/stored_packs.ts";
import { failureOfFile } from "../../repository/unreadable.ts";

/** A file that cannot be read, and the reason. */
export interface Unreadable<Id> {
  /** Its name. */
  readonly id: Id;
  /** The reason, for people. */
  readonly reason: string;
}

/** One index file's description of a pack. */
interface Description {
  readonly file: IndexId;
  /** SHA-256 of the header that it implies; null if no pack can match it. */
  readonly headerSha256: string | null;
  /** Size of the pack that it implies, in bytes. */
  readonly bytes: number;
}

/** One pack in the store and in the index files. */
export interface SurveyedPack {
  /** Null if the pack is missing. */
  storedBytes: number | null;
  readonly descriptions: Description[];
  /** Which of the descriptions are kept. */
  kept: "none" | "all" | IndexId;
}

/** What surveying needs. */
interface SurveyOptions {
  readonly signal: AbortSignal;
  /** Called with the numbers of index files read and of all index files. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Reads all index files and lists all packs. Throws what the store throws. */
export async function surveyIndex(repository: Repository, { signal, onProgress }: SurveyOptions): Promise<IndexSurvey> {
  const { store, files } = repository;
  const survey = new IndexSurvey();
  await forEachIndexFile(files, {
    signal,
    load: (id) => loadOrFail(repository, id, signal),
    take: (id, loaded) => survey.addFile(id, loaded),
    onProgress,
  });
  const described = [...survey.packs].map(([id, { descriptions: [first] }]) => ({ id, bytes: first!.bytes }));
  const { packs, unindexed } = await comparePacks(store, described, { signal });
  for (const { pack: { id }, state, bytes } of packs) if (state !== "missing") survey.addStored(id, bytes);
  for (const { name, size } of unindexed) survey.addStored(asId<PackId>(name), size);
  return survey;
}

async function loadOrFail({ files, store }: Repository, id: IndexId, signal: AbortSignal) {
  try {
    return await files.load("index", id, { signal });
  } catch (error) {
    return error instanceof IntegrityError ? error : await failureOfFile(store, error, signal);
  }
}

/** All packs, and the index files that list them. Memory: some 400 bytes for each pack. */
export class IndexSurvey {
  readonly files = new Map<IndexId, readonly PackId[]>();
  /** Index files whose content is damaged for good. */
  readonly damagedFiles: IndexId[] = [];
  /** Index files that the store cannot deliver. */
  readonly unreadableFiles: Unreadable<IndexId>[] = [];
  readonly packs = new Map<PackId, SurveyedPack>();

  /** Adds an index file, or the reason why it cannot be read. */
  addFile(file: IndexId, loaded: Uint8Array | IntegrityError | StoreError): void {
    if (loaded instanceof StoreError) {
      this.unreadableFiles.push({ id: file, reason: loaded.message });
      return;
    }
    try {
      if (loaded instanceof IntegrityError) throw loaded;
      const packs = packsOfIndex(loaded, `index ${file}`);
      for (const [id, blobs] of packs) {
        const description = { file, headerSha256: headerDigest(blobs), bytes: packFileSize(blobs.lengths()) };
        this.#pack(id).descriptions.push(description);
      }
      this.files.set(file, [...packs.keys()]);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      this.damagedFiles.push(file);
    }
  }

  /** Adds a pack that exists. */
  addStored(id: PackId, bytes: number): void {
    this.#pack(id).storedBytes = bytes;
  }

  /** Whether this index file's description of the pack is kept. */
  keeps(file: IndexId, id: PackId): boolean {
    const { kept } = this.packs.get(id)!;
    return kept === "all" || kept === file;
  }

  /** The changes, after every pack is decided. */
  changes() {
    const missingPacks: PackId[] = [];
    const addedPacks: PackId[] = [];
    const correctedPacks: PackId[] = [];
    let packs = 0;
    for (const [id, { storedBytes, descriptions, kept }] of this.packs) {
      if (storedBytes === null) missingPacks.push(id);
      else packs++;
      if (storedBytes === null || kept === "all") continue;
      if (descriptions.length === 0) addedPacks.push(id);
      else if (kept === "none" || descriptions.length > 1) correctedPacks.push(id);
    }
    return {
      packs,
      missingPacks: missingPacks.sort(),
      addedPacks: addedPacks.sort(),
      correctedPacks: correctedPacks.sort(),
    };
  }

  #pack(id: PackId): SurveyedPack {
    let pack = this.packs.get(id);
    if (pack === undefined) this.packs.set(id, pack = { storedBytes: null, descriptions: [], kept: "none" });
    return pack;
  }
}
