/** Every message of `--json`, with the commands that write it: what docs/json.md is made from and outputs are held to. */
import type * as v from "valibot";
import { backupMessage } from "../../src/cli/report/json/backup.ts";
import { checkSummaryMessage, findingMessage } from "../../src/cli/report/json/check.ts";
import {
  addedKeyMessage,
  changedKeyMessage,
  initMessage,
  keyMessage,
  removedKeyMessage,
  removedLockMessage,
} from "../../src/cli/report/json/keys.ts";
import {
  cachedRepositoryMessage,
  cacheMessage,
  cacheRemovalMessage,
  servedMessage,
  versionMessage,
} from "../../src/cli/report/json/machine.ts";
import { putMessage, shownMessage } from "../../src/cli/report/json/manifest.ts";
import {
  damagedBackupMessage,
  indexRepairMessage,
  lostBlobMessage,
  packRepairMessage,
  repairedPackMessage,
  snapshotRepairMessage,
} from "../../src/cli/report/json/repair.ts";
import { groupMessage, prunedPackMessage, pruneSummaryMessage } from "../../src/cli/report/json/retention.ts";
import {
  failureMessage,
  progressMessage,
  retryMessage,
  warningMessage,
} from "../../src/cli/report/json/standard_error.ts";
import { importedBinlogsMessage, importedStatusMessage, statusMessage } from "../../src/cli/report/json/status.ts";
import {
  goneMemberMessage,
  md5Message,
  memberMessage,
  restoredMessage,
  sha256Message,
  verifiedChainMessage,
  verifiedMessage,
} from "../../src/cli/report/json/streams.ts";

/** One kind of message. */
export interface Message {
  /** What it is about; another message may name it in its field facts. */
  readonly title: string;
  /** The commands that write it, with options where only those make them. */
  readonly commands: readonly string[];
  /** When it is written, in a sentence. */
  readonly about: string;
  readonly schema: v.GenericSchema & { readonly entries: v.ObjectEntries };
  /** Whether it begins with all fields of a backup. */
  readonly isBackup?: boolean;
}

/** Messages on standard output. */
export const RESULTS: readonly Message[] = [
  {
    title: "A backup",
    commands: ["ls", "hold", "release", "rm"],
    about: "One for each backup that is listed, changed or removed, oldest first.",
    schema: backupMessage,
  },
  {
    title: "A backup that was made",
    commands: ["put"],
    about: "One, when it is committed.",
    schema: putMessage,
    isBackup: true,
  },
  {
    title: "A backup with its manifest",
    commands: ["show"],
    about: "One.",
    schema: shownMessage,
    isBackup: true,
  },
  { title: "An MD5 sum", commands: ["show --md5sums"], about: "One for each stream.", schema: md5Message },
  { title: "A SHA-256 sum", commands: ["show --sha256sums"], about: "One for each stream.", schema: sha256Message },
  {
    title: "A restored stream",
    commands: ["get"],
    about: "One for each stream; on standard error where the stream itself is on standard output.",
    schema: restoredMessage,
  },
  { title: "A verified stream", commands: ["verify"], about: "One for each stream.", schema: verifiedMessage },
  {
    title: "A verified chain",
    commands: ["verify"],
    about: "One behind the streams, also where a member is damaged.",
    schema: verifiedChainMessage,
  },
  {
    title: "A member of a chain",
    commands: ["chain"],
    about: "One for each member, followed by those that continue it.",
    schema: memberMessage,
    isBackup: true,
  },
  {
    title: "A member of a chain that is gone",
    commands: ["chain"],
    about: "In its place among the others.",
    schema: goneMemberMessage,
  },
  {
    title: "The status of a series on a host",
    commands: ["status"],
    about: "One for each, then one for each expectation of what has no backup.",
    schema: statusMessage,
  },
  {
    title: "The status by a file of TwinDB Backup",
    commands: ["status --import"],
    about: "One for each kind of source on a host.",
    schema: importedStatusMessage,
  },
  {
    title: "The status by a file of binary logs",
    commands: ["status --import"],
    about: "One for each host.",
    schema: importedBinlogsMessage,
  },
  {
    title: "A group of a retention",
    commands: ["forget", "rotate"],
    about: "One for each group of backups; names are restic's.",
    schema: groupMessage,
  },
  {
    title: "A pack that goes",
    commands: ["prune", "forget --prune", "rotate --prune", "rm --prune"],
    about: "One for each pack, before the summary.",
    schema: prunedPackMessage,
  },
  {
    title: "A prune",
    commands: ["prune", "forget --prune", "rotate --prune", "rm --prune"],
    about: "One, when it is done.",
    schema: pruneSummaryMessage,
  },
  { title: "Something that a check found", commands: ["check"], about: "Errors, then notes.", schema: findingMessage },
  { title: "A check", commands: ["check"], about: "One, at the end.", schema: checkSummaryMessage },
  { title: "A repair of the index", commands: ["repair index"], about: "One, at the end.", schema: indexRepairMessage },
  {
    title: "A pack that was to be repaired",
    commands: ["repair packs"],
    about: "One for each.",
    schema: repairedPackMessage,
  },
  {
    title: "A blob that is lost",
    commands: ["repair packs"],
    about: "One for each that no pack holds any more.",
    schema: lostBlobMessage,
  },
  { title: "A repair of packs", commands: ["repair packs"], about: "One, at the end.", schema: packRepairMessage },
  {
    title: "A damaged backup",
    commands: ["repair snapshots"],
    about: "One for each, oldest first.",
    schema: damagedBackupMessage,
  },
  {
    title: "A repair of snapshots",
    commands: ["repair snapshots"],
    about: "One, at the end.",
    schema: snapshotRepairMessage,
  },
  { title: "A new repository", commands: ["init"], about: "One.", schema: initMessage },
  { title: "A key", commands: ["key list"], about: "One for each, oldest first.", schema: keyMessage },
  { title: "A key that was added", commands: ["key add"], about: "One.", schema: addedKeyMessage },
  { title: "A changed password", commands: ["key passwd"], about: "One.", schema: changedKeyMessage },
  { title: "A key that was removed", commands: ["key remove"], about: "One.", schema: removedKeyMessage },
  { title: "A lock that was removed", commands: ["unlock"], about: "One for each.", schema: removedLockMessage },
  {
    title: "A repository in the cache",
    commands: ["cache"],
    about: "One for each, the last used first.",
    schema: cachedRepositoryMessage,
  },
  { title: "The cache", commands: ["cache"], about: "One, behind its repositories.", schema: cacheMessage },
  {
    title: "What was removed from the cache",
    commands: ["cache --prune", "cache --clear"],
    about: "One.",
    schema: cacheRemovalMessage,
  },
  {
    title: "An address that is served",
    commands: ["serve"],
    about: "One for each address, when the server takes requests.",
    schema: servedMessage,
  },
  { title: "The version", commands: ["version"], about: "One.", schema: versionMessage },
];

/** Messages on standard error, which any command may write. */
export const REMARKS: readonly Message[] = [
  { title: "Progress", commands: [], about: "Once a second, of commands that take long.", schema: progressMessage },
  { title: "A warning", commands: [], about: "Also of a quiet command.", schema: warningMessage },
  { title: "A retry", commands: [], about: "Where the next try is waited for.", schema: retryMessage },
  { title: "A failure", commands: [], about: "The last line, where the exit code is not 0.", schema: failureMessage },
];
