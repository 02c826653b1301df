/** A manifest in `--json` output, and the result of `put`. */
import * as v from "valibot";
import type { Manifest, ManifestFile, ManifestTree } from "../../../format/manifest/manifest.ts";
import type { Backup } from "../../../backup/backup.ts";
import type { OpenBackup } from "../../../ops/restore/get.ts";
import type { PutResult, RepositoryOutcome, TreeCounts } from "../../../ops/put.ts";
import { backupFields, backupJson } from "./backup_json.ts";
import {
  anyObject,
  bytes,
  count,
  flag,
  hex,
  list,
  object,
  orAbsent,
  orNull,
  seconds,
  session,
  text,
  time,
} from "./json_fields.ts";
import { verdictField, verdictJson } from "./restore_test_json.ts";

const manifestFile = v.strictObject({
  path: text("Its path below the series; `\\udcNN` stands for a byte NN that is not UTF-8."),
  size: bytes("Its size."),
  md5: hex("MD5 of the whole stream."),
  sha256: hex("SHA-256 of the whole stream."),
  blobs: count("How many chunks it has."),
  guard: orNull(
    object({
      format: text("The format that was recognised, or `none`."),
      complete: orNull(flag("Whether the stream is whole."), "it could not be judged"),
    }, "The verdict of its guard."),
    "no guard judged it",
  ),
  parts: orAbsent(count("In how many numbered parts it is stored."), "it is stored in one"),
  shrunk: orAbsent(
    object({
      from: bytes("Its size."),
      of: hex("The backup that it was in."),
    }, "The previous stream, which was much larger."),
    "it did not shrink",
  ),
});

function manifestFileJson(file: ManifestFile): v.InferOutput<typeof manifestFile> {
  const { path, size, md5, sha256, blobs, guard, parts, shrunk } = file;
  return {
    path,
    size,
    md5,
    sha256,
    blobs,
    guard: guard && { format: guard.format, complete: guard.complete },
    ...parts !== undefined && { parts },
    ...shrunk !== undefined && { shrunk: { from: shrunk.from, of: shrunk.of } },
  };
}

const files = list(manifestFile, "Its streams; none if it holds files and directories.");
const STREAMS = "it holds streams";

const manifest = object({
  format: text("Name and version of the format."),
  series: text("Its series."),
  host: text("The host that it belongs to."),
  started: time("When its streams began."),
  finished: time("When the manifest was written."),
  runType: orNull(text("Which run made it."), "none was given"),
  level: count("0 for a full backup, else one more than its parent's."),
  parent: orNull(hex("The backup that it continues."), "it has level 0"),
  base: orNull(hex("The level 0 of its chain."), "it has level 0 itself"),
  engine: object({
    name: text("Its name."),
    version: text("Its version."),
    options: anyObject("Its options."),
  }, "What made the streams."),
  files,
  tree: orAbsent(
    object({
      files: count("Regular files."),
      directories: count("Directories."),
      others: count("Links, devices and whatever else there is."),
      bytes: bytes("Bytes of all files."),
    }, "What its tree holds."),
    STREAMS,
  ),
  chunker: object({
    algorithm: text("The algorithm."),
    min: bytes("The shortest chunk but the last."),
    average: bytes("The mean size."),
    max: bytes("The longest chunk."),
  }, "How the streams were cut."),
  source: anyObject("The position of the engine in its source."),
  stats: object({
    bytesRead: bytes("All streams, or the files that were read because they may have changed."),
    bytesAdded: bytes("Plaintext of the chunks that no earlier backup had."),
    bytesStored: bytes("What was stored of them when the manifest was written."),
    blobsNew: count("Chunks that no earlier backup had."),
    blobsReused: count("Chunks that were there already."),
    seconds: seconds("How long it took."),
  }, "What the backup did."),
  tags: list(v.string(), "Its tags."),
}, "Its manifest.");

function manifestTreeJson({ files, directories, others, bytes }: ManifestTree) {
  return { files, directories, others, bytes };
}

function manifestJson(given: Manifest): v.InferOutput<typeof manifest> {
  const { engine, chunker, stats } = given;
  return {
    format: given.format,
    series: given.series,
    host: given.host,
    started: given.started,
    finished: given.finished,
    runType: given.runType,
    level: given.level,
    parent: given.parent,
    base: given.base,
    engine: { name: engine.name, version: engine.version, options: engine.options },
    files: given.files.map(manifestFileJson),
    ...given.tree && { tree: manifestTreeJson(given.tree) },
    chunker: { algorithm: chunker.algorithm, min: chunker.min, average: chunker.average, max: chunker.max },
    source: given.source,
    stats: {
      bytesRead: stats.bytesRead,
      bytesAdded: stats.bytesAdded,
      bytesStored: stats.bytesStored,
      blobsNew: stats.blobsNew,
      blobsReused: stats.blobsReused,
      seconds: stats.seconds,
    },
    tags: given.tags,
  };
}

/** The output of `show`. */
export const shownMessage = v.strictObject({
  ...backupFields,
  manifest: orNull(manifest, "another tool made the backup"),
  restored: verdictField,
});

