/**
 * The library's public face for programs: repositories, backups and the use cases of the command line.
 *
 * A program opens a store, provides a `World` (clock, identity, randomness) and calls a use case. Nothing here prints,
 * exits or reads the environment. `put` takes any `JudgedSource`; `sourceOfStream` makes one from a web stream or an
 * async iterable. `openStorage` stores backups of many files under a directory and a name.
 *
 * Sizes are in bytes. Times are RFC 3339 texts, or milliseconds since 1970 UTC if the name ends in `Ms`. Durations are
 * in milliseconds, and their names end in `Ms` too.
 *
 * @module
 */

// Errors. Nothing else is thrown, except a signal's reason if a use case says so.
export {
  AgentError,
  BugError,
  CorruptedStatus,
  DeniedError,
  type ErrorCode,
  type ErrorDetails,
  ExistsError,
  ExitCode,
  FileSystemError,
  type FileSystemFailure,
  IntegrityError,
  InterruptedError,
  LockedError,
  NoRepositoryError,
  NotFoundError,
  OverdueError,
  PartialError,
  ShortFileError,
  SourceError,
  StatusError,
  StatusKeyNotFound,
  StoreError,
  StoreFullError,
  TemporaryError,
  TooLargeError,
  UnfitParentError,
  UsageError,
  VetoError,
  WrongPasswordError,
} from "./base/errors.ts";

// An agent: a repository, and in one call what a command does.
export { openAgent } from "./library/open_agent.ts";
export { Agent } from "./library/agent.ts";
export type { AgentKeys } from "./library/agent_keys.ts";
export type {
  AgentTables,
  CreateDumpFileOptions,
  DumpFileInput,
  DumpFileOptions,
  ExportDumpFileOptions,
  ListDumpFileOptions,
} from "./library/agent_tables.ts";
export type { GatewayOptions } from "./library/agent_gateway.ts";
export type { ServeOptions } from "./library/agent_server.ts";
export type { RunningServer, ServedPlace } from "./server/connection/http_service.ts";
export type { Authentication } from "./server/access/authentication.ts";
export type { TlsFiles } from "./server/connection/tls.ts";
export type {
  ChainCallOptions,
  CheckCallOptions,
  CopyCallOptions,
  DiffCallOptions,
  FilesListOptions,
  FindCallOptions,
  PruneCallOptions,
  ShownBackup,
  StatsCallOptions,
  StatusCallOptions,
  TagCallOptions,
  UrlCallOptions,
  VerifyCallOptions,
} from "./library/call_options.ts";
export {
  BackupHelper,
  type BackupHelperOptions,
  type HelperBackupOptions,
  type HelperCallOptions,
} from "./library/helper/backup_helper.ts";
export type { RunOptions } from "./library/helper/helper_command.ts";
export {
  type GetValueOptions,
  KeyValue,
  type KeyValueOptions,
  type SetValueOptions,
  type ValueUrlOptions,
} from "./library/values/key_value.ts";
export type { OutputDestination } from "./library/opening/output.ts";
export type { AgentOptions } from "./library/opening/agent_options.ts";
export type { CallOptions, ReadingOptions } from "./library/opening/agent_parts.ts";
export type { BackupOptions } from "./library/backup/agent_backup.ts";
export type {
  BackupSource,
  CommandInput,
  FilesOptions,
  ShellInput,
  StreamInput,
  StreamsInput,
} from "./library/backup/backup_source.ts";
export type { AtOptions, WhichBackup } from "./library/restore/which_backup.ts";
export type { RestoredBackup, RestoreDestination, RestoreOptions } from "./library/restore/agent_restore.ts";
export type { KnownDigests } from "./library/restore/known_digests.ts";
export type { BackupTable } from "./library/restore/restored_tables.ts";
export type { TryRestoreOptions } from "./library/restore/tried_restore.ts";
export type { DumpTable, TableChoice } from "./backup/tables/dump_tables.ts";
export type { ReadStreamOptions } from "./library/restore/read_stream.ts";
export type {
  ForgetPolicy,
  RemovalOptions,
  RotationOptions,
  SeriesRemovalOptions,
} from "./library/removal/agent_removal.ts";

