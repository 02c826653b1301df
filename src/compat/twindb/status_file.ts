/**
 * Status files of TwinDB Backup, which list the copies of a host (twindb/backup, module `status`).
 *
 * The file is JSON with sorted keys: `md5`, `status`, `version`. `status` is base64 of JSON that holds the copies by
 * key; `md5` is the digest of that base64 text. An older form is only the base64 text, which may contain white space.
 */
import { hash } from "node:crypto";
import * as v from "valibot";
import { CorruptedStatus, StatusKeyNotFound, UsageError } from "../../base/errors.ts";
import { isFullRun, isRunType, parseRunType, RUN_TYPES, type RunType, runTypesFrom } from "../../base/run_type.ts";
import { decodeBase64, encodeBase64 } from "../../format/json/base64.ts";
import { decodeUtf8, type JsonObject, parseJson, validate } from "../../format/json/json_text.ts";
import { pythonJson } from "./python_json.ts";
import { fields } from "../../format/json/schema.ts";
import {
  asCorruptedStatus,
  decodeTwinDbBinlogCopy,
  decodeTwinDbCopy,
  encodeTwinDbBinlogCopy,
  encodeTwinDbCopy,
  type TwinDbBackupType,
  type TwinDbBinlogCopy,
  type TwinDbCopy,
} from "./copy.ts";

/** The version of the format that is written. */
export const TWINDB_STATUS_VERSION = 1;

/** Where status files are stored: texts by relative path, as in a directory. */
export interface StatusDestination {
  /** The text at `path`, or null if there is none. */
  read(path: string): Promise<string | null>;
  /** Writes the text to `path`, replacing an earlier one. */
  write(path: string, text: string): Promise<void>;
}

/** The common part of all kinds of status: copies ordered by time, oldest first. */
export abstract class StatusOf<Copy extends { readonly key: string }> implements Iterable<Copy> {
  /** The directory of the status on a destination: the name of the host. */
  readonly directory: string;
  readonly #copies: Copy[] = [];

  /** `directory`: the name of the host. Throws `UsageError` if two copies have the same key. */
  constructor(directory: string, copies: Iterable<Copy> = []) {
    this.directory = directory;
    for (const copy of copies) this.add(copy);
  }

  /** The file's name in its directory. */
  abstract readonly baseName: string;
  /** The time by which copies are sorted, in seconds since 1970 UTC. */
  protected abstract secondsOf(copy: Copy): number;
  /** The copies in the form of the file. */
  protected abstract content(): JsonObject;

  /** The path of the file on a destination. */
  get path(): string {
    return `${this.directory}/${this.baseName}`;
  }

  /** How many copies there are. */
  get length(): number {
    return this.#copies.length;
  }

  /** The version of the format that is written. */
  get version(): number {
    return TWINDB_STATUS_VERSION;
  }

  /** The copy that was begun last, or null if there is none. */
  get latest(): Copy | null {
    return this.#copies.at(-1) ?? null;
  }

