/**
 * Keeps on this machine what the snapshots of a repository say, so that a put or a get need not read thousands of files
 * to find the one that it continues or restores. Which snapshots exist is up to the store's listing alone.
 *
 * There are two files (`kept_snapshots_file.ts`). One holds most snapshots and is seldom written; the other holds those
 * that came since, and is written whenever there are more. They need not fit together: each stands for itself, and
 * several processes may replace them at once. The worst that comes of it is that a snapshot is read from the store
 * again.
 */
import { AgentError } from "../base/errors.ts";
import type { SnapshotId } from "../base/id.ts";
import type { Sealer } from "../crypto/seal.ts";
import type { Snapshot } from "../format/snapshot.ts";
import { entryOfSnapshots, type SnapshotPart } from "../store/cache/cache_entry.ts";
import { evict } from "../store/cache/directory.ts";
import { CacheFolder, type CacheOptions } from "../store/cache/folder.ts";
import { decodeKeptSnapshots, encodeKeptSnapshots } from "./kept_snapshots_file.ts";

/** With fewer snapshots, reading them takes less time than a put takes anyway. */
const WORTH_SNAPSHOTS = 64;

/** So many snapshots may be in the smaller file, or gone from the store and still in the larger one. */
const ROOM_SNAPSHOTS = 64;
/** More may if this share of the larger file is more. */
const ROOM_SHARE = 1 / 8;

/** A snapshot and the name of its file. */
interface NamedSnapshot {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
}

/** What is kept of the snapshots that a listing names. */
interface ListedSnapshots {
  /** What a snapshot says; undefined if that is not kept. */
  get(id: SnapshotId): Snapshot | undefined;
  /** Keeps listed snapshots, which were loaded from the store by their ids. */
  add(loaded: readonly NamedSnapshot[]): Promise<void>;
}

/** Reads and writes what is kept of one repository. If that fails, snapshots are only read from the store again. */
export class KeptSnapshots {
  readonly #cache: CacheOptions;
  readonly #folder: CacheFolder;
  readonly #makeSealer: () => Sealer;
  #sealer: Sealer | undefined;
  readonly #worthSnapshots: number;

  /**
   * `makeSealer`: makes that of these files when it is needed. `worthSnapshots`: how many snapshots a repository must have
   * for this to be worth it.
   */
  constructor(cache: CacheOptions, makeSealer: () => Sealer, worthSnapshots = WORTH_SNAPSHOTS) {
    this.#cache = cache;
    this.#folder = new CacheFolder(cache);
    this.#makeSealer = makeSealer;
    this.#worthSnapshots = worthSnapshots;
  }

  /** What is kept of the snapshots that the store listed; undefined if they are too few. */
  async read(listed: readonly SnapshotId[]): Promise<ListedSnapshots | undefined> {
    if (listed.length < this.#worthSnapshots) return undefined;
    const most = await this.#readPart("most");
    const recent = await this.#readPart("recent");
    return {
      get: (id) => most.get(id) ?? recent.get(id),
      add: (loaded) => this.#add(loaded, { most, recent, listed }),
    };
  }

  async #add(loaded: readonly NamedSnapshot[], { most, recent, listed }: Found): Promise<void> {
    const there = new Set(listed);
    const gone = most.keys().reduce((count, id) => there.has(id) ? count : count + 1, 0);
    const room = Math.max(ROOM_SNAPSHOTS, most.size * ROOM_SHARE);
    if (loaded.length === 0 && gone <= room) return;
    const since = new Map([...recent].filter(([id]) => there.has(id) && !most.has(id)));
    for (const { id, snapshot } of loaded) since.set(id, snapshot);
    if (gone <= room && since.size <= room) return void await this.#writePart("recent", since);
    const all = new Map([...most].filter(([id]) => there.has(id)));
    for (const [id, snapshot] of since) all.set(id, snapshot);
    if (!await this.#writePart("most", all)) return;
    await this.#folder.drop(entryOfSnapshots("recent"));
    // What makes room is what was not used for long. What fails here fails where others make room, too.
    await evict(this.#cache).catch(() => {});
  }

  #madeSealer(): Sealer {
    return this.#sealer ??= this.#makeSealer();
  }

  async #readPart(part: SnapshotPart): Promise<Map<SnapshotId, Snapshot>> {
    const bytes = await this.#folder.read(entryOfSnapshots(part));
    if (bytes === undefined) return new Map();
    try {
      return decodeKeptSnapshots(bytes, this.#madeSealer());
    } catch (error) {
      // Whatever it is, the store has the snapshots.
      if (error instanceof AgentError) return new Map();
      throw error;
    }
  }

  async #writePart(part: SnapshotPart, snapshots: ReadonlyMap<SnapshotId, Snapshot>): Promise<boolean> {
    const bytes = encodeKeptSnapshots(snapshots, this.#madeSealer());
    return bytes !== undefined && await this.#folder.write(entryOfSnapshots(part), bytes);
  }
}

/** What was found when a listing began. */
interface Found {
  readonly most: ReadonlyMap<SnapshotId, Snapshot>;
  readonly recent: ReadonlyMap<SnapshotId, Snapshot>;
  readonly listed: readonly SnapshotId[];
}
