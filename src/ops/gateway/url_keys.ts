/**
 * The keys that sign URLs, as the records in a repository say. Whatever may hide a record that ended a generation is an
 * error: a URL that was revoked must not become valid again.
 */
import type { Clock } from "../../base/clock.ts";
import { encodeHex } from "../../base/hex.ts";
import type { SnapshotId } from "../../base/id.ts";
import { backupOf, startedMsOf } from "../../backup/backup.ts";
import type { OpenIndex } from "../../backup/rewritten.ts";
import { deriveUrlKey, type UrlKey } from "../../crypto/url_key.ts";
import type { Repository } from "../../repository/repository.ts";
import { damageWithAdvice, loadSnapshots } from "../../repository/snapshots.ts";
import { type Generation, generationOf, isRecord } from "./generation_record.ts";

/** How old what a gateway knows of the records may become, in milliseconds: a revocation counts at the latest then. */
export const LOOK_AGAIN_MS = 3000;

/** What keys are found with. */
interface UrlKeysTools {
  readonly repository: Repository;
  /** For records whose tags somebody changed. */
  readonly openIndex: OpenIndex;
  readonly signal?: AbortSignal | undefined;
}

/** What a record says, and when it was written. */
interface FoundRecord {
  readonly generation: Generation;
  readonly startedMs: number;
}

/** The records of a repository, looked at again and again. */
export class RecordReader {
  readonly #tools: UrlKeysTools;
  /** All snapshots that were looked at. */
  #known = new Set<SnapshotId>();
  #records = new Map<SnapshotId, FoundRecord>();
  /** The highest number that was ever seen; it stays valid alone, even if its record is removed. */
  #highest = 0;

  constructor(tools: UrlKeysTools) {
    this.#tools = tools;
  }

  /**
   * The generations of the highest number, as of now: usually one, several if they began at the same time, none if there
   * is no record. Reads only snapshots that are new. Throws `IntegrityError` if a snapshot or record cannot be read, and
   * what the store throws. Not for two calls at the same time.
   */
  async highest(): Promise<readonly Generation[]> {
    const { repository, openIndex, signal } = this.#tools;
    const { snapshots, listed, damaged, vanished } = await loadSnapshots(repository.files, signal, this.#known);
    if (damaged.length > 0) throw damageWithAdvice(damaged[0]!);
    const added = new Map<SnapshotId, FoundRecord>();
    for (const record of snapshots.map(backupOf).filter(isRecord)) {
      const generation = await generationOf(record, openIndex);
      added.set(record.snapshotId, { generation, startedMs: startedMsOf(record) });
    }
    const present = new Set(listed).difference(new Set(vanished));
    this.#records = new Map([...this.#records, ...added].filter(([id]) => present.has(id)));
    this.#known = present;
    const generations = [...this.#records.values()].map(({ generation }) => generation);
    this.#highest = Math.max(this.#highest, ...generations.map(({ number }) => number));
    const valid = generations.filter(({ number }) => number === this.#highest);
    // A tool that changes tags may leave the same record twice.
    return [...new Map(valid.map((generation) => [encodeHex(generation.nonce), generation])).values()];
  }

  /** When the newest record began, in milliseconds since 1970, as of the last look; -Infinity if there is none. */
  get newestMs(): number {
    return Math.max(-Infinity, ...[...this.#records.values()].map(({ startedMs }) => startedMs));
  }
}

/** The highest number of generations that have begun; 0 if none has. */
export function numberOf([generation]: readonly Generation[]): number {
  return generation?.number ?? 0;
}

/** The key of a generation in a repository. */
export function keyOfGeneration({ keys }: Pick<Repository, "keys">, { nonce }: Generation): UrlKey {
  return deriveUrlKey(keys, nonce);
}

/** The keys whose URLs are valid, for a gateway that runs for long. */
export class UrlKeys {
  readonly #reader: RecordReader;
  readonly #repository: Repository;
  readonly #clock: Clock;
  #look: { readonly atMs: number; readonly keys: Promise<readonly UrlKey[]> } | undefined;

  /** `signal` ends looks that are under way. */
  constructor(tools: UrlKeysTools & { readonly clock: Clock }) {
    this.#reader = new RecordReader(tools);
    this.#repository = tools.repository;
    this.#clock = tools.clock;
  }

  /**
   * The keys, as of a moment that is at most `LOOK_AGAIN_MS` ago: nothing is read while nobody asks, and once for all who
   * ask at the same time. None if no URL is valid. Throws what reading the records throws; then nobody knows which URLs
   * are valid, and none may be answered.
   */
  current(): Promise<readonly UrlKey[]> {
    const now = this.#clock.monotonicMs();
    if (this.#look !== undefined && now - this.#look.atMs < LOOK_AGAIN_MS) return this.#look.keys;
    const before = this.#look?.keys.catch(() => {});
    const keys = this.#find(before);
    const look = { atMs: now, keys };
    this.#look = look;
    keys.catch(() => {
      if (this.#look === look) this.#look = undefined;
    });
    return keys;
  }

  async #find(before: Promise<unknown> | undefined): Promise<readonly UrlKey[]> {
    await before;
    const generations = await this.#reader.highest();
    return generations.map((generation) => keyOfGeneration(this.#repository, generation));
  }
}
