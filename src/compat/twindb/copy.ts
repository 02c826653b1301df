/**
 * Copies in the status files of TwinDB Backup: backups of a run type, and binary logs. Their fields, and their form in
 * the file (twindb/backup, modules `copy` and `status`).
 */
import * as v from "valibot";
import { CorruptedStatus, UsageError } from "../../base/errors.ts";
import { isRunType, parseRunType, type RunType } from "../../base/run_type.ts";
import { decodeBase64, encodeBase64 } from "../../format/json/base64.ts";
import { decodeUtf8, type JsonObject, validate } from "../../format/json/json_text.ts";
import { fields, text } from "../../format/json/schema.ts";

/** Vendors of the server that was backed up. */
export const SERVER_VENDORS = ["oracle", "percona", "mariadb"] as const;
/** One of `SERVER_VENDORS`. */
export type ServerVendor = (typeof SERVER_VENDORS)[number];

/** Whether a copy needs its parent. */
export const TWINDB_BACKUP_TYPES = ["full", "incremental"] as const;
/** One of `TWINDB_BACKUP_TYPES`. */
export type TwinDbBackupType = (typeof TWINDB_BACKUP_TYPES)[number];

/** One backup in a status. Times are seconds since 1970 UTC. `null` means unknown. */
export interface TwinDbCopy {
  /** `<host>/<run type>/<source type>/<file name>`: the copy's name in the status, and its path on the destination. */
  readonly key: string;
  /** The host on which it was made. */
  readonly host: string;
  /** The type of the run that made it. */
  readonly runType: RunType;
  /** What was backed up, such as `mysql` or `files`. */
  readonly sourceType: string;
  /** The file's name, without slashes. */
  readonly name: string;
  /** Whether it is full, or needs its parent. */
  readonly type: TwinDbBackupType | null;
  /** The key of the full copy that an incremental one needs. */
  readonly parent: string | null;
  /** When it was begun. */
  readonly backupStarted: number | null;
  /** When it was finished. */
  readonly backupFinished: number | null;
  /** Name of the binary log at the end of the backup. */
  readonly binlog: string | null;
  /** The position in that binary log, in bytes. */
  readonly position: number | null;
  /** InnoDB's log sequence number at the end of the backup. */
  readonly lsn: number | null;
  /** Whether the server belonged to a Galera cluster. */
  readonly galera: boolean;
  /** Version of the cluster's provider; null outside of a cluster. */
  readonly wsrepProviderVersion: string | null;
  /** The vendor of the server. */
  readonly serverVendor: ServerVendor;
  /** Configuration files of the server: text by path. */
  readonly config: ReadonlyMap<string, string>;
}

/** The fields to make a copy of: the parts of its key, and any of the others. */
export type TwinDbCopyFields =
  & Pick<TwinDbCopy, "host" | "runType" | "name">
  & Partial<Omit<TwinDbCopy, "key">>;

/**
 * Makes a copy; fields that are not given are unknown. Throws `UsageError` if its run type is unknown, or a part of its
 * key is empty or contains a slash.
 */
export function twinDbCopy(given: TwinDbCopyFields): TwinDbCopy {
  const { host, runType, sourceType = "mysql", name, wsrepProviderVersion = null } = given;
  return {
    type: null,
    parent: null,
    backupStarted: null,
    backupFinished: null,
    binlog: null,
    position: null,
    lsn: null,
    galera: wsrepProviderVersion !== null,
    serverVendor: "oracle",
    config: new Map(),
    ...given,
    key: keyOf(host, parseRunType(runType), sourceType, name),
    sourceType,
    wsrepProviderVersion,
  };
}

/** One binary log in a status. */
export interface TwinDbBinlogCopy {
  /** `<host>/binlog/<name>`. */
  readonly key: string;
  /** The host from which it was copied. */
  readonly host: string;
  /** The server's name of the file. */
  readonly name: string;
  /** When it was created, in seconds since 1970 UTC. */
  readonly createdAt: number;
}

/** Makes a binary log. Throws `UsageError` if a part of its key is empty or contains a slash. */
export function twinDbBinlogCopy({ host, name, createdAt }: Omit<TwinDbBinlogCopy, "key">): TwinDbBinlogCopy {
  return { key: keyOf(host, BINLOG, name), host, name, createdAt };
}

const BINLOG = "binlog";

function keyOf(...parts: readonly string[]): string {
  const wrong = parts.find((part) => part === "" || part.includes("/"));
  if (wrong === undefined) return parts.join("/");
  throw new UsageError(`Not a part of a TwinDB key: "${wrong}"; it has to be a name without slashes`);
}

/** The fields of a copy, in the order in which TwinDB writes them. */
export function encodeTwinDbCopy(copy: TwinDbCopy): JsonObject {
  return {
    host: copy.host,
    run_type: copy.runType,
    name: copy.name,
    binlog: copy.binlog,
    position: copy.position,
    lsn: copy.lsn,
    parent: copy.parent,
    galera: copy.galera,
    wsrep_provider_version: copy.wsrepProviderVersion,
    config: [...copy.config].map(([path, content]) => Object.fromEntries([[path, encodeText(content)]])),
    backup_started: copy.backupStarted,
    backup_finished: copy.backupFinished,
    type: copy.type,
    server_vendor: copy.serverVendor,
  };
}

