/** Streams that were read, and members of chains, in `--json` output. */
import * as v from "valibot";
import { invariant } from "../../../base/errors.ts";
import type { Backup } from "../../../backup/backup.ts";
import type { CheckedMember } from "../../../backup/chain/chain_check.ts";
import { ARCHIVE_FORMATS, type ArchiveFormat, type ArchiveResult } from "../../../ops/restore/archive.ts";
import type { DrawnMember } from "../../../ops/chain.ts";
import type { OpenBackup } from "../../../ops/restore/get.ts";
import type { ReplayResult } from "../../../ops/restore/replay.ts";
import type { VerifiedFiles } from "../../../backup/files/verify_files.ts";
import type { VerifiedStream } from "../../../backup/content/read_verified.ts";
import { backupFields, backupJson } from "./backup_json.ts";
import { pathJson } from "./files/entry_json.ts";
import { bytes, count, flag, hex, list, object, oneOf, orAbsent, orNull, session, text } from "./json_fields.ts";

const readFields = <Md5 extends v.GenericSchema>(md5: Md5) => ({
  id: hex("The backup."),
  path: text("Its path in the snapshot."),
  size: bytes("Its size."),
  md5,
  sha256: hex("SHA-256 of what was read."),
  compared: flag("Whether the digests were compared with those of a manifest; backups of other tools have none."),
});

/** A stream that was restored. */
export const restoredMessage = v.strictObject({
  ...readFields(orNull(hex("MD5 of what was read."), "--md5 was not given")),
  session,
});

/** Its JSON object. */
export function restoredJson(
  stream: VerifiedStream,
  backup: Backup,
  session: string,
): v.InferOutput<typeof restoredMessage> {
  return { ...readJson(stream, backup, stream.summary.md5), session };
}

function readJson<Md5>(stream: VerifiedStream, backup: Backup, md5: Md5) {
  const { file, summary: { size, sha256 } } = stream;
  return { id: backup.id, path: file.path, size, md5, sha256, compared: file.expected !== null };
}

/** An archive that was written. */
export const archiveMessage = v.strictObject({
  id: hex("The backup."),
  format: oneOf(ARCHIVE_FORMATS, "The format of the archive."),
  members: count("Its members: files, directories, links and others."),
  files: count("How many of them are files; each name of a file counts."),
  contentBytes: bytes("The contents of all files in it."),
  size: bytes("The archive."),
  sha256: hex("SHA-256 of the archive."),
  compared: count("How many of the files were compared with a manifest: length, SHA-256 and, with --md5, MD5."),
  leftOut: count("Entries of the backup that the format cannot hold. A warning names each; the exit code is then 6."),
  session,
});

/** Its JSON object. */
export function archiveJson(
  result: ArchiveResult,
  { format, session }: { readonly format: ArchiveFormat; readonly session: string },
): v.InferOutput<typeof archiveMessage> {
  const { backup: { id }, members, files, contentBytes, bytes, sha256, compared, leftOut } = result;
  return { id, format, members, files, contentBytes, size: bytes, sha256, compared, leftOut, session };
}

/** A backup that its engine brought into a target. */
export const replayedMessage = v.strictObject({
  id: hex("The backup."),
  engine: text("The engine that made it."),
  level: count("The highest level that was replayed; 0 for an engine without levels."),
  items: count("Streams of all levels, or entries of the tree."),
  size: bytes("The contents of them."),
  problems: list(v.string(), "What could not be restored, for people. If there is any, the exit code is 6."),
  notes: list(v.string(), "Remarks."),
  session,
});

/** Its JSON object. */
export function replayedJson(
  { level, items, size, problems, notes }: ReplayResult,
  { backup, manifest }: Pick<OpenBackup, "backup" | "manifest">,
  session: string,
): v.InferOutput<typeof replayedMessage> {
  return {
    id: backup.id,
    engine: manifest!.engine.name,
    level,
    items,
    size,
    problems: [...problems],
    notes: [...notes],
    session,
  };
}

/** A stream that was verified. */
export const verifiedMessage = v.strictObject({
  ...readFields(hex("MD5 of what was read.")),
  guard: object({
    format: text("The format that was recognised, or `none`."),
    complete: orNull(flag("Whether the stream is whole."), "it could not be judged"),
    reason: text("The reason, for people."),
    notes: list(v.string(), "Remarks."),
  }, "The verdict of a guard."),
});