  /** MD5 of the copies in the form of the file, in hex. */
  get md5(): string {
    return hash("md5", this.#encoded());
  }

  /** The copies, oldest first. */
  [Symbol.iterator](): Iterator<Copy> {
    return this.#copies.values();
  }

  /**
   * The copy at a position (negative ones count from the end), or with a key. Throws `StatusKeyNotFound` if there is
   * none.
   */
  get(positionOrKey: number | string): Copy {
    const found = typeof positionOrKey === "number"
      ? this.#copies.at(positionOrKey)
      : this.#copies.find(({ key }) => key === positionOrKey);
    if (found !== undefined) return found;
    const what = typeof positionOrKey === "number" ? `at position ${positionOrKey}` : `"${positionOrKey}"`;
    throw new StatusKeyNotFound(`There is no copy ${what} in the TwinDB status ${this.path}`);
  }

  /** Adds a copy at its place by time. Throws `UsageError` if there is already one with its key. */
  add(copy: Copy): void {
    if (this.#copies.some(({ key }) => key === copy.key)) {
      throw new UsageError(`The TwinDB status ${this.path} has a copy "${copy.key}" already; remove that one first`);
    }
    const seconds = this.secondsOf(copy);
    const before = this.#copies.findLastIndex((other) => this.secondsOf(other) <= seconds);
    this.#copies.splice(before + 1, 0, copy);
  }

  /**
   * Removes the copy with this key or, if there is none, the first whose key is the end of the given one, so that the
   * path of a file on a destination can be given, too. Throws `StatusKeyNotFound`.
   */
  remove(key: string): void {
    const exact = this.#copies.findIndex((copy) => copy.key === key);
    const position = exact >= 0 ? exact : this.#copies.findIndex((copy) => key.endsWith(copy.key));
    if (position < 0) throw new StatusKeyNotFound(`There is no copy "${key}" in the TwinDB status ${this.path}`);
    this.#copies.splice(position, 1);
  }

  /** The file's text, byte for byte as TwinDB writes it. */
  serialize(): string {
    const status = this.#encoded();
    return pythonJson({ md5: hash("md5", status), status, version: this.version });
  }

  /** Writes the file to a destination. Throws the destination's errors. */
  async save(destination: StatusDestination): Promise<void> {
    await destination.write(this.path, this.serialize());
  }

  #encoded(): string {
    return encodeBase64(new TextEncoder().encode(pythonJson(this.content())));
  }
}

/** The status of a host's backups. */
export class TwinDbStatus extends StatusOf<TwinDbCopy> {
  /** The file's name in its directory. */
  readonly baseName = "status";

  /** Reads a file's text. Null, for a missing file, gives an empty status. Throws `CorruptedStatus`. */
  static parse(text: string | null, directory: string): TwinDbStatus {
    return new TwinDbStatus(directory, text === null ? [] : periodicCopies(decodeEnvelope(text)));
  }

  /** Reads the file from a destination. A missing file gives an empty status. Throws `CorruptedStatus`. */
  static async read(destination: StatusDestination, directory: string): Promise<TwinDbStatus> {
    return TwinDbStatus.parse(await destination.read(new TwinDbStatus(directory).path), directory);
  }

  /** Adds a copy as for any status. Also throws `UsageError` for an unknown run type. */
  override add(copy: TwinDbCopy): void {
    parseRunType(copy.runType);
    super.add(copy);
  }

  /** The copies of one run type, oldest first. Throws `UsageError` for an unknown run type, as all methods here do. */
  ofRunType(runType: RunType): TwinDbCopy[] {
    const wanted = parseRunType(runType);
    return [...this].filter((copy) => copy.runType === wanted);
  }

  /**
   * The copy that an incremental copy of this run type would continue: among the copies of the run type, then of each
   * longer one, the newest full copy by LSN; of equal LSNs the oldest. A copy without an LSN loses to one with an LSN;
   * of several without, the newest by time is taken, where TwinDB itself fails. Null if there is no full copy.
   */
  candidateParent(runType: RunType): TwinDbCopy | null {
    for (const candidate of runTypesFrom(runType)) {
      const full = this.ofRunType(candidate).filter(({ type }) => type === "full");
      if (full.length === 0) continue;
      return full.reduce((newest, copy) => isNewer(copy, newest) ? copy : newest);
    }
    return null;
  }

  /** Whether there is a copy that an incremental copy of this run type could continue. */
  fullCopyExists(runType: RunType): boolean {
    return this.candidateParent(runType) !== null;
  }

  /** What the next run should make if runs of `fullBackup` and of longer intervals make full copies. */
  nextBackupType(fullBackup: RunType, runType: RunType): TwinDbBackupType {
    return isFullRun(fullBackup, runType) || !this.fullCopyExists(runType) ? "full" : "incremental";
  }

  /** When the copy was begun. */
  protected override secondsOf({ backupStarted }: TwinDbCopy): number {
    return backupStarted ?? 0;
  }

  /** The copies by run type and key. */
  protected override content(): JsonObject {
    return Object.fromEntries(RUN_TYPES.map((runType) => [
      runType,
      Object.fromEntries(this.ofRunType(runType).map((copy) => [copy.key, encodeTwinDbCopy(copy)])),
    ]));
  }
}

