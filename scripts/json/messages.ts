/**
 * Every message of `--json`, with the commands that write it. docs/json.md is made from this list, and tests check
 * outputs against it.
 */
import type * as v from "valibot";
import { backupMessage, removedMessage } from "../../src/cli/report/json/backup_json.ts";
import { checkSummaryMessage, findingMessage } from "../../src/cli/report/json/check_json.ts";
import {
  configCheckedMessage,
  configExplainedMessage,
  configImportedMessage,
  configMistakeMessage,
  configShownMessage,
} from "../../src/cli/report/json/config_json.ts";
import { copiedBackupMessage, copySummaryMessage, uncopiedBackupMessage } from "../../src/cli/report/json/copy_json.ts";
import {
  addedKeyMessage,
  changedKeyMessage,
  initMessage,
  keyMessage,
  removedKeyMessage,
  removedLockMessage,
} from "../../src/cli/report/json/keys_json.ts";
import {
  cachedRepositoryMessage,
  cacheMessage,
  cacheRemovalMessage,
  catalogueColumnMessage,
  cataloguedBackupMessage,
  pluginMessage,
  refreshedCatalogueMessage,
  servedMessage,
  versionMessage,
} from "../../src/cli/report/json/machine_json.ts";
import { diffSummaryMessage, streamDifferenceMessage } from "../../src/cli/report/json/files/diff_json.ts";
import {
  changeMessage,
  entryMessage,
  foundMessage,
  treeSummaryMessage,
} from "../../src/cli/report/json/files/entry_json.ts";
import { leftOutMessage } from "../../src/cli/report/json/values/left_out_json.ts";
import { putMessage, shownMessage } from "../../src/cli/report/json/manifest_json.ts";
import {
  damagedBackupMessage,
  indexRepairMessage,
  lostBlobMessage,
  packRepairMessage,
  repairedPackMessage,
  snapshotRepairMessage,
} from "../../src/cli/report/json/repair_json.ts";
import { groupMessage, prunedPackMessage, pruneSummaryMessage } from "../../src/cli/report/json/retention_json.ts";
import { plannedMessage, restoredFilesMessage } from "../../src/cli/report/json/files/restore_json.ts";
import {
  failureMessage,
  progressMessage,
  retryMessage,
  warningMessage,
} from "../../src/cli/report/json/standard_error_json.ts";
import { monthStatsMessage, seriesStatsMessage, statsSummaryMessage } from "../../src/cli/report/json/stats_json.ts";
import { importedBinlogsMessage, importedStatusMessage, statusMessage } from "../../src/cli/report/json/status_json.ts";
import {
  archiveMessage,
  goneMemberMessage,
  md5Message,
  memberMessage,
  replayedMessage,
  restoredMessage,
  sha256Message,
  verifiedChainMessage,
  verifiedFilesMessage,
  verifiedMessage,
} from "../../src/cli/report/json/streams_json.ts";
import { dumpDoneMessage, dumpedTableMessage } from "../../src/cli/report/json/tables/dump_file_json.ts";
import { restoreTestMessage } from "../../src/cli/report/json/restore_test_json.ts";
import { restoredTablesMessage, tableMessage } from "../../src/cli/report/json/tables/tables_json.ts";
import {
  changedValueMessage,
  listedKeyMessage,
  valueMessage,
  valueVersionMessage,
} from "../../src/cli/report/json/values/values_json.ts";
import { taggedMessage } from "../../src/cli/report/json/tagged_json.ts";
import { revokedMessage, urlMessage } from "../../src/cli/report/json/urls/url_json.ts";

/** One kind of message. */
export interface Message {
  /** What the message is about. The field facts of other messages may refer to it. */
  readonly title: string;
  /** The commands that write it, with an option if only that makes them write it. */
  readonly commands: readonly string[];
  /** When it is written, as a sentence. */
  readonly about: string;
  readonly schema: v.GenericSchema & { readonly entries: v.ObjectEntries };
  /** Whether it begins with all fields of a backup. */
  readonly isBackup?: boolean;
}