export function encodeTwinDbBinlogCopy({ createdAt }: TwinDbBinlogCopy): JsonObject {
  return { time_created: createdAt };
}

/** A whole number. Older versions wrote some as text, and times with fractions. */
const wholeNumber = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.regex(/^\s*[+-]?\d+\s*$/))], "expected a number"),
  v.transform((value) => Math.trunc(Number(value)) + 0),
  v.check((value) => Number.isSafeInteger(value), "expected a number below 2^53"),
);
const numberOrNull = v.nullish(wholeNumber, null);
/** The last time that can be shown: RFC 3339 has years of four digits. */
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;
const FIRST_SECOND = Date.parse("0000-01-01T00:00:00Z") / 1000;
const seconds = v.pipe(
  wholeNumber,
  v.check((time) => time >= FIRST_SECOND && time <= LAST_SECOND, "expected a time of the years 0 to 9999"),
);
/** TwinDB writes an unknown time as zero. */
const timeOrNull = v.pipe(v.nullish(seconds, null), v.transform((time) => time || null));
const textOrNull = v.nullish(text, null);

const copySchema = fields({
  type: v.nullable(v.picklist(TWINDB_BACKUP_TYPES)),
  parent: textOrNull,
  backup_started: timeOrNull,
  backup_finished: timeOrNull,
  binlog: textOrNull,
  position: numberOrNull,
  lsn: numberOrNull,
  galera: v.nullish(v.boolean()),
  wsrep_provider_version: textOrNull,
  server_vendor: v.nullish(v.picklist(SERVER_VENDORS), "oracle"),
  config: v.nullish(v.array(v.record(v.string(), v.string())), []),
});

/**
 * The copy under a key among those of a run type. Throws `CorruptedStatus` for a key that is not `<host>/<run
 * type>/<source type>/<file name>`, and for invalid fields.
 */
export function decodeTwinDbCopy(key: string, runType: RunType, value: unknown): TwinDbCopy {
  const parts = partsOf(key, 4);
  const [host, keyRunType, sourceType, name] = parts as [string, string, string, string];
  if (!isRunType(keyRunType) || keyRunType !== runType) throw badKey(key, `it stands among the ${runType} copies`);
  const read = asCorruptedStatus(() => validate(copySchema, value, `TwinDB status, copy ${key}`));
  return {
    key,
    host,
    runType,
    sourceType,
    name,
    type: read.type,
    parent: read.parent,
    backupStarted: read.backup_started,
    backupFinished: read.backup_finished,
    binlog: read.binlog,
    position: read.position,
    lsn: read.lsn,
    galera: read.galera ?? read.wsrep_provider_version !== null,
    wsrepProviderVersion: read.wsrep_provider_version,
    serverVendor: read.server_vendor,
    config: new Map(
      read.config.flatMap((file) => Object.entries(file)).map(([path, content]) => [
        path,
        decodeText(content, `TwinDB status, copy ${key}, configuration file ${path}`),
      ]),
    ),
  };
}

/** Some versions wrote `created_at`. */
const binlogSchema = v.union([
  fields({ time_created: seconds }),
  v.pipe(fields({ created_at: seconds }), v.transform(({ created_at }) => ({ time_created: created_at }))),
], "expected time_created");

/** The binary log under a key. Throws `CorruptedStatus` as `decodeTwinDbCopy` does. */
export function decodeTwinDbBinlogCopy(key: string, value: unknown): TwinDbBinlogCopy {
  const [host, kind, name] = partsOf(key, 3) as [string, string, string];
  if (kind !== BINLOG) throw badKey(key, "it is not <host>/binlog/<name>");
  const { time_created } = asCorruptedStatus(() => validate(binlogSchema, value, `TwinDB status, binary log ${key}`));
  return { key, host, name, createdAt: time_created };
}

function partsOf(key: string, count: number): string[] {
  const parts = key.split("/");
  if (parts.length !== count || parts.includes("")) throw badKey(key, `it does not have ${count} parts`);
  return parts;
}

function badKey(key: string, problem: string): CorruptedStatus {
  return new CorruptedStatus(`Damaged TwinDB status: malformed key ${JSON.stringify(key)}: ${problem}`);
}

function encodeText(content: string): string {
  return encodeBase64(new TextEncoder().encode(content));
}

function decodeText(base64: string, what: string): string {
  const bytes = decodeBase64(base64);
  if (bytes === null) throw new CorruptedStatus(`Damaged ${what}: not base64`);
  return asCorruptedStatus(() => decodeUtf8(bytes, what));
}

/** Returns what `read` returns; turns the error of a codec into a `CorruptedStatus`. */
export function asCorruptedStatus<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Error ? new CorruptedStatus(error.message, { cause: error }) : error;
  }
}
