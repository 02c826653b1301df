/**
 * Several processes write the catalogue, each with a view of the repository that may be old. A model of the repository
 * tells what must hold after every step, in any order of the steps.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Backup } from "../../src/backup/backup.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { Catalogue } from "../../src/catalogue/catalogue.ts";
import { readCatalogue } from "../../src/catalogue/read_catalogue.ts";
import type { CataloguedRepository, ListingToken } from "../../src/catalogue/records.ts";
import { backup } from "../backup/backups.ts";
import { CataloguePlace } from "./opened.ts";

const RUNS = 100;
const SNAPSHOTS = 3;
const STEPS = 30;

/** What a process does, step by step; others do their steps in between. */
type Process = Generator<() => void | Promise<void>>;

class Model {
  /** The snapshots that the repository has. */
  readonly stored = new Set<number>();
  /** The snapshots that the repository has had: none comes twice. */
  readonly used = new Set<number>();
  /** The snapshots about which a command of ours, which is over, was the last to know. */
  readonly settled = new Set<number>();
  /** How often a snapshot was stored or removed. */
  readonly #changes = new Map<number, number>();
  readonly #catalogue: Catalogue;
  readonly #repository: CataloguedRepository;
  readonly #clock: Clock;

  constructor(catalogue: Catalogue, repository: CataloguedRepository, clock: Clock) {
    this.#catalogue = catalogue;
    this.#clock = clock;
    this.#repository = repository;
  }

  *put(name: number): Process {
    let made: number | undefined;
    yield () => {
      made = this.#store(name);
    };
    yield async () => {
      if (made === undefined) return;
      await this.#catalogue.changeBackups(this.#repository, { added: [{ backup: this.#backup(name) }] });
      this.#settle(name, made);
    };
  }

  *remove(name: number): Process {
    let removed: number | undefined;
    yield () => {
      removed = this.#remove(name);
    };
    yield async () => {
      if (removed === undefined) return;
      await this.#catalogue.changeBackups(this.#repository, { removed: [this.#backup(name).snapshotId] });
      this.#settle(name, removed);
    };
  }

  /** A new snapshot replaces one, as when tags change. */
  *replace(name: number, next: number): Process {
    let [made, removed]: (number | undefined)[] = [];
    yield () => {
      if (this.stored.has(name)) made = this.#store(next);
    };
    yield () => {
      if (made !== undefined) removed = this.#remove(name);
    };
    yield async () => {
      if (made === undefined) return;
      const [old, added] = [this.#backup(name), this.#backup(next)];
      await this.#catalogue.changeBackups(this.#repository, { added: [{ backup: added }], removed: [old.snapshotId] });
      this.#settle(next, made);
      if (removed !== undefined) this.#settle(name, removed);
    };
  }

  /** Another tool, which tells nobody. */
  *elsewhere(name: number): Process {
    yield () => {
      if (this.#store(name) === undefined) this.#remove(name);
    };
  }

  *list({ replacesAll = false, byTime = false } = {}): Process {
    let token: ListingToken;
    let backups: Backup[];
    yield async () => {
      const now = this.#clock.now();
      token = byTime
        ? this.#catalogue.listingSince(this.#repository, now)
        : await this.#catalogue.beginListing(this.#repository);
    };
    yield () => {
      backups = [...this.stored].map((name) => this.#backup(name));
    };
    yield () => this.#catalogue.applyListing(token, { backups, replacesAll });
  }

  /** Undefined if the repository has, or had, that snapshot; otherwise how often it was changed by then. */
  #store(name: number): number | undefined {
    if (this.used.has(name)) return undefined;
    this.used.add(name);
    this.stored.add(name);
    return this.#change(name);
  }

  #remove(name: number): number | undefined {
    return this.stored.delete(name) ? this.#change(name) : undefined;
  }

  #change(name: number): number {
    this.settled.delete(name);
    this.#changes.set(name, (this.#changes.get(name) ?? 0) + 1);
    return this.#changes.get(name)!;
  }

  #settle(name: number, change: number): void {
    if (this.#changes.get(name) === change) this.settled.add(name);
  }

  #backup(name: number): Backup {
    return backup(`${this.#repository.id} ${name}`);
  }

  nameOf(snapshotId: unknown): number {
    return [...this.used].find((name) => this.#backup(name).snapshotId === snapshotId)!;
  }
}

const name = fc.nat(SNAPSHOTS - 1);
const action = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), name }),
  fc.record({ kind: fc.constant("remove" as const), name }),
  fc.record({ kind: fc.constant("replace" as const), name, next: name }),
  fc.record({ kind: fc.constant("elsewhere" as const), name }),
  fc.record({ kind: fc.constant("list" as const), replacesAll: fc.boolean(), byTime: fc.boolean() }),
);

/** Whose turn it is, again and again. */
const schedule = fc.array(fc.nat(), { minLength: STEPS, maxLength: STEPS });

Deno.test("in any order of steps, the catalogue agrees with commands of ours that are over, and a listing settles the rest", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 12 }), schedule, async (actions, turns) => {
      using reader = await readCatalogue(place.path, Deno.uid());
      const repository = { id: String(runs++).padStart(64, "0"), location: "/backups" };
      const model = new Model(catalogue, repository, place.clock);
      const processes = actions.map((each): Process => {
        if (each.kind === "list") return model.list(each);
        return each.kind === "replace" ? model.replace(each.name, each.next) : model[each.kind](each.name);
      });
      const live = () => {
        const { rows } = reader.query(
          `SELECT snapshot_id FROM backups JOIN repositories USING (repository)
           WHERE repository_id = '${repository.id}' AND NOT is_deleted`,
        );
        return new Set([...rows].map(([id]) => model.nameOf(id)));
      };
      for (let turn = 0; processes.length > 0; turn++) {
        const at = turns[turn % STEPS]! % processes.length;
        const { value: step, done } = processes[at]!.next();
        if (done) processes.splice(at, 1);
        else await step();
        place.clock.jump(1);
        const known = live();
        for (const each of model.settled) assert.equal(known.has(each), model.stored.has(each), `snapshot ${each}`);
      }
      for (const step of model.list()) await step();
      assert.deepEqual([...live()].sort(), [...model.stored].sort());
    }),
    { numRuns: RUNS },
  );
});
