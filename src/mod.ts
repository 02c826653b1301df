/**
 * The library's public face: repositories, backups and the use cases of the command line, for programs.
 *
 * A program opens a store, gives a `World` (clock, identity, randomness) and calls a use case; nothing here prints, exits
 * or reads the environment. `put` takes any `JudgedSource`; `sourceOfStream` makes a source of a web stream. `openStorage`
 * gives backups of many files under a directory and a name.
 */
export * from "./base/errors.ts";
export { type ByteSource, type JudgedSource, sourceOfStream } from "./base/byte_source.ts";
export { RUN_TYPES, type RunType } from "./base/run_type.ts";
export { type Clock, systemClock } from "./base/clock.ts";
export { type Backup, sizeOf } from "./backup/backup.ts";
export type { ChainMember } from "./backup/chain/chain_links.ts";
export { statusDirectory } from "./compat/twindb/status_directory.ts";
export type { Health, NextType, RunStatus, SeriesStatus, StatusEntry } from "./backup/series_status.ts";
export type { LeftOut } from "./compat/twindb/status_twindb.ts";
export type { BackupFile } from "./backup/contents.ts";
export { systemRandomBytes } from "./crypto/random.ts";
export { commandSource } from "./engine/stream/command.ts";
export { inputSource } from "./engine/stream/input.ts";
export type { Manifest, ManifestFile } from "./format/manifest/manifest.ts";
export {
  DEFAULT_FILE_NAME,
  parseFileName,
  parseSeries,
  type SeriesName,
  type StreamFileName,
} from "./format/manifest/series.ts";
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
export {
  parseAnyTwinDbStatus,
  type StatusDestination,
  TWINDB_STATUS_VERSION,
  TwinDbBinlogStatus,
  TwinDbStatus,
} from "./compat/twindb/status_file.ts";
export { GUARD_FORMATS, type GuardChoice, type Verdict } from "./guard/guard.ts";
export type { RepositoryAccess, UseCaseOptions, World } from "./ops/access.ts";
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
export {
  chooseFile,
  type OpenBackup,
  type OpenRequest,
  type ReadOptions,
  type StreamSink,
  withBackup,
} from "./ops/get.ts";
export {
  forget,
  type ForgetOptions,
  type ForgetResult,
  type Forgotten,
  type RetentionBackup,
  type RetentionFilter,
  type RetentionRequest,
} from "./ops/forget.ts";
export { type HoldRequest, type HoldResult, setHold } from "./ops/hold.ts";
export { prune, type PruneOptions, type PruneProgress, type PruneRequest, type PruneResult } from "./ops/prune.ts";
export { repairIndex, type RepairIndexRequest } from "./ops/repair/repair_index.ts";
export type { RepairOptions, RepairRequest } from "./ops/repair/repair_session.ts";
export { type PackRepair, repairPacks, type RepairPacksRequest } from "./ops/repair/repair_packs.ts";
export {
  type DamagedBackup,
  repairSnapshots,
  type RepairSnapshotsRequest,
  type SnapshotRepair,
} from "./ops/repair/repair_snapshots.ts";
export { type PackSubset, parseSubset } from "./policy/subset.ts";
export type { Password } from "./crypto/kdf.ts";
export { init, type InitResult } from "./ops/init.ts";
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
export { type ChainReport, type ChainRequest, drawChains } from "./ops/chain.ts";
export type { LevelDecision, LevelRules } from "./policy/level/level.ts";
export { type BackupList, listBackups, listChain, type ListFilter } from "./ops/list.ts";
export { put, type PutOptions, type PutProgress, type PutRequest, type PutResult } from "./ops/put.ts";
export type { BackupRequest, WriteOptions, WrittenBackup } from "./ops/session/session.ts";
export {
  type BackupStorage,
  type ListBackupsOptions,
  openStorage,
  type StartBackupOptions,
} from "./ops/storage/storage.ts";
export type { AddFileOptions, BackupHandle, StorageCallOptions } from "./ops/storage/storage_handle.ts";
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
export { unlock, type UnlockRequest } from "./ops/unlock.ts";
export { type Expectation, type ExpectationVerdict, parseExpectation } from "./policy/expectation.ts";
export type { FindingKind } from "./maintain/check/findings.ts";
export type { IndexRepair } from "./maintain/repair/index_repair.ts";
export type { BlobStore, ByteRange, FileKind, FileName, ListedFile, StoreReader } from "./store/store.ts";
export { openMemoryStore } from "./store/memory_store.ts";
export { builtInStores, openStore } from "./store/built_in.ts";
export { parseStoreUrl, type StoreDependencies, StoreRegistry } from "./store/store_urls.ts";