/** Whether the copy that was begun later is also the newer one by LSN. */
function isNewer({ lsn }: TwinDbCopy, earlier: TwinDbCopy): boolean {
  return earlier.lsn === null || (lsn !== null && lsn > earlier.lsn);
}

/** The status of a host's binary logs. */
export class TwinDbBinlogStatus extends StatusOf<TwinDbBinlogCopy> {
  /** The file's name in its directory. */
  readonly baseName = "binlog-status";

  /** Like `TwinDbStatus.parse`. */
  static parse(text: string | null, directory: string): TwinDbBinlogStatus {
    return new TwinDbBinlogStatus(directory, text === null ? [] : binlogCopies(decodeEnvelope(text)));
  }

  /** Like `TwinDbStatus.read`. */
  static async read(destination: StatusDestination, directory: string): Promise<TwinDbBinlogStatus> {
    return TwinDbBinlogStatus.parse(await destination.read(new TwinDbBinlogStatus(directory).path), directory);
  }

  /** When the log was created. */
  protected override secondsOf({ createdAt }: TwinDbBinlogCopy): number {
    return createdAt;
  }

  /** The copies by key. */
  protected override content(): JsonObject {
    return Object.fromEntries([...this].map((copy) => [copy.key, encodeTwinDbBinlogCopy(copy)]));
  }
}

/** Reads a status of either kind; its content tells which. Throws `CorruptedStatus`. */
export function parseAnyTwinDbStatus(text: string, directory: string): TwinDbStatus | TwinDbBinlogStatus {
  const content = decodeEnvelope(text);
  const isPeriodic = Object.keys(content).some(isRunType);
  return isPeriodic
    ? new TwinDbStatus(directory, periodicCopies(content))
    : new TwinDbBinlogStatus(directory, binlogCopies(content));
}

const envelopeSchema = fields({ md5: v.string(), status: v.string(), version: v.optional(v.number(), 1) });
const contentSchema = fields({});

/** The object with the copies, from either form of the file. */
function decodeEnvelope(text: string): Record<string, unknown> {
  if (text === "") throw corrupted("it is empty");
  const inner = decodeBase64(encodedCopies(text));
  if (inner === null) throw corrupted("neither JSON nor base64");
  const value = asCorruptedStatus(() => parseJson(decodeUtf8(inner, WHAT), WHAT));
  asCorruptedStatus(() => validate(contentSchema, value, WHAT));
  return value as Record<string, unknown>;
}

/**
 * The base64 text with the copies: from the JSON object, if its digest is right, or the file itself in the older form.
 */
function encodedCopies(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text; // the older form
  }
  const { md5, status, version } = asCorruptedStatus(() => validate(envelopeSchema, value, WHAT));
  if (version !== TWINDB_STATUS_VERSION) {
    throw corrupted(`version ${version} is not known; only version ${TWINDB_STATUS_VERSION} is`);
  }
  if (hash("md5", status) !== md5) throw corrupted("its MD5 is not the one it names");
  return status;
}

function periodicCopies(content: Record<string, unknown>): TwinDbCopy[] {
  const unknown = Object.keys(content).find((name) => !isRunType(name));
  if (unknown !== undefined) throw corrupted(`${JSON.stringify(unknown)} is not a run type`);
  return RUN_TYPES.flatMap((runType) =>
    copiesIn(content[runType], `${runType} copies`).map(([key, value]) => decodeTwinDbCopy(key, runType, value))
  );
}

function binlogCopies(content: Record<string, unknown>): TwinDbBinlogCopy[] {
  const byKey = Object.entries(content).sort(([a], [b]) => a < b ? -1 : 1);
  return byKey.map(([key, value]) => decodeTwinDbBinlogCopy(key, value));
}

function copiesIn(value: unknown, what: string): [string, unknown][] {
  if (value === undefined) throw corrupted(`it has no ${what}`);
  asCorruptedStatus(() => validate(contentSchema, value, `${WHAT}, ${what}`));
  return Object.entries(value as object);
}

const WHAT = "TwinDB status";

function corrupted(problem: string): CorruptedStatus {
  return new CorruptedStatus(`Damaged ${WHAT}: ${problem}`);
}