// The world that every use case needs, and access to a repository.
export { type Clock, systemClock } from "./base/clock.ts";
export type { MemoryBudget } from "./base/memory_budget.ts";
export { type RandomBytes, systemRandomBytes } from "./crypto/random.ts";
export type { Password } from "./crypto/kdf.ts";
export type { Argon2Parameters } from "./crypto/argon2.ts";
export {
  type CacheAccess,
  type GatedOptions,
  type RepositoryAccess,
  type UseCaseOptions,
  withoutCache,
  type World,
} from "./ops/access.ts";
export { type CacheRemoval, type CacheRow, clearCache, listCache, tidyCache } from "./ops/cache.ts";
export type { Identity } from "./repository/key_files.ts";
export type { KeyMemory } from "./repository/key_search.ts";
export type { FoundLock, LockTools, StaleReason } from "./repository/lock/locks.ts";
export type { Lock, ProcessMark } from "./format/lock.ts";

// Events of an agent.
export { type Action as AgentAction, ACTIONS, EVENT_NAMES, type EventName } from "./config/event_names.ts";
export type { AgentEvent, EventHandler, EventOf, EventResult, EventResults } from "./library/events/event.ts";
export { eventJson } from "./library/events/event_json.ts";
export {
  type ActionRequest,
  type ActionSession,
  type ActionsRequest,
  Events,
  type EventsOptions,
  type SubscribeOptions,
} from "./library/events/events.ts";

// Plugins: what they are, what they get, and what activates them.
export type { Plugin, PluginContext, PluginEvents, PluginLog, PluginStoreOptions } from "./library/plugins/plugin.ts";
export type {
  PluginArgument,
  PluginCommand,
  PluginCommandIo,
  PluginCommandValues,
  PluginOption,
} from "./library/plugins/plugin_command.ts";
export type { PluginLogLine, UsePluginOptions } from "./library/plugins/agent_plugins.ts";
export type { PluginPlace } from "./library/plugins/plugin_files.ts";
export type { PluginLibrary } from "./library/plugins/plugin_library.ts";
export { activatePlugins, type PluginRow, type Plugins, type PluginsOptions } from "./library/plugins/plugins.ts";
export type { RegisteredCommand, RegisteredKind, TakenNames } from "./library/plugins/registrations.ts";

// Stores by URL, and the interface for custom stores.
export type {
  BlobStore,
  ByteRange,
  FileKind,
  FileName,
  GetOptions,
  Leftovers,
  ListedFile,
  ListOptions,
  RemoveLeftoversOptions,
  StoreCallOptions,
  StorePutOptions,
  StoreReader,
} from "./store/store.ts";
export { openMemoryStore } from "./store/memory_store.ts";
export { builtInStores, openStore } from "./store/built_in.ts";
export {
  parseStoreUrl,
  type RegisterStoreOptions,
  type StoreDependencies,
  type StoreFactory,
  StoreRegistry,
  type StoreUrl,
} from "./store/store_urls.ts";
export type { ClientCertificate, NetworkOptions, Proxies } from "./store/http/client.ts";
export type { Retry } from "./store/retry.ts";

