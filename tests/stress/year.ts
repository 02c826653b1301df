/** A simulated year: clients that back up by the hour, retention after each run, a prune a week, and what goes wrong. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { type AgentError, LockedError, SourceError } from "../../src/base/errors.ts";
import { RUN_TYPES, type RunType } from "../../src/base/run_type.ts";
import { backupOf } from "../../src/backup/backup.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { timestampToDate } from "../../src/format/time.ts";
import { check } from "../../src/ops/check.ts";
import { forget, type RetentionRequest } from "../../src/ops/forget.ts";
import { unlock } from "../../src/ops/unlock.ts";
import { prune } from "../../src/ops/prune.ts";
import { put } from "../../src/ops/put.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  BytesSource,
  type FakeWorld,
  getBytes,
  IDENTITY,
  namesOf,
  noise,
  PASSWORD,
  putRequest,
  readAllBackups,
} from "../helpers/world.ts";
import { Draws } from "./draws.ts";
import { Ledger, type Policy } from "./ledger.ts";
import {
  type Circumstances,
  drawMisfortune,
  type Extent,
  type Misfortune,
  NO_MISFORTUNE,
  thrownBy,
} from "./misfortune.ts";

const HOUR_MS = 3_600_000;

/** How many of each run type are kept. */
const KEPT: Readonly<Record<RunType, number>> = { hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3 };

const SOURCE_FAILS = 0.05;
const PUT_MEETS_MISFORTUNE = 0.04;
const FORGET_MEETS_MISFORTUNE = 0.04;
/** Of prunes, which are few; after each misfortune the next try may meet another one. */
const PRUNE_MEETS_MISFORTUNE = 0.6;

/** About what a command does to its store, so that most misfortunes befall it before its end. */
const EXTENT = {
  put: { calls: 120, changes: 6 },
  forget: { calls: 70, changes: 3 },
  prune: { calls: 300, changes: 60 },
} as const satisfies Record<string, Extent>;

const FIRST_BYTES = 60_000;

/** Somebody who backs a stream up at every hour of the day that is a multiple of `everyHours`. */
interface Client {
  readonly series: string;
  readonly host: string;
  readonly everyHours: number;
}

const CLIENTS: readonly Client[] = [
  { series: "prod/shop", host: "db1", everyHours: 1 },
  { series: "prod/shop", host: "db2", everyHours: 12 },
  { series: "crm", host: "db1", everyHours: 24 },
];

/** What came to pass. */
interface Tally {
  runs: number;
  committed: number;
  /** Committed, and the client was told that it failed. */
  committedUnnoticed: number;
  failedSources: number;
  failedPuts: number;
  failedForgets: number;
  failedPrunes: number;
  locked: number;
}

export class Year {
  readonly tally: Tally = {
    runs: 0,
    committed: 0,
    committedUnnoticed: 0,
    failedSources: 0,
    failedPuts: 0,
    failedForgets: 0,
    failedPrunes: 0,
    locked: 0,
  };
  readonly #store: BlobStore;
  readonly #world: FakeWorld;
  readonly #draws: Draws;
  readonly #ledger = new Ledger();
  readonly #streams = new Map<Client, Uint8Array<ArrayBuffer>>();
  /** How many of each client and run type were committed, to be told apart from what is kept of them. */
  readonly #made = new Map<string, number>();
  #setBackMs = 0;
  #pid = IDENTITY.pid;

  constructor(store: BlobStore, world: FakeWorld, seed: string) {
    this.#store = store;
    this.#world = world;
    this.#draws = new Draws(seed);
  }

