/**
 * Makes the index again what the packs say: every pack that is there is listed once and as its header says, none that is
 * gone. Index files that are right as they are stay.
 *
 * A pack's header is read where no index lists the pack, where index files contradict each other or the size of the file,
 * or where all are to be read. A pack whose header cannot be read stays listed as it is: the index then is all that tells
 * which blobs can be saved from it.
 */
import type { Clock } from "../../base/clock.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError, type StoreError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import type { IndexId, PackId } from "../../base/id.ts";
import { confirmListed } from "../../repository/confirm_listing.ts";
import { IndexFileWriter } from "../../repository/index/index_file_writer.ts";
import { confirmWhole, type PackHeader, readPackHeader } from "../../repository/pack/pack_reader.ts";
import { exchangeIndexFiles, type IndexExchange } from "./exchange_index_files.ts";
import { type IndexSurvey, type SurveyedPack, surveyIndex, type Unreadable } from "./pack_survey.ts";
import type { LockedRepository, Repository } from "../../repository/repository.ts";
import { failureOfFile } from "../../repository/unreadable.ts";

/** Whole packs may be in memory, so there are fewer than connections. */
const PACKS_AT_ONCE = 4;

/** Options of `repairIndex`. */
interface IndexRepairOptions {
  /** Read the header of every pack, also of those that the index seems to describe well. */
  readonly readAllPacks: boolean;
  /** Find out what would be done and change nothing. */
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called as a part gets on: index files that are read, headers of packs, index files that are replaced. */
  readonly onProgress: (phase: "index" | "packs" | "write", done: number, total: number) => void;
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
  readonly unreadablePacks: readonly Unreadable<PackId>[];
  /** Index files that could not be read; every pack that only they may have listed is listed anew, if it can be. */
  readonly damagedFiles: readonly IndexId[];
  /** Index files that the store does not give and that stay: packs that cannot be read may be listed there and nowhere else. */
  readonly unreadableFiles: readonly Unreadable<IndexId>[];
  /** How many packs there are, and how many headers were read. */
  readonly packs: number;
  /** How many headers of packs were read. */
  readonly headersRead: number;
  /** Index files: untouched, removed, written. A dry run writes none. */
  readonly filesKept: number;
  /** Index files that were removed. */
  readonly filesRemoved: number;
  /** Index files that were written. */
  readonly filesWritten: number;
}

/**
 * Repairs the index. Damage is in the result; what is thrown is what the store throws, a `StoreError` where the store then
 * lists other index files than it has to, and the signal's reason.
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

/** An index file that only seems to be gone would go on listing packs that are not there. */
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

/** An index file that the store does not give today may be all that tells of a pack that cannot be read either. */
function filesToStay({ unreadableFiles, packs }: IndexSurvey, unreadable: readonly Unreadable<PackId>[]) {
  return unreadable.some(({ id }) => packs.get(id)!.descriptions.length === 0) ? unreadableFiles : [];
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
): Promise<PackHeader | IntegrityError | StoreError> {
  try {
    // The header first: what is none of our packs, however large, ends there.
    const header = await readPackHeader(repository, pack, signal);
    if (!pack.isListed) await confirmWhole(repository, pack, signal);
    return header;
  } catch (error) {
    return error instanceof IntegrityError ? error : await failureOfFile(repository.store, error, signal);
  }
}