// Names, times and facts about a backup.
export type { Brand } from "./base/brand.ts";
export type { BlobId, IndexId, KeyId, LockId, ManifestId, PackId, SnapshotId } from "./base/id.ts";
export { RUN_TYPES, type RunType } from "./base/run_type.ts";
export {
  type BackupName,
  DEFAULT_FILE_NAME,
  parseFileName,
  parseSeries,
  parseStreamPath,
  type SeriesKind,
  type SeriesName,
  type StreamFileName,
  type StreamPath,
} from "./format/manifest/series.ts";
export { formatNanoseconds, formatTimestamp, type Rfc3339 } from "./format/time.ts";
export { bytesOfByteString, byteStringOf } from "./format/byte_string.ts";
export type { JsonObject, JsonValue } from "./format/json/json_text.ts";
export { type Backup, sizeOf } from "./backup/backup.ts";
export type { BackupFile } from "./backup/content/contents.ts";
export type { Snapshot, SnapshotSummary } from "./format/snapshot.ts";
export type { AgentSnapshotInfo, StreamFacts } from "./format/manifest/agent_info.ts";
export type {
  Manifest,
  MANIFEST_FORMAT,
  ManifestChunker,
  ManifestFile,
  ManifestGuard,
  ManifestList,
  ManifestStats,
  ManifestTree,
} from "./format/manifest/manifest.ts";
export type { DamagedSnapshot } from "./repository/snapshots.ts";

// Init and keys.
export { init, type InitOptions, type InitResult, readChunking } from "./ops/init.ts";
export type { SharedChunking } from "./repository/repository.ts";
export type { NewPassword } from "./ops/new_password.ts";
export {
  keyAdd,
  keyChange,
  keyList,
  keyRemove,
  type KeyRemoveRequest,
  type KeyRow,
  type NewKeyRequest,
} from "./ops/keys.ts";
export type { ListedKey } from "./repository/key_files.ts";
export type { KeyFile, ScryptParameters } from "./format/key_file.ts";
export { unlock, type UnlockRequest } from "./ops/unlock.ts";

// Put: a stream becomes a backup.
export {
  type ByteSource,
  type JudgedSource,
  sourceOfStream,
  type StreamSink,
  type StreamSourceOptions,
} from "./base/byte_source.ts";
export { type CommandOptions, commandSource, type ShellOptions, shellSource } from "./engine/stream/command.ts";
export { deferredSource } from "./engine/stream/deferred.ts";
export { inputSource, type ReadableInput } from "./engine/stream/input.ts";
export {
  type EntryChanges,
  put,
  type PutInput,
  type PutOptions,
  type PutProgress,
  type PutRequest,
  type PutResult,
  type PutStream,
  type RepositoryOutcome,
  type TreeCounts,
} from "./ops/put.ts";
export {
  type EarlierDirectory,
  type EarlierTree,
  type Engine,
  type EngineBuffer,
  type EngineEntries,
  type EngineEntry,
  type EngineItem,
  type EngineSource,
  type EngineStream,
  type EngineTarget,
  type EngineTools,
  type EngineUrl,
  type NewestBackup,
  type OpenSource,
  type OpenTarget,
  type RestoredItem,
  type RestoredLevel,
  type RestoredTable,
  type RestoredTables,
  type RunContent,
  type RunEntry,
  type SourceEnd,
  type SourceParent,
  type SourceRequest,
  type StoredRun,
  type TargetEnd,
  type TargetRequest,
  type TargetStream,
  type UnchangedEntries,
  type UsedObject,
} from "./engine/engine.ts";
export {
  type EntryProperties,
  entryProperties,
  type ExtendedAttribute,
  type Node,
  type NodeType,
} from "./format/tree/node.ts";
export { type NodeHead, nodeHead } from "./format/tree/node_head.ts";
export type { ContentKind, FoundHeads, SameRun } from "./format/tree/same_run.ts";
export type { StoredEntry } from "./format/tree/tree_cursor.ts";
export { GoFileMode } from "./format/tree/file_mode.ts";
export { Child, type ChildExit, type ChildRequest } from "./engine/child.ts";
export type { TakeWords } from "./engine/words.ts";
export { type Driven, EngineRegistry } from "./engine/engine_urls.ts";
export type { BackupEngine, BackupRequest, WriteOptions, WrittenBackup } from "./ops/session/backup_request.ts";
export type { RestoreVerdict } from "./backup/restore_tests.ts";
export type { PartLimits } from "./backup/content/content_list.ts";
export { COMPRESSION_LEVELS, type CompressionLevel } from "./codec/compression.ts";
export {
  type BuiltInGuardChoice,
  type CustomGuard,
  type CustomJudge,
  type CustomVerdict,
  GUARD_FORMATS,
  type GuardChoice,
  type GuardFormat,
  type Verdict,
} from "./guard/guard.ts";
export {
  LEVEL_MODES,
  type LevelDecision,
  type LevelMode,
  type LevelRules,
  type OverruledRule,
} from "./policy/level/level.ts";
export type { FreezerRules } from "./policy/level/level_freezer.ts";
export type { LevelRuleName } from "./policy/level/level_history.ts";
export type { MinOfParent } from "./policy/shrinkage.ts";