/** Its JSON object. */
export function verifiedJson(stream: VerifiedStream, backup: Backup): v.InferOutput<typeof verifiedMessage> {
  const { md5, verdict: { format, complete, reason, notes } } = stream.summary;
  invariant(md5 !== null, "A stream was verified without its MD5");
  return { ...readJson(stream, backup, md5), guard: { format, complete, reason, notes } };
}

/** The files of a files backup that were verified. */
export const verifiedFilesMessage = v.strictObject({
  id: hex("The backup."),
  files: count("Files that were read."),
  size: count("Their bytes."),
  compared: count("How many of them have both digests in the list of the backup, and match them."),
});

/** Its JSON object. */
export function verifiedFilesJson(
  { files, bytes, compared }: VerifiedFiles,
  { id }: Backup,
): v.InferOutput<typeof verifiedFilesMessage> {
  return { id, files, size: bytes, compared };
}

/** A line of a checksum list. */
export const md5Message = v.strictObject({
  path: text("Its path in the snapshot; of files, the path in the source without the leading slash."),
  pathBytes: orAbsent(text("The exact path, in base64."), "the path is UTF-8"),
  md5: hex("MD5 of the whole stream or file."),
});

/** As `md5Message`. */
export const sha256Message = v.strictObject({
  path: text("Its path in the snapshot; of files, the path in the source without the leading slash."),
  pathBytes: orAbsent(text("The exact path, in base64."), "the path is UTF-8"),
  sha256: hex("SHA-256 of the whole stream or file."),
});

/** The JSON object of a stream's or file's checksum. */
export function sumJson(
  path: string,
  digest: "md5" | "sha256",
  sum: string,
): v.InferOutput<typeof md5Message> | v.InferOutput<typeof sha256Message> {
  return digest === "md5" ? { ...pathJson(path), md5: sum } : { ...pathJson(path), sha256: sum };
}

const MEMBER_STATES = [
  "ok",
  "gone",
  "foreign",
  "missing",
  "unreadable",
  "changed",
  "swapped",
  "unlinked",
  "damaged",
] as const;
const UNKNOWN_LEVEL = "another tool made it";

const stateFields = {
  state: oneOf(MEMBER_STATES, "Its state. `gone`: retention removed it. `foreign`: another tool made it."),
  problem: orNull(text("What is wrong, for people."), "nothing is wrong, or it is gone or foreign"),
};

/** A chain that was verified. */
export const verifiedChainMessage = v.strictObject({
  id: hex("The backup."),
  chain: list(
    v.strictObject({
      id: hex("The member."),
      level: orNull(count("Its level."), UNKNOWN_LEVEL),
      ...stateFields,
    }),
    "The members of its chain, level 0 first.",
  ),
});

/** Its JSON object. */
export function verifiedChainJson(
  id: string,
  members: readonly CheckedMember[],
): v.InferOutput<typeof verifiedChainMessage> {
  return { id, chain: members.map(({ id, level, state, problem }) => ({ id, level, state, problem })) };
}

const drawnFields = {
  gone: flag("Whether it is gone."),
  fit: orNull(flag("Whether it would restore, as far as its manifest and its tree tell."), "another tool made it"),
  ...stateFields,
  depth: count("How many members are above it."),
  children: list(v.string(), "The backups that continue it, oldest first."),
};

/** A member of a chain. */
export const memberMessage = v.strictObject({ ...backupFields, ...drawnFields });

/** A member of a chain that is gone. */
export const goneMemberMessage = v.strictObject({
  id: hex("The id of the backup that is gone."),
  level: orNull(count("Its level."), UNKNOWN_LEVEL),
  ...drawnFields,
});

/** The JSON object of a member. */
export function memberJson(
  member: DrawnMember,
): v.InferOutput<typeof memberMessage> | v.InferOutput<typeof goneMemberMessage> {
  const { id, level, backup, fit, state, problem, depth, children } = member;
  const drawn = { gone: backup === null, fit, state, problem, depth, children };
  return backup === null ? { id, level, ...drawn } : { ...backupJson(backup), ...drawn };
}
