/** What has to be in a repository: every backup that was seen, and what retention has to leave of them. */
import assert from "node:assert/strict";
import type { RunType } from "../../src/base/run_type.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { namesOf } from "../helpers/world.ts";

/** A backup as it was made. */
interface Entry {
  /** The name of its snapshot. */
  readonly id: string;
  readonly series: string;
  readonly host: string;
  readonly runType: RunType;
  readonly startedMs: number;
  readonly md5: string;
}

/** A policy: how many of each run type are kept, at which time. */
export interface Policy {
  readonly kept: Readonly<Record<RunType, number>>;
  readonly nowMs: number;
}

/** What claims to be made further in the future than clocks may differ is kept and counts for nothing. */
const CLOCKS_DIFFER_MS = 5 * 60_000;

export class Ledger {
  readonly #entries = new Map<string, Entry>();

  get entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  add(entry: Entry): void {
    assert.ok(!this.#entries.has(entry.id), "a backup was committed twice");
    this.#entries.set(entry.id, entry);
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  find(id: string): Entry {
    const entry = this.#entries.get(id);
    assert.ok(entry, `nobody made snapshot ${id}`);
    return entry;
  }

  /** Fails unless exactly these backups are in the store. */
  async assertIn(store: BlobStore, label: string): Promise<void> {
    assert.deepEqual(await namesOf(store, "snapshot"), [...this.#entries.keys()].sort(), label);
  }

  /** Retention was carried out: exactly what the policy keeps of a series is left of it. */
  keepOnly(series: string, policy: Policy): void {
    const keeps = this.#keptOf(series, policy);
    for (const { id } of this.#of(series)) if (!keeps.has(id)) this.#entries.delete(id);
  }

  /** Retention was stopped: of what the policy does not keep some may be gone, and of the rest nothing. */
  async keepAtLeast(series: string, policy: Policy, store: BlobStore): Promise<void> {
    const keeps = this.#keptOf(series, policy);
    const left = new Set(await namesOf(store, "snapshot"));
    for (const { id } of this.#of(series)) if (!keeps.has(id) && !left.has(id)) this.#entries.delete(id);
  }

  /** The newest of each host and run type, as many as the policy says. */
  #keptOf(series: string, { kept, nowMs }: Policy): ReadonlySet<string> {
    const isInFuture = ({ startedMs }: Entry) => startedMs > nowMs + CLOCKS_DIFFER_MS;
    const groups = Map.groupBy(this.#of(series), ({ host, runType }) => `${host} ${runType}`);
    const keeps = [...groups.values()].flatMap((group) => {
      const newestFirst = group.toSorted((a, b) => b.startedMs - a.startedMs || (a.id < b.id ? 1 : -1));
      const past = newestFirst.filter((entry) => !isInFuture(entry));
      return [...newestFirst.filter(isInFuture), ...past.slice(0, kept[group[0]!.runType])];
    });
    return new Set(keeps.map(({ id }) => id));
  }

  #of(series: string): Entry[] {
    return this.entries.filter((entry) => entry.series === series);
  }
}
