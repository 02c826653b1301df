/**
 * Commands that are stopped at any call: stores of which calls fail, once or every n-th, lose their answers or tear
 * files, commands that are interrupted, and above all disks whose power fails and that forget what was not flushed. After
 * each one the repository is sound, every acknowledged backup is there, all that are there restore to their own bytes,
 * and the same command succeeds when nothing stops it.
 *
 * - `STRESS_POINTS`: how many commands are started to be stopped.
 * - `STRESS_SEED`: repeats a run exactly.
 * - `STRESS_REPORT`: a file that is told how many of each command were stopped by what.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import type { AgentError } from "../../src/base/errors.ts";
import { check } from "../../src/ops/check.ts";
import { forget } from "../../src/ops/forget.ts";
import { prune } from "../../src/ops/prune.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { repairPacks } from "../../src/ops/repair/repair_packs.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { initRepository } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import type { BlobStore, FileName } from "../../src/store/store.ts";
import {
  accessTo,
  CHEAP_KDF,
  type FakeWorld,
  fakeWorld,
  IDENTITY,
  namesOf,
  noise,
  PASSWORD,
  putBytes,
  readAllBackups,
} from "../helpers/world.ts";
import { Draws } from "./draws.ts";
import { type Circumstances, drawMisfortune, NO_MISFORTUNE, thrownBy } from "./misfortune.ts";
import { Reach } from "./reach.ts";
import { report, stressSeed, stressSize, stressTimeout } from "../helpers/stress_size.ts";
import { VolatileDisk } from "./volatile_disk.ts";

const POINTS = stressSize("STRESS_POINTS", 50);
const SEED = stressSeed("interruption");

const STREAM_BYTES = 90_000;
/** Small, so that there are many of both. */
const CHUNK_BYTES = 2048;
const PACK_BYTES = 15_000;
const KEPT = 2;
const REPORT_EVERY = 50;

/** As often as they stand here: what is forgotten has to be backed up before, and prunes need waste. */
const COMMANDS = [
  "put",
  "put",
  "put",
  "put",
  "forget",
  "forget",
  "forget and prune",
  "prune",
  "prune",
  "repair index",
  "repair packs",
] as const;
type Command = typeof COMMANDS[number];

/** Roughly what a command does to its store, to begin with. */
const EXTENT = { calls: 60, changes: 15 };

/** What stops a command: half of the time the power. */
const POWER_FAILS = 0.5;

Deno.test(
  "stopped at any call: sound, and every acknowledged backup restores",
  stressTimeout("STRESS_POINTS"),
  async () => {
    const run = new StoppedRun(SEED);
    await run.begin();
    for (let point = 1; point <= POINTS; point++) {
      await run.step();
      if (point % REPORT_EVERY === 0 || point === POINTS) await report(`${point} points: ${JSON.stringify(run.tally)}`);
    }
  },
);

/** How a command ended. */
interface Ending {
  /** What was thrown. */
  readonly error: AgentError | undefined;
  /** The snapshot of the backup that a put acknowledged. */
  readonly snapshot: string | undefined;
}

class StoppedRun {
  /** By command and by what stopped it. */
  readonly tally: Record<string, number> = {};
  readonly #draws: Draws;
  readonly #world: FakeWorld;
  readonly #disk: VolatileDisk;
  readonly #store: BlobStore;
  /** Calls to the disk, by command. */
  readonly #reach = new Map<Command, Reach>();
  /** MD5 of each backup that has to be there, by snapshot, oldest first. */
  #expected = new Map<string, string>();
  #stream = noise(STREAM_BYTES, "stream");
  #pid = IDENTITY.pid;
  #log: string[] = [];

  constructor(seed: string) {
    this.#draws = new Draws(seed);
    this.#world = fakeWorld(seed);
    this.#disk = new VolatileDisk(() => this.#world.clock.now());
    this.#store = openLocalStore("/repo", { random: this.#world.randomBytes, files: this.#disk.files });
  }

