/**
 * Rebuilds the index from the packs: every existing pack is listed once, as its header describes it, and no missing
 * pack is listed. Index files that are correct stay.
 *
 * A pack's header is read if no index lists the pack, if index files contradict each other or the size of its file, or
 * if all headers are to be read. If the header cannot be read, the pack stays listed as it is, because only the index
 * then tells which blobs can be saved.
 */
import type { Clock } from "../../base/clock.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError, type StoreError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { IndexId, PackId } from "../../base/id.ts";
import { confirmListed } from "../../repository/confirm_listing.ts";
import { IndexFileWriter } from "../../repository/index/index_file_writer.ts";
import { compareWithName, type PackHeader, readPackHeader } from "../../repository/pack/pack_reader.ts";
import { exchangeIndexFiles, type IndexExchange } from "./exchange_index_files.ts";
import { type IndexSurvey, type SurveyedPack, surveyIndex, type Unreadable } from "./pack_survey.ts";
import type { LockedRepository, Repository } from "../../repository/repository.ts";
import { failureOfFile } from "../../repository/unreadable.ts";

/** Fewer than connections, because each may hold a whole pack in memory. */
const PACKS_AT_ONCE = 4;

/** Options of `repairIndex`. */
interface IndexRepairOptions {
  /** Read the header of every pack, even if the index seems to describe it correctly. */
  readonly readAllPacks: boolean;
  /** Report what would be done, and change nothing. */
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called as a phase proceeds: reading index files, reading pack headers, replacing index files. */
  readonly onProgress: (phase: "index" | "packs" | "write", done: number, total: number) => void;
}

/** What was repaired, or would be. The lists are sorted. */
export interface IndexRepair {
  /** Packs that an index listed but that are gone. */
  readonly missingPacks: readonly PackId[];
  /** Packs that no index listed. */
  readonly addedPacks: readonly PackId[];
  /** Packs whose listing was wrong, incomplete, or repeated. */
  readonly correctedPacks: readonly PackId[];
  /** Packs whose headers cannot be read. Their listing is unchanged. */
  readonly unreadablePacks: readonly Unreadable<PackId>[];
  /** Index files that could not be read. Packs that only they listed are listed again, if possible. */
  readonly damagedFiles: readonly IndexId[];
  /**
   * Index files that the store cannot deliver and that stay, because only they may list packs that cannot be read
   * either.
   */
  readonly unreadableFiles: readonly Unreadable<IndexId>[];
  /** How many packs exist. */
  readonly packs: number;
  /** How many pack headers were read. */
  readonly headersRead: number;
  /** Index files that stay. */
  readonly filesKept: number;
  /** Index files that were removed. */
  readonly filesRemoved: number;
  /** Index files that were written; 0 in a dry run. */
  readonly filesWritten: number;
}

/**
 * Repairs the index. Damage is in the result. Throws what the store throws, `StoreError` if the store then lists
 * unexpected index files, and the signal's reason.
 */
export async function repairIndex(repository: LockedRepository, options: IndexRepairOptions): Promise<IndexRepair> {
  const { signal, dryRun } = options;
  const progress = (phase: "index" | "write") => (done: number, total: number) =>
    options.onProgress(phase, done, total);
  const survey = await surveyIndex(repository, { signal, onProgress: progress("index") });
  const writer = new IndexFileWriter(repository.files, { signal });
  const { headersRead, unreadable } = await readHeaders(repository, survey, writer, options);
  const stale = [...survey.files].filter(([file, packs]) => packs.some((pack) => !survey.keeps(file, pack)))
    .map(([file]) => file);
  const stay = filesToStay(survey, unreadable);
  const damaged = [...survey.damagedFiles, ...survey.unreadableFiles.map(({ id }) => id)]
    .filter((file) => !stay.some(({ id }) => id === file)).sort();
  const exchange = { readable: stale, damaged, keeps: survey.keeps.bind(survey) };
  if (!dryRun) {
    await exchangeIndexFiles(repository, exchange, { writer, signal, onProgress: progress("write") });
    await confirmIndexes(repository, survey, { ...exchange, written: writer.written }, options);
  }
  return {
    ...survey.changes(),
    unreadablePacks: unreadable.sort((a, b) => a.id < b.id ? -1 : 1),
    damagedFiles: damaged,
    unreadableFiles: stay,
    headersRead,
    filesKept: survey.files.size - stale.length + stay.length,
    filesRemoved: stale.length + damaged.length,
    filesWritten: writer.written.length,
  };
}