/** Messages on standard output. */
export const RESULTS: readonly Message[] = [
  {
    title: "A backup",
    commands: ["ls", "search", "hold", "release"],
    about: "One for each backup that is listed or changed, oldest first; of `search` newest first.",
    schema: backupMessage,
  },
  {
    title: "A removed backup",
    commands: ["rm"],
    about: "One for each backup that is removed or, in a dry run, would be.",
    schema: removedMessage,
    isBackup: true,
  },
  {
    title: "A backup that was made",
    commands: ["put", "backup", "tables import"],
    about: "One, when it is committed or, in a dry run, would be.",
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
  { title: "A table", commands: ["show --tables"], about: "One for each table of a dump.", schema: tableMessage },
  {
    title: "Restored tables",
    commands: ["get --table", "get --skip-table", "get --schema-only", "get --data-only"],
    about: "One; on standard error if the dump itself is on standard output.",
    schema: restoredTablesMessage,
  },
  {
    title: "A table in a dump file",
    commands: ["tables ls"],
    about: "One for each table of a dump file of DaCHS.",
    schema: dumpedTableMessage,
  },
  {
    title: "Tables dumped or loaded",
    commands: ["tables create", "tables load", "tables export"],
    about: "One; on standard error if the dump file itself is on standard output.",
    schema: dumpDoneMessage,
  },
  {
    title: "A value that was set or removed",
    commands: ["kv set", "kv rm"],
    about: "One for each value that is set, and for each version that is removed.",
    schema: changedValueMessage,
    isBackup: true,
  },
  { title: "A value", commands: ["kv get"], about: "One.", schema: valueMessage },
  {
    title: "A key",
    commands: ["kv ls"],
    about: "One for each key, with its newest version.",
    schema: listedKeyMessage,
    isBackup: true,
  },
  {
    title: "A version of a value",
    commands: ["kv history"],
    about: "One for each, oldest first.",
    schema: valueVersionMessage,
    isBackup: true,
  },
  {
    title: "A restored stream",
    commands: ["get"],
    about: "One for each stream; on standard error if the stream itself is on standard output.",
    schema: restoredMessage,
  },
  {
    title: "An archive",
    commands: ["get --archive"],
    about: "One; on standard error if the archive itself is on standard output.",
    schema: archiveMessage,
  },
  {
    title: "A replayed backup",
    commands: ["get --target", "get --into"],
    about: "One, after the objects of its streams, if the engine that made the backup restored it.",
    schema: replayedMessage,
  },
  {
    title: "Restored files",
    commands: ["get --target"],
    about: "One, at the end, if the backup holds files and directories.",
    schema: restoredFilesMessage,
  },
  {
    title: "A planned entry",
    commands: ["get --dry-run"],
    about:
      "One for each entry of the backup, and for each that would be deleted; the object of restored files follows.",
    schema: plannedMessage,
  },
  { title: "A verified stream", commands: ["verify"], about: "One for each stream.", schema: verifiedMessage },
  {
    title: "The verified files of a files backup",
    commands: ["verify"],
    about: "One in place of the streams.",
    schema: verifiedFilesMessage,
  },
  {
    title: "A restore on trial",
    commands: ["verify --restore"],
    about: "One, also if the backup is bad.",
    schema: restoreTestMessage,
  },
  {
    title: "A verified chain",
    commands: ["verify"],
    about: "One after the streams, even if a member is damaged.",
    schema: verifiedChainMessage,
  },
  {
    title: "A copied backup",
    commands: ["copy"],
    about: "One for each, oldest first, as it is in the other repository.",
    schema: copiedBackupMessage,
    isBackup: true,
  },
  {
    title: "A backup that could not be copied",
    commands: ["copy"],
    about: "One for each.",
    schema: uncopiedBackupMessage,
  },
  { title: "The result of a copy", commands: ["copy"], about: "One, at the end.", schema: copySummaryMessage },
  {
    title: "A member of a chain",
    commands: ["chain"],
    about: "One for each member, followed by those that continue it.",
    schema: memberMessage,
    isBackup: true,
  },
  {
    title: "A missing member of a chain",
    commands: ["chain"],
    about: "One for each, in its place among the others.",
    schema: goneMemberMessage,
  },
  {
    title: "A compared stream",
    commands: ["diff"],
    about: "One for each stream that either backup has, by path.",
    schema: streamDifferenceMessage,
  },
  { title: "A comparison", commands: ["diff"], about: "One, at the end.", schema: diffSummaryMessage },
  {
    title: "A difference between trees",
    commands: ["diff"],
    about: "One for each entry that differs, in the order of the paths, if backups of files are compared.",
    schema: changeMessage,
  },
  {
    title: "A comparison of trees",
    commands: ["diff"],
    about: "One, at the end, if backups of files are compared.",
    schema: treeSummaryMessage,
  },
  {
    title: "An entry of a backup",
    commands: ["files"],
    about: "One for each file, directory or other entry, each directory before what it holds.",
    schema: entryMessage,
  },
  {
    title: "A version that was found",
    commands: ["find"],
    about: "One for each version of each entry, by series, host and path; older versions first.",
    schema: foundMessage,
  },
  {
    title: "The status of a series on a host",
    commands: ["status"],
    about: "One for each, then one for each expectation that no backup matches.",
    schema: statusMessage,
  },
  {
    title: "The status from a file of TwinDB Backup",
    commands: ["status --import"],
    about: "One for each kind of source on a host.",
    schema: importedStatusMessage,
  },
  {
    title: "The status from a file of binary logs",
    commands: ["status --import"],
    about: "One for each host.",
    schema: importedBinlogsMessage,
  },
  {
    title: "What a series takes",
    commands: ["stats"],
    about: "One for each series of the selected backups, by name.",
    schema: seriesStatsMessage,
  },
  {
    title: "The growth of a month",
    commands: ["stats"],
    about: "One for each month in which selected backups began, oldest first.",
    schema: monthStatsMessage,
  },
  {
    title: "What backups take",
    commands: ["stats"],
    about: "One, at the end.",
    schema: statsSummaryMessage,
  },
  {
    title: "A retention group",
    commands: ["forget", "rotate", "delete-older-than"],
    about: "One for each group of backups; names are restic's.",
    schema: groupMessage,
  },
  {
    title: "Values that were left out",
    commands: ["forget", "stats", "status"],
    about: "One, if there are values under keys and no series is named; after the series or groups.",
    schema: leftOutMessage,
  },
  {
    title: "A tagged backup",
    commands: ["tag"],
    about: "One for each selected backup, whether it had these tags already or not.",
    schema: taggedMessage,
    isBackup: true,
  },
  {
    title: "A pruned pack",
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
  { title: "A finding of a check", commands: ["check"], about: "Errors, then notes.", schema: findingMessage },
  { title: "A check", commands: ["check"], about: "One, at the end.", schema: checkSummaryMessage },
  { title: "A repair of the index", commands: ["repair index"], about: "One, at the end.", schema: indexRepairMessage },
  {
    title: "The repair of one pack",
    commands: ["repair packs"],
    about: "One for each.",
    schema: repairedPackMessage,
  },
  {
    title: "A lost blob",
    commands: ["repair packs"],
    about: "One for each blob that no pack holds any more.",
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
  {
    title: "A mistake in the configuration file",
    commands: ["config check"],
    about: "One for each mistake, in the order of the file.",
    schema: configMistakeMessage,
  },
  {
    title: "The configuration file checked",
    commands: ["config check"],
    about: "One, after its mistakes.",
    schema: configCheckedMessage,
  },
  { title: "The configuration file", commands: ["config show"], about: "One.", schema: configShownMessage },
  {
    title: "A value that counts",
    commands: ["config show --explain"],
    about: "One for each option that has a value, and for each setting of the repository.",
    schema: configExplainedMessage,
  },
  {
    title: "An imported configuration",
    commands: ["config import"],
    about: "One.",
    schema: configImportedMessage,
  },
  { title: "The cache", commands: ["cache"], about: "One, after its repositories.", schema: cacheMessage },
  {
    title: "A backup in the catalogue",
    commands: ["search --catalogue"],
    about: "One for each, newest first.",
    schema: cataloguedBackupMessage,
  },
  {
    title: "A column of the catalogue",
    commands: ["sql"],
    about:
      "Without a statement, one object for each column of each table. With one, `agent sql` writes an object for " +
      "each row, with a field for each column ([catalogue](catalogue.md#asking-in-sql)).",
    schema: catalogueColumnMessage,
  },
  {
    title: "A refreshed catalogue",
    commands: ["catalogue refresh", "catalogue rebuild"],
    about: "One.",
    schema: refreshedCatalogueMessage,
  },
  {
    title: "A removal from the cache",
    commands: ["cache --prune", "cache --clear"],
    about: "One.",
    schema: cacheRemovalMessage,
  },
  {
    title: "A signed URL",
    commands: ["url"],
    about: "One.",
    schema: urlMessage,
  },
  {
    title: "A generation of keys that began",
    commands: ["gateway revoke"],
    about: "One, when all URLs that were signed before are refused.",
    schema: revokedMessage,
  },
  {
    title: "An address that is served",
    commands: ["serve", "gateway"],
    about: "One for each address, when the server accepts requests.",
    schema: servedMessage,
  },
  { title: "A plugin", commands: ["plugins"], about: "One for each.", schema: pluginMessage },
  { title: "The version", commands: ["version"], about: "One.", schema: versionMessage },
];

/** Messages on standard error, which any command may write. */
export const REMARKS: readonly Message[] = [
  { title: "Progress", commands: [], about: "Once a second, from commands that take long.", schema: progressMessage },
  { title: "A warning", commands: [], about: "Also from a quiet command.", schema: warningMessage },
  { title: "A retry", commands: [], about: "Before the pause that precedes each retry.", schema: retryMessage },
  { title: "A failure", commands: [], about: "The last line, if the exit code is not 0.", schema: failureMessage },
];