// Files and directories for put.
export { type FilesSelection, type SelectedFiles, selectFiles } from "./ops/select_files.ts";

// Get and verify: open a backup and read its streams, with chunks and whole checked.
export {
  chooseFile,
  type GetProgress,
  type HowToRead,
  type OpenBackup,
  type OpenRequest,
  type ReadOptions,
  withBackup,
} from "./ops/restore/get.ts";
export { type VerifiedBackup, verifyBackup, type VerifyBackupOptions } from "./ops/restore/verify_backup.ts";
export {
  type QueryCheck,
  type RestoreReport,
  verifyRestore,
  type VerifyRestoreOptions,
  type VerifyRestoreRequest,
} from "./ops/restore/verify_restore.ts";
export type { TestedTable } from "./engine/scratch/test_place.ts";
export { parseValueExpectation, type ValueExpectation } from "./policy/query_check.ts";
export type { RestoreRequest } from "./ops/restore/files/restore_files.ts";
export type { RestoreProgress, RestoreResult } from "./ops/restore/files/restore_tree.ts";
export { type Action, type Decision, IF_EXISTS, type IfExists } from "./ops/restore/files/decision.ts";
export type { Problem } from "./ops/restore/files/target_calls.ts";
export { type ReplayOptions, type ReplayResult, targetInDirectory } from "./ops/restore/replay.ts";
export type { VerifiedFiles } from "./backup/files/verify_files.ts";
export type { VerifiedStream } from "./backup/content/read_verified.ts";
export {
  archive,
  ARCHIVE_FORMATS,
  type ArchiveFormat,
  type ArchiveOptions,
  type ArchiveProgress,
  type ArchiveRequest,
  type ArchiveResult,
  type LeftOutEntry,
} from "./ops/restore/archive.ts";
export type { ReadSummary, StreamSummary } from "./pipeline/calls.ts";
export type { StreamTables } from "./pipeline/stream_tables.ts";

// Tables of databases, and dump files of DaCHS.
export { type DumpInput, type Tables, tables } from "./ops/tables/tables.ts";
export {
  createDump,
  type CreateDumpRequest,
  type CreateDumpResult,
  type DoneTable,
  type DumpOptions,
  type FailedTable,
} from "./ops/tables/create_dump.ts";
export {
  listDump,
  type ListedTable,
  loadDump,
  type LoadDumpRequest,
  type LoadDumpResult,
} from "./ops/tables/load_dump.ts";
export { dumpSource, exportDump, type ExportDumpRequest, type ExportDumpResult } from "./ops/tables/import_dump.ts";
export { dumpAt, keepDump, type KeptDump } from "./ops/tables/dump_place.ts";
export type { DumpedTable, DumpFile } from "./compat/dachs/read_dump.ts";
export type { DumpedFormat, IndexEntry } from "./compat/dachs/index_file.ts";
export { tableServer } from "./engine/tables/table_servers.ts";
export type { ClientMachine } from "./engine/client/machine.ts";
export type {
  FoundTable,
  TableLoad,
  TableLoader,
  TableReader,
  TableServer,
  TableToLoad,
} from "./engine/tables/table_server.ts";
export {
  definitionsJson,
  parseDefinitions,
  type TableColumn,
  type TableDefinition,
} from "./engine/tables/definition.ts";
export type { TableFormat, TableName } from "./engine/tables/table_name.ts";

