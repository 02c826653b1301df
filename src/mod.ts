/**
 * The library's public face: repositories, backups and the use cases of the command line, for programs.
 *
 * A program opens a store, gives a `World` (clock, identity, randomness) and calls a use case; nothing here prints, exits
 * or reads the environment. `put` takes any `JudgedSource`; `sourceOfStream` makes a source of a web stream.
 */
export * from "./base/errors.ts";
export { type ByteSource, type JudgedSource, sourceOfStream } from "./base/byte_source.ts";
export { type Clock, systemClock } from "./base/clock.ts";
export { type Backup, sizeOf } from "./backup/backup.ts";
export type { ChainMember } from "./backup/chain.ts";
export type { BackupFile } from "./backup/contents.ts";
export { systemRandomBytes } from "./crypto/random.ts";
export { commandSource } from "./engine/stream/command.ts";
export { inputSource } from "./engine/stream/input.ts";
export type { Manifest, ManifestFile } from "./format/manifest.ts";
export {
  DEFAULT_FILE_NAME,
  parseFileName,
  parseSeries,
  type SeriesName,
  type StreamFileName,
} from "./format/series.ts";
export { GUARD_FORMATS, type GuardChoice, type Verdict } from "./guard/guard.ts";
export type { RepositoryAccess, World } from "./ops/access.ts";
export {
  type AffectedBackup,
  check,
  type CheckFinding,
  type CheckOptions,
  type CheckPhase,
  type CheckProgress,
  type CheckReport,
} from "./ops/check.ts";
export { chooseFile, type OpenBackup, type ReadOptions, type StreamSink, withBackup } from "./ops/get.ts";
export { init, type InitPassword, type InitResult } from "./ops/init.ts";
export { keyAdd, keyChange, keyList, keyRemove, type KeyRow, unlock } from "./ops/keys.ts";
export { type BackupList, listBackups, listChain, type ListFilter } from "./ops/list.ts";
export { put, type PutOptions, type PutProgress, type PutRequest, type PutResult } from "./ops/put.ts";
export type { FindingKind } from "./repository/check_findings.ts";
export type { BlobStore, ByteRange, FileKind, FileName, ListedFile } from "./store/store.ts";
export { openMemoryStore } from "./store/memory.ts";
export { builtInStores, openStore } from "./store/built_in.ts";
export { parseStoreUrl, type StoreDependencies, StoreRegistry } from "./store/registry.ts";
