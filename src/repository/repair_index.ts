/**
 * Makes the index again what the packs say: every pack that is there is listed once and as its header says, none that is
 * gone. Index files that are right as they are stay.
 *
 * A pack's header is read where no index lists the pack, where index files contradict each other or the size of the file,
 * or where all are to be read. A pack whose header cannot be read stays listed as it is: the index then is all that tells
 * which blobs can be saved from it.
 */
import { mapConcurrently } from "../base/concurrency.ts";
import { IntegrityError } from "../base/errors.ts";
import { encodeHex } from "../base/hex.ts";
import { asId, type IndexId, type PackId } from "../base/id.ts";
import { freeBuffer } from "../base/memory.ts";
import { sha256 } from "../crypto/digest.ts";
import { packFileSize } from "../format/pack_header.ts";
import { headerDigest, packsOfIndex } from "./check_index.ts";
import { type PackHeader, readPackHeader } from "./repair_header.ts";
import { exchangeIndexFiles, IndexFileWriter } from "./repair_index_files.ts";
import type { Repository } from "./repository.ts";

/** Whole packs may be in memory, so there are fewer than connections. */
const PACKS_AT_ONCE = 4;

/** Options of `repairIndex`. */
export interface IndexRepairOptions {
  /** Read the header of every pack, also of those that the index seems to describe well. */
  readonly readAllPacks: boolean;
  /** Find out what would be done and change nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Throws where the lock is lost; asked before anything is removed. */
  readonly assertLock: () => void;
  /** Called as a part gets on: index files that are read, headers of packs, index files that are replaced. */
  readonly onProgress: (phase: "index" | "packs" | "write", done: number, total: number) => void;
}

/** A pack whose header cannot be read, and why. */
export interface UnreadablePack {
  readonly id: PackId;
  readonly reason: string;
}

/** What was repaired, or would be. Lists are sorted. */
export interface IndexRepair {
  /** Packs that an index listed and that are gone. */
  readonly missingPacks: readonly PackId[];
  /** Packs that no index listed. */
  readonly addedPacks: readonly PackId[];
  /** Packs that were listed in another way than their headers say, in parts, or twice. */
  readonly correctedPacks: readonly PackId[];
  /** Packs whose header cannot be read; nothing was changed about them. */
  readonly unreadablePacks: readonly UnreadablePack[];
  /** Index files that could not be read. */
  readonly damagedFiles: readonly IndexId[];
  /** How many packs there are, and how many headers were read. */
  readonly packs: number;
  readonly headersRead: number;
  /** Index files: untouched, removed, written. A dry run writes none. */
  readonly filesKept: number;
  readonly filesRemoved: number;
  readonly filesWritten: number;
}

/** Repairs the index. Damage is in the result; what is thrown is what the store throws, and the signal's reason. */
export async function repairIndex(repository: Repository, options: IndexRepairOptions): Promise<IndexRepair> {
  const survey = await surveyIndex(repository, options);
  const writer = new IndexFileWriter(repository.files, options.signal);
  const { headersRead, unreadable } = await readHeaders(repository, survey, writer, options);
  const stale = [...survey.files].filter(([file, packs]) => packs.some((pack) => !survey.keeps(file, pack)))
    .map(([file]) => file);
  const exchange = { readable: stale, damaged: survey.damagedFiles, keeps: survey.keeps.bind(survey) };
  if (!options.dryRun) {
    const onProgress = (done: number, total: number) => options.onProgress("write", done, total);
    await exchangeIndexFiles(repository, exchange, { ...options, writer, onProgress });
  }
  return {
    ...survey.changes(),
    unreadablePacks: unreadable.sort((a, b) => a.id < b.id ? -1 : 1),
    damagedFiles: survey.damagedFiles,
    headersRead,
    filesKept: survey.files.size - stale.length,
    filesRemoved: stale.length + survey.damagedFiles.length,
    filesWritten: writer.written.length,
  };
}

/** What one index file says of a pack. */
interface Description {
  readonly file: IndexId;
  /** SHA-256 of the header it implies; null where no pack can be like that. */
  readonly headerSha256: string | null;
  /** Bytes of the pack it implies. */
  readonly bytes: number;
}

/** One pack as store and index files know it. */
interface SurveyedPack {
  /** Null where it is gone. */
  storedBytes: number | null;
  readonly descriptions: Description[];
  /** Which of the descriptions stay. */
  kept: "none" | "all" | IndexId;
}

const FILES_AT_ONCE = 4;