// Signed URLs, for a gateway.
export type { RaisedGeneration } from "./ops/gateway/raise_generation.ts";

// Copies of backups in another repository.
export {
  type CopiedBackup,
  copy,
  type CopyOptions,
  type CopyProgress,
  type CopyRequest,
  type CopyResult,
  type UncopiedBackup,
} from "./ops/copy.ts";

// Lists, chains, differences, numbers and status.
export { type BackupList, isNamedBy, listBackups, listChain, type ListFilter } from "./ops/list.ts";
export type { ChainMember } from "./backup/chain/chain_links.ts";
export type { CheckedMember, MemberCheck, MemberState } from "./backup/chain/chain_check.ts";
export { type ChainReport, type ChainRequest, drawChains, type DrawnMember } from "./ops/chain.ts";
export {
  exportedStatus,
  type ImportedStatus,
  importedStatus,
  status,
  type StatusReport,
  type StatusRequest,
  type TwinDbExport,
  type TwinDbExportRequest,
} from "./ops/status.ts";
export type { Health, NextType, RunStatus, SeriesStatus, StatusEntry } from "./backup/series_status.ts";
export { type Expectation, type ExpectationVerdict, parseExpectation } from "./policy/expectation.ts";

export { diff, type DiffOptions, type DiffRequest, type DiffResult, type StreamDifference } from "./ops/stats/diff.ts";
export type { EntrySums, TreeSums } from "./ops/stats/tree_summer.ts";
export type { EntryDifference, Modifier } from "./backup/trees/compare_views.ts";
export { listEntries, type ListEntriesOptions, type ListEntriesRequest } from "./ops/trees/list_entries.ts";
export type { ViewedEntry } from "./backup/trees/walk_view.ts";
export { find, type FindOptions, type FindRequest, type FindResult } from "./ops/trees/find.ts";
export type { EntryPatterns } from "./backup/trees/entry_pattern.ts";
export type { FoundVersion } from "./backup/trees/find_entries.ts";
export type { ContentComparison } from "./maintain/stats/content_comparison.ts";
export {
  type RepositoryTotals,
  type SeriesStats,
  stats,
  type StatsOptions,
  type StatsProgress,
  type StatsReport,
  type StatsRequest,
} from "./ops/stats/stats.ts";
export type { MonthStats } from "./maintain/stats/monthly_growth.ts";
export type { BlobSums, StorageSums } from "./maintain/stats/storage_sums.ts";

// Retention: forget, hold, prune.
export {
  forget,
  type ForgetOptions,
  type ForgetResult,
  type Forgotten,
  type RetentionBackup,
  type RetentionFilter,
  type RetentionRequest,
} from "./ops/forget.ts";
export { type HoldRequest, type HoldResult, setHold } from "./ops/tags/hold.ts";
export {
  tag,
  type TaggedBackup,
  type TagOptions,
  type TagRequest,
  type TagResult,
  type TagSelection,
} from "./ops/tags/tag.ts";
export type { TagChange } from "./policy/retention/tag_change.ts";
export {
  prune,
  type PruneOptions,
  type PrunePhase,
  type PruneProgress,
  type PruneRequest,
  type PruneResult,
} from "./ops/prune.ts";