  async begin(): Promise<void> {
    await initRepository(this.#store, PASSWORD, { ...this.#world, kdf: CHEAP_KDF });
    await this.#perform("put", () => NO_MISFORTUNE.befall(this.#store));
  }

  /** One command that is stopped, what has to hold then, and half of the time the same command undisturbed. */
  async step(): Promise<void> {
    const command = this.#draws.pick(COMMANDS);
    try {
      const needsRepair = await this.#damageFor(command);
      if (this.#draws.happens(POWER_FAILS)) await this.#failPowerDuring(command);
      else await this.#disturb(command);
      if (!needsRepair) await this.#assertSound();
      if (needsRepair || this.#draws.happens(0.5)) {
        const { error } = await this.#perform(command, () => NO_MISFORTUNE.befall(this.#store));
        assert.equal(error, undefined, "the same command once more");
        await this.#assertSound();
      }
    } catch (error) {
      throw new Error(`after ${this.#log.slice(-12).join("; ")} (STRESS_SEED=${SEED})`, { cause: error });
    }
  }

  async #failPowerDuring(command: Command): Promise<void> {
    const reach = this.#reachOf(command);
    const call = 1 + Math.floor(reach.draw(this.#draws));
    await this.#perform(command, () => {
      this.#disk.failAt(call);
      return NO_MISFORTUNE.befall(this.#store);
    }, `power fails at call ${call}`);
  }

  async #disturb(command: Command): Promise<void> {
    const misfortune = drawMisfortune(this.#draws, EXTENT);
    await this.#perform(command, () => misfortune.befall(this.#store), misfortune.name);
  }

  /** Runs a command and holds what it left against what was expected; gives how it ended. */
  async #perform(command: Command, begin: () => Circumstances, name?: string): Promise<Ending> {
    this.#world.clock.jump(60_000);
    if (command === "put") this.#changeStream();
    this.#disk.failAt(Infinity);
    const circumstances = begin();
    let snapshot: string | undefined;
    const error = await thrownBy(async () => snapshot = await this.#run(command, circumstances));
    this.#learn(command, name);
    this.#log.push(`${command}, ${name ?? "undisturbed"}: ${error?.message ?? "done"}`);
    if (this.#disk.isDown) this.#disk.restart(this.#draws);
    else this.#disk.failAt(Infinity);
    await this.#compareListing(command, { error, snapshot });
    return { error, snapshot };
  }

  #learn(command: Command, name: string | undefined): void {
    const wasCut = this.#disk.isDown;
    if (wasCut) this.#reachOf(command).stopped();
    else if (name === undefined) this.#reachOf(command).ended(this.#disk.calls);
    if (name === undefined) return;
    const kind = `${command}: ${wasCut ? "power failed" : name.replaceAll(/\d+/g, "n")}`;
    this.tally[kind] = (this.tally[kind] ?? 0) + 1;
  }

  /** Gives the snapshot of a put. */
  async #run(command: Command, { store, signal }: Circumstances): Promise<string | undefined> {
    const access = accessTo(store);
    const world = this.#newProcess();
    const pruning = { limits: { ...DEFAULT_PRUNE_LIMITS, maxUnused: { bytes: 0 } }, packBytes: PACK_BYTES };
    const policy = { kind: "policy", rules: { counts: { last: KEPT } }, filter: {} } as const;
    switch (command) {
      case "put": {
        const options = { signal, packBytes: PACK_BYTES };
        const { backup } = await putBytes(access, world, this.#stream, { chunkAverage: CHUNK_BYTES }, options);
        return backup.snapshotId;
      }
      case "forget":
      case "forget and prune": {
        const options = command === "forget" ? { signal } : { signal, prune: pruning };
        const { damaged } = await forget(access, policy, { world, ...options });
        // A snapshot that could not be read stays, and is what the command line then fails with.
        if (damaged.length > 0) throw damaged[0]!.error;
        return undefined;
      }
      case "prune":
        await prune(access, { ...pruning, dryRun: false }, { world, signal });
        return undefined;
      case "repair index":
        await repairIndex(access, { dryRun: false, readAllPacks: false }, { world, signal });
        return undefined;
      case "repair packs":
        await repairPacks(access, { dryRun: false, packs: [] }, { world, signal });
        return undefined;
    }
  }

  /** Gives a repair something to do that loses nothing; tells whether it has to come to its end before all is well. */
  async #damageFor(command: Command): Promise<boolean> {
    if (command === "repair index") {
      const name = this.#draws.pick(await namesOf(this.#store, "index"));
      if (name !== undefined) await this.#store.remove({ kind: "index", name });
    } else if (command === "repair packs") {
      const name = this.#draws.pick(await namesOf(this.#store, "pack"));
      if (name !== undefined) await this.#damageHeader({ kind: "pack", name });
    } else return false;
    return true;
  }

  /** Flips a bit where no blob is. */
  async #damageHeader(pack: FileName): Promise<void> {
    const bytes = await this.#store.get(pack);
    bytes[bytes.length - 10]! ^= 1;
    await this.#store.remove(pack);
    await this.#store.put(pack, [bytes]);
  }

  /** Holds the backups that are there against those that were expected, and expects them from here on. */
  async #compareListing(command: Command, { error, snapshot }: Ending): Promise<void> {
    const left = await namesOf(this.#store, "snapshot");
    const fresh = left.filter((id) => !this.#expected.has(id));
    const ids = [...this.#expected.keys()];
    const forgets = command === "forget" || command === "forget and prune";
    const mustStay = forgets ? ids.slice(-KEPT) : ids;
    assert.deepEqual(mustStay.filter((id) => !left.includes(id)), [], "backups that are lost");
    if (forgets && error === undefined) assert.equal(left.length, mustStay.length);
    if (snapshot !== undefined) assert.deepEqual(fresh, [snapshot]);
    assert.ok(fresh.length <= (command === "put" ? 1 : 0), "backups that nobody made");
    for (const id of ids) if (!left.includes(id)) this.#expected.delete(id);
    for (const id of fresh) this.#expected.set(id, hash("md5", this.#stream));
  }

  async #assertSound(): Promise<void> {
    const { signal } = NO_MISFORTUNE.befall(this.#store);
    const options = { signal, noLock: false, readData: this.#draws.happens(0.1) };
    const { errors } = await check(accessTo(this.#store), options, { world: this.#newProcess(), ...options });
    assert.deepEqual(errors, []);
    const backups = await readAllBackups(this.#store, this.#world);
    for (const { backup: { snapshotId: id }, bytes } of backups) {
      assert.equal(hash("md5", bytes), this.#expected.get(id), id);
    }
    assert.equal(backups.length, this.#expected.size);
  }

  /** Every command is a process of its own, and all before it are gone. */
  #newProcess(): FakeWorld {
    const pid = ++this.#pid;
    const identity = { ...IDENTITY, pid, process: { table: "this", started: pid } };
    return { ...this.#world, identity, processExists: (other) => other === pid };
  }

  #reachOf(command: Command): Reach {
    const reach = this.#reach.get(command) ?? new Reach(300);
    this.#reach.set(command, reach);
    return reach;
  }

  /** A part of the stream becomes another one, as in a night. */
  #changeStream(): void {
    const part = noise(STREAM_BYTES / 3, `part ${this.#pid}`);
    this.#stream = this.#stream.slice();
    this.#stream.set(part, this.#draws.below(this.#stream.length - part.length));
  }
}