async function surveyIndex(repository: Repository, options: IndexRepairOptions): Promise<IndexSurvey> {
  const { store, files } = repository;
  const { signal, onProgress } = options;
  const survey = new IndexSurvey();
  const ids: IndexId[] = [];
  for await (const { name } of files.list("index", { signal })) ids.push(asId<IndexId>(name));
  ids.sort();
  for (let start = 0; start < ids.length; start += FILES_AT_ONCE) {
    const batch = ids.slice(start, start + FILES_AT_ONCE);
    const loaded = await mapConcurrently(batch, FILES_AT_ONCE, (id) => loadOrFail(repository, id, signal));
    batch.forEach((id, i) => survey.addFile(id, loaded[i]!));
    onProgress("index", start + batch.length, ids.length);
  }
  for await (const { name, size } of store.list("pack", { signal })) survey.addStored(asId<PackId>(name), size);
  return survey;
}

async function loadOrFail({ files }: Repository, id: IndexId, signal: AbortSignal) {
  try {
    return await files.load("index", id, { signal });
  } catch (error) {
    if (error instanceof IntegrityError) return error;
    throw error;
  }
}

/** All packs, and the index files that list them. Some 400 bytes a pack. */
class IndexSurvey {
  readonly files = new Map<IndexId, readonly PackId[]>();
  readonly damagedFiles: IndexId[] = [];
  readonly packs = new Map<PackId, SurveyedPack>();

  addFile(file: IndexId, loaded: Uint8Array | IntegrityError): void {
    try {
      if (loaded instanceof IntegrityError) throw loaded;
      const packs = packsOfIndex(loaded, `index ${file}`);
      for (const [id, blobs] of packs) {
        const description = { file, headerSha256: headerDigest(blobs), bytes: packFileSize(blobs) };
        this.#pack(id).descriptions.push(description);
      }
      this.files.set(file, [...packs.keys()]);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      this.damagedFiles.push(file);
    }
  }

  addStored(id: PackId, bytes: number): void {
    this.#pack(id).storedBytes = bytes;
  }

  /** Whether what this index file says of the pack is to stay. */
  keeps(file: IndexId, id: PackId): boolean {
    const { kept } = this.packs.get(id)!;
    return kept === "all" || kept === file;
  }

  /** What changes, once every pack is decided about. */
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

interface PackToRead {
  readonly id: PackId;
  readonly bytes: number;
  readonly pack: SurveyedPack;
}

/** Decides about every pack; hands to the writer those that are to be listed anew. */
async function readHeaders(
  repository: Repository,
  survey: IndexSurvey,
  writer: IndexFileWriter,
  { readAllPacks, dryRun, signal, onProgress }: IndexRepairOptions,
): Promise<{ headersRead: number; unreadable: UnreadablePack[] }> {
  const toRead: PackToRead[] = [];
  for (const [id, pack] of survey.packs) {
    if (pack.storedBytes === null) continue;
    if (!readAllPacks) pack.kept = agreedDescription(pack);
    if (pack.kept === "none") toRead.push({ id, bytes: pack.storedBytes, pack });
  }
  const unreadable: UnreadablePack[] = [];
  let done = 0;
  await mapConcurrently(toRead, PACKS_AT_ONCE, async ({ id, bytes, pack }) => {
    signal.throwIfAborted();
    const header = await headerOrFailure(repository, { id, bytes, isListed: pack.descriptions.length > 0 }, signal);
    if (header instanceof IntegrityError) {
      pack.kept = "all";
      unreadable.push({ id, reason: header.message });
    } else {
      pack.kept = pack.descriptions.find(({ headerSha256 }) => headerSha256 === header.sha256)?.file ?? "none";
      if (pack.kept === "none" && !dryRun) await writer.add(id, header.blobs);
    }
    onProgress("packs", ++done, toRead.length);
  });
  return { headersRead: toRead.length, unreadable };
}

/** The file of the first description, where all agree with each other and with the size of the pack; else "none". */
function agreedDescription({ storedBytes, descriptions }: SurveyedPack): "none" | IndexId {
  const [first] = descriptions;
  if (first === undefined || first.headerSha256 === null || first.bytes !== storedBytes) return "none";
  return descriptions.every(({ headerSha256 }) => headerSha256 === first.headerSha256) ? first.file : "none";
}

/** A pack that no index lists is listed only if all of it is what its name says: backups will build upon its blobs. */
async function headerOrFailure(
  repository: Repository,
  pack: { id: PackId; bytes: number; isListed: boolean },
  signal: AbortSignal,
): Promise<PackHeader | IntegrityError> {
  try {
    if (!pack.isListed) await confirmWhole(repository, pack.id, signal);
    return await readPackHeader(repository, pack, signal);
  } catch (error) {
    if (error instanceof IntegrityError) return error;
    throw error;
  }
}

async function confirmWhole({ store }: Repository, id: PackId, signal: AbortSignal): Promise<void> {
  const bytes = await store.get({ kind: "pack", name: id }, undefined, { signal });
  const isWhole = encodeHex(sha256(bytes)) === id;
  freeBuffer(bytes);
  if (!isWhole) {
    throw new IntegrityError(`Damaged pack ${id}: its content does not have the SHA-256 it is named by`);
  }
}