// Check and repair.
export {
  type AffectedBackup,
  check,
  type CheckFinding,
  type CheckOptions,
  type CheckPhase,
  type CheckProgress,
  type CheckReport,
  type CheckRequest,
} from "./ops/check.ts";
export { type FindingKind, type Repair, REPAIRS } from "./maintain/check/findings.ts";
export { type PackSubset, parseSubset } from "./policy/subset.ts";
export { repairIndex, type RepairIndexRequest } from "./ops/repair/repair_index.ts";
export { type PackRepair, type RepairedPack, repairPacks, type RepairPacksRequest } from "./ops/repair/repair_packs.ts";
export {
  type DamagedBackup,
  repairSnapshots,
  type RepairSnapshotsRequest,
  type SnapshotRepair,
} from "./ops/repair/repair_snapshots.ts";
export type { RepairOptions, RepairProgress, RepairRequest } from "./ops/repair/repair_session.ts";
export type { IndexRepair } from "./maintain/repair/index_repair.ts";
export type { Loss } from "./maintain/repair/backup_losses.ts";
export type { LostRange } from "./maintain/repair/lost_ranges.ts";
export type { LostBlob, LostBlobList } from "./maintain/repair/lost_blobs.ts";
export type { Unreadable } from "./maintain/repair/pack_survey.ts";

// Values under keys.
export {
  type ListedValue,
  listValues,
  listVersions,
  valueFileNameOf,
  type ValueList,
  type VersionList,
} from "./ops/values/list_values.ts";
export { getValue, type ValueRequest } from "./ops/values/get_value.ts";
export { setValues, type SetValuesOptions } from "./ops/values/set_values.ts";
export { deleteValue, ValueDeletions } from "./ops/values/delete_value.ts";
export {
  MOST_VALUE_BYTES,
  type StoredValue,
  VALUE_FILE_NAMES,
  type ValueFileName,
  type ValueToSet,
} from "./ops/values/value.ts";

// Backups of many files, with the rules of Vitess's `BackupStorage`.
export {
  type BackupStorage,
  type ListBackupsOptions,
  openStorage,
  type StartBackupOptions,
} from "./ops/storage/storage.ts";
export type { AddFileOptions, BackupHandle, StorageCallOptions } from "./ops/storage/storage_handle.ts";

// TwinDB Backup's status files.
export {
  SERVER_VENDORS,
  type ServerVendor,
  TWINDB_BACKUP_TYPES,
  type TwinDbBackupType,
  type TwinDbBinlogCopy,
  twinDbBinlogCopy,
  type TwinDbCopy,
  twinDbCopy,
  type TwinDbCopyFields,
} from "./compat/twindb/copy.ts";
export { loadableStatus } from "./compat/twindb/loadable.ts";
export { statusDirectory } from "./compat/twindb/status_directory.ts";
export {
  parseAnyTwinDbStatus,
  type StatusDestination,
  type StatusOf,
  TWINDB_STATUS_VERSION,
  TwinDbBinlogStatus,
  TwinDbStatus,
} from "./compat/twindb/status_file.ts";
export type { LeftOut, TwinDbSelection } from "./compat/twindb/status_twindb.ts";

// Plans of retention and prune: which backups and packs are removed, and why.
export type { CalendarSpan } from "./base/text/duration.ts";
export type { Moment } from "./policy/retention/calendar.ts";
export {
  type CountedRule,
  type Judgement,
  KEEP_UNITS,
  type KeepRules,
  type KeepUnit,
  type RetentionCandidate,
} from "./policy/retention/retention.ts";
export type { Burst } from "./policy/retention/retention_burst.ts";
export {
  GROUP_WORDS,
  type GroupWord,
  type PlannedBackup,
  type RetentionGroup,
} from "./policy/retention/retention_plan.ts";
export type { Rotation } from "./policy/retention/retention_rotation.ts";
export type {
  BlobTotals,
  PackTotals,
  PlannedPack,
  PruneLimits,
  PrunePlan,
  PruneSummary,
  RemovalReason,
  RepackReason,
  UnusedLimit,
} from "./maintain/prune/prune_plan.ts";
export type { WrittenTotals } from "./repository/pack/pack_writer.ts";
export type { BlobType } from "./format/blob.ts";
export type { OfSeriesAndHost } from "./policy/series_and_host.ts";
export type { AppliedPrune, ApplyPhase } from "./maintain/prune/prune_apply.ts";
export type { PackUse } from "./maintain/prune/prune_use.ts";
export type { PackState } from "./repository/pack/stored_packs.ts";