/** Its JSON object. */
export function shownJson(
  { backup, manifest, restored }: Pick<OpenBackup, "backup" | "manifest" | "restored">,
): v.InferOutput<typeof shownMessage> {
  return { ...backupJson(backup), manifest: manifest && manifestJson(manifest), restored: verdictJson(restored) };
}

const NO_BACKUP = "it has no backup";

const repositoryOutcome = v.strictObject({
  location: orNull(text("Where the repository is."), "its store could not be opened"),
  id: orNull(hex("The backup there."), NO_BACKUP),
  level: orNull(count("Its level there."), NO_BACKUP),
  bytesStored: orNull(bytes("What it added to this repository."), NO_BACKUP),
  error: orNull(
    object({
      code: count("The exit code of a put into this repository alone."),
      kind: text("What went wrong, as one word."),
      message: text("What failed, for people."),
    }, "Why there is no backup."),
    "it has the backup",
  ),
});

function outcomeJson({ location, written, error }: RepositoryOutcome): v.InferOutput<typeof repositoryOutcome> {
  const { id, info } = written?.backup ?? { id: null, info: null };
  return {
    location,
    id,
    level: info?.level ?? null,
    bytesStored: info?.stored ?? null,
    error: error === undefined ? null : { code: error.exitCode, kind: error.code, message: error.message },
  };
}

const changes = (about: string) =>
  object({
    new: count("Not in the backup before."),
    changed: count("With other content or other properties."),
    unmodified: count("The same in everything."),
  }, about);

const DRY_RUN = "it was a dry run";

/** The output of `put`. */
export const putMessage = v.strictObject({
  ...backupFields,
  id: orAbsent(backupFields.id, DRY_RUN),
  snapshot: orAbsent(backupFields.snapshot, DRY_RUN),
  finished: orAbsent(backupFields.finished, DRY_RUN),
  bytesRead: bytes("All streams together, or the files that were read because they may have changed."),
  bytesAdded: bytes("Plaintext of the chunks that no earlier backup had."),
  bytesStored: bytes("What it added to the repository, the same as `stored`."),
  blobsNew: count("Chunks that no earlier backup had."),
  blobsReused: count("Chunks that were there already."),
  seconds: seconds("How long it took, to the millisecond."),
  levelDecision: object({
    rule: text("The rule that decided the level."),
    reason: text("Why."),
    overruled: list(
      v.strictObject({
        rule: text("Its name."),
        level: count("The level that it asks for."),
        reason: text("Why."),
      }),
      "Rules that ask for another level.",
    ),
  }, "Why it has its level."),
  warnings: list(v.string(), "Warnings, which are also written to standard error."),
  notes: list(v.string(), "Remarks."),
  problems: list(
    v.string(),
    "What could not be read of the source or changed meanwhile, each problem as a text; then the exit code is 6.",
  ),
  files,
  tree: orAbsent(
    object({
      files: changes("Regular files."),
      directories: changes("Directories."),
      others: count("Links, devices and whatever else there is."),
      bytes: bytes("Bytes of all files."),
    }, "What its tree holds."),
    STREAMS,
  ),
  dryRun: orAbsent(flag("True: nothing was stored."), "it is none"),
  repositories: orAbsent(
    list(repositoryOutcome, "With `--also`: the main one, then the second one."),
    "there is one repository",
  ),
  session,
});

function treeJson({ files, directories, others, bytes }: TreeCounts) {
  return { files: { ...files }, directories: { ...directories }, others, bytes };
}

/** What a dry run knows of the backup that would be made. */
function plannedBackupJson(backup: Backup) {
  const { id: _id, snapshot: _snapshot, finished: _finished, ...known } = backupJson(backup);
  return known;
}

/** Its JSON object. `session` is that of the action, `seconds` the duration of the put; the warnings are those that were written. */
export function putJson(
  result: PutResult,
  { session, seconds, warnings, isDry }: {
    readonly session: string;
    readonly seconds: number;
    readonly warnings: readonly string[];
    readonly isDry: boolean;
  },
): v.InferOutput<typeof putMessage> {
  const { backup, decision, notes, problems, repositories } = result;
  const { bytesRead, bytesAdded, blobsNew, blobsReused } = result.manifest.stats;
  return {
    ...isDry ? plannedBackupJson(backup) : backupJson(backup),
    bytesRead,
    bytesAdded,
    bytesStored: backup.info!.stored,
    blobsNew,
    blobsReused,
    seconds: Math.round(seconds * 1000) / 1000,
    levelDecision: {
      rule: decision.rule,
      reason: decision.reason,
      overruled: decision.overruled.map(({ rule, level, reason }) => ({ rule, level, reason })),
    },
    warnings,
    notes,
    problems,
    files: result.manifest.files.map(manifestFileJson),
    ...result.tree && { tree: treeJson(result.tree) },
    ...isDry && { dryRun: true },
    ...repositories && { repositories: repositories.map(outcomeJson) },
    session,
  };
}