/** Confirms the removal of old index files. A file that remained would still list packs that are gone. */
async function confirmIndexes(
  { files }: Repository,
  survey: IndexSurvey,
  { readable, damaged, written }: Pick<IndexExchange, "readable" | "damaged"> & {
    readonly written: readonly IndexId[];
  },
  { clock, signal }: IndexRepairOptions,
): Promise<void> {
  const gone = new Set([...readable, ...damaged]);
  const before = [...survey.files.keys(), ...survey.damagedFiles, ...survey.unreadableFiles.map(({ id }) => id)];
  const names = before.filter((id) => !gone.has(id)).concat(written);
  await confirmListed(
    { files, clock, signal },
    { kind: "index", names },
    "the index may still list packs that are gone",
  );
}

/**
 * Keeps index files that the store cannot deliver if a pack is unreadable and in no other index: only they may describe
 * it.
 */
function filesToStay({ unreadableFiles, packs }: IndexSurvey, unreadable: readonly Unreadable<PackId>[]) {
  return unreadable.some(({ id }) => packs.get(id)!.descriptions.length === 0) ? unreadableFiles : [];
}

interface PackToRead {
  readonly id: PackId;
  readonly bytes: number;
  readonly pack: SurveyedPack;
}

/** Decides about every pack, and writes the packs to be listed again to `writer`. */
async function readHeaders(
  repository: Repository,
  survey: IndexSurvey,
  writer: IndexFileWriter,
  { readAllPacks, dryRun, signal, onProgress }: IndexRepairOptions,
): Promise<{ headersRead: number; unreadable: Unreadable<PackId>[] }> {
  const toRead: PackToRead[] = [];
  for (const [id, pack] of survey.packs) {
    if (pack.storedBytes === null) continue;
    if (!readAllPacks) pack.kept = agreedDescription(pack);
    if (pack.kept === "none") toRead.push({ id, bytes: pack.storedBytes, pack });
  }
  const unreadable: Unreadable<PackId>[] = [];
  let done = 0;
  await mapConcurrently(toRead, PACKS_AT_ONCE, async ({ id, bytes, pack }) => {
    signal.throwIfAborted();
    const header = await headerOrFailure(repository, { id, bytes, isListed: pack.descriptions.length > 0 }, signal);
    if (header instanceof Error) {
      pack.kept = "all";
      unreadable.push({ id, reason: header.message });
    } else {
      pack.kept = pack.descriptions.find(({ headerSha256 }) => headerSha256 === header.sha256)?.file ?? "none";
      if (pack.kept === "none" && !dryRun) await writer.add({ id: decodeHex(id), blobs: header.blobs });
    }
    onProgress("packs", ++done, toRead.length);
  });
  return { headersRead: toRead.length, unreadable };
}

/**
 * The file of the first description, if all descriptions agree with each other and with the size of the pack; otherwise
 * "none".
 */
function agreedDescription({ storedBytes, descriptions }: SurveyedPack): "none" | IndexId {
  const [first] = descriptions;
  if (first === undefined || first.headerSha256 === null || first.bytes !== storedBytes) return "none";
  return descriptions.every(({ headerSha256 }) => headerSha256 === first.headerSha256) ? first.file : "none";
}

/**
 * Reads the header of a pack. A pack that no index lists must also be entirely whole, because backups will rely on its
 * blobs.
 */
async function headerOrFailure(
  repository: Repository,
  pack: { id: PackId; bytes: number; isListed: boolean },
  signal: AbortSignal,
): Promise<PackHeader | IntegrityError | StoreError> {
  try {
    // The header comes first: a file that is not our pack, however large, fails there.
    const header = await readPackHeader(repository, pack, signal);
    if (!pack.isListed) await compareWithName(repository, pack, signal);
    return header;
  } catch (error) {
    return error instanceof IntegrityError ? error : await failureOfFile(repository.store, error, signal);
  }
}