  /** One hour: whoever is due backs up and forgets. */
  async hour(): Promise<void> {
    this.#world.clock.jump(HOUR_MS);
    const hourOfDay = this.#world.clock.now().getUTCHours();
    for (const client of CLIENTS) {
      if (hourOfDay % client.everyHours !== 0) continue;
      this.tally.runs++;
      if (await this.#backUp(client)) await this.#forget(client);
      await this.#ledger.assertIn(this.#store, this.#label(client));
    }
  }

  /** The clocks of all clients are put forward. */
  putClockForward(ms: number): void {
    this.#world.clock.adjust(ms);
  }

  /** The clocks of all clients are set back, in the middle of the next backup whose source gets to its end. */
  setClockBack(ms: number): void {
    this.#setBackMs = ms;
  }

  /** Prunes, whatever it takes; then everything that is kept has to restore. */
  async endOfWeek(): Promise<void> {
    await unlock(accessTo(this.#store), { all: true }, { world: this.#worldOf("db1") });
    while (this.#draws.happens(PRUNE_MEETS_MISFORTUNE)) {
      const misfortune = drawMisfortune(this.#draws, EXTENT.prune);
      if (await this.#prune(misfortune.befall(this.#store)) === undefined) break;
      this.tally.failedPrunes++;
    }
    assert.deepEqual(await this.#prune(NO_MISFORTUNE.befall(this.#store)), undefined, "an undisturbed prune");
    await this.#assertRestores();
  }

  /** At the end of the year: what is left is what the policy says, and all of it is whole. */
  async end(): Promise<void> {
    for (const series of new Set(CLIENTS.map((client) => client.series))) {
      await forget(accessTo(this.#store), retention(series), { world: this.#worldOf("db1") });
      this.#ledger.keepOnly(series, this.#policy);
    }
    await this.endOfWeek();
    this.#assertCounts();
    const { signal } = NO_MISFORTUNE.befall(this.#store);
    const options = { signal, noLock: false, readData: true };
    const { errors, notes } = await check(accessTo(this.#store), options, { world: this.#worldOf("db1"), ...options });
    assert.deepEqual(errors, []);
    // That parents are gone is what retention is for.
    assert.deepEqual(notes.filter(({ kind }) => kind !== "chain"), []);
    for (const { id, md5 } of this.#ledger.entries) {
      assert.equal(hash("md5", await getBytes(accessTo(this.#store), this.#worldOf("db1"), `@${id}`)), md5, id);
    }
  }

  /** The oldest and the newest backup of each client: the snapshot, the file in it, and the MD5 of that. */
  ends(): { readonly id: string; readonly path: string; readonly md5: string }[] {
    const byClient = Map.groupBy(this.#ledger.entries, ({ series, host }) => `${series} ${host}`);
    return [...byClient.values()].flatMap((entries) =>
      [entries[0]!, entries.at(-1)!].map(({ id, series, md5 }) => ({ id, path: `/${series}/data`, md5 }))
    );
  }

  /** Gives whether the client was told that it went well. */
  async #backUp(client: Client): Promise<boolean> {
    const stream = this.#nextStream(client);
    const world = this.#worldOf(client.host);
    const runType = runTypeOf(world.clock.now());
    const isBroken = this.#draws.happens(SOURCE_FAILS);
    const source = Object.assign(new BytesSource(stream), {
      ended: () => {
        world.clock.adjust(-this.#setBackMs);
        this.#setBackMs = 0;
        return isBroken ? Promise.reject(new SourceError("it died")) : Promise.resolve();
      },
    });
    const misfortune = this.#drawMisfortune(PUT_MEETS_MISFORTUNE, EXTENT.put);
    const { store, signal } = misfortune.befall(this.#store);
    const overrides = {
      series: parseSeries(client.series),
      host: client.host,
      runType,
      levelRules: { fullBackup: "daily" },
    } as const;
    const error = await thrownBy(() => put(accessTo(store), putRequest(source, overrides), { world, signal }));
    const isCommitted = await this.#enter(client, runType, hash("md5", stream));
    if (error === undefined) assert.ok(isCommitted && !isBroken, this.#label(client));
    else if (error instanceof LockedError) await this.#unlock(client.host);
    else if (error instanceof SourceError) this.tally.failedSources++;
    else this.#countFailure("failedPuts", misfortune, error);
    assert.ok(!(isBroken && isCommitted), "a broken stream was committed");
    if (error !== undefined && isCommitted) this.tally.committedUnnoticed++;
    return error === undefined;
  }

  /** Enters the backup that the last put left, if it did; gives whether it did. */
  async #enter(client: Client, runType: RunType, md5: string): Promise<boolean> {
    const fresh = (await namesOf(this.#store, "snapshot")).filter((id) => !this.#ledger.has(id));
    if (fresh.length === 0) return false;
    const { randomBytes } = this.#world;
    const { files } = await openRepository(this.#store, { password: PASSWORD, randomBytes });
    const { snapshots } = await loadSnapshots(files);
    for (const backup of snapshots.filter(({ id }) => fresh.includes(id)).map(backupOf)) {
      const { snapshotId: id, series, host, info } = backup;
      const startedMs = timestampToDate(backup.started).getTime();
      this.#ledger.add({ id, ...client, runType, startedMs, md5 });
      assert.deepEqual([series, host, info?.runType], [client.series, client.host, runType]);
    }
    const key = `${client.series} ${client.host} ${runType}`;
    this.#made.set(key, (this.#made.get(key) ?? 0) + 1);
    this.tally.committed++;
    assert.equal(fresh.length, 1, "one put, one backup");
    return true;
  }

  async #forget({ series, host }: Client): Promise<void> {
    const misfortune = this.#drawMisfortune(FORGET_MEETS_MISFORTUNE, EXTENT.forget);
    const { store, signal } = misfortune.befall(this.#store);
    const error = await thrownBy(async () => {
      const { damaged } = await forget(accessTo(store), retention(series), { world: this.#worldOf(host), signal });
      // A snapshot that could not be read stays, and is what the command line then fails with.
      if (damaged.length > 0) throw damaged[0]!.error;
    });
    if (error === undefined) return this.#ledger.keepOnly(series, this.#policy);
    if (error instanceof LockedError) await this.#unlock(host);
    else this.#countFailure("failedForgets", misfortune, error);
    await this.#ledger.keepAtLeast(series, this.#policy, this.#store);
  }

  /** Gives what was thrown. */
  async #prune({ store, signal }: Circumstances): Promise<AgentError | undefined> {
    const options = { limits: DEFAULT_PRUNE_LIMITS, dryRun: false, signal };
    const error = await thrownBy(() => prune(accessTo(store), options, { world: this.#worldOf("db1"), ...options }));
    await this.#ledger.assertIn(this.#store, "after a prune");
    return error;
  }

  async #assertRestores(): Promise<void> {
    const backups = await readAllBackups(this.#store, this.#world);
    for (const { backup, bytes } of backups) {
      assert.equal(hash("md5", bytes), this.#ledger.find(backup.snapshotId).md5, `${backup.id} of ${backup.started}`);
    }
    assert.equal(backups.length, this.#ledger.entries.length);
    const { signal } = NO_MISFORTUNE.befall(this.#store);
    const options = { signal, noLock: false, readData: false };
    const { errors } = await check(accessTo(this.#store), options, { world: this.#worldOf("db1"), ...options });
    assert.deepEqual(errors, []);
  }

  /** Of each client and run type as many as were made, and no more than the policy keeps. */
  #assertCounts(): void {
    const kept = Map.groupBy(this.#ledger.entries, ({ series, host, runType }) => `${series} ${host} ${runType}`);
    for (const [key, made] of this.#made) {
      const runType = RUN_TYPES.find((type) => key.endsWith(` ${type}`))!;
      assert.equal(kept.get(key)?.length, Math.min(made, KEPT[runType]), key);
    }
  }

  #drawMisfortune(likelihood: number, extent: Extent): Misfortune {
    return this.#draws.happens(likelihood) ? drawMisfortune(this.#draws, extent) : NO_MISFORTUNE;
  }

  #countFailure(of: "failedPuts" | "failedForgets", misfortune: Misfortune, error: AgentError): void {
    assert.notEqual(misfortune, NO_MISFORTUNE, `for no reason: ${error.message}`);
    this.tally[of]++;
  }

  /** Another host's process died and left its lock, which nobody but a person may call stale. */
  async #unlock(hostname: string): Promise<void> {
    this.tally.locked++;
    await unlock(accessTo(this.#store), { all: false }, { world: this.#worldOf(hostname) });
  }

  get #policy(): Policy {
    return { kept: KEPT, nowMs: this.#world.clock.now().getTime() };
  }

  /** Every command is a process of its own, and all before it are gone. */
  #worldOf(hostname: string): FakeWorld {
    const pid = ++this.#pid;
    const identity = { ...IDENTITY, hostname, pid, process: { table: hostname, started: pid } };
    return { ...this.#world, identity, processExists: (other) => other === pid };
  }

  /** What an hour does to a database: a byte here and there, a few more at the end. */
  #nextStream(client: Client): Uint8Array<ArrayBuffer> {
    const { runs } = this.tally;
    const stream = this.#streams.get(client) ?? noise(FIRST_BYTES, `${client.series} ${client.host}`);
    const grown = new Uint8Array(stream.length + 7);
    grown.set(stream);
    grown.set(noise(7, `tail ${runs}`), stream.length);
    grown[(runs * 7919) % stream.length]! ^= 0x55;
    this.#streams.set(client, grown);
    return grown;
  }

  #label({ series, host }: Client): string {
    return `run ${this.tally.runs}, ${series} of ${host}, ${this.#world.clock.now().toISOString()}`;
  }
}

function retention(series: string): RetentionRequest {
  return {
    kind: "policy",
    rules: { runTypes: new Map(RUN_TYPES.map((type) => [type, KEPT[type]])) },
    filter: { series: [series] },
  };
}

/** The longest run type that begins with this hour. */
function runTypeOf(time: Date): RunType {
  if (time.getUTCHours() !== 0) return "hourly";
  if (time.getUTCDate() === 1) return time.getUTCMonth() === 0 ? "yearly" : "monthly";
  return time.getUTCDay() === 0 ? "weekly" : "daily";
}
