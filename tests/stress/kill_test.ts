/**
 * SIGKILL at random moments of whatever writes: after each one the repository is sound, and every backup that was
 * acknowledged, and that nobody asked to be forgotten, restores.
 *
 * `STRESS_KILLS` sets how many processes are killed; `STRESS_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { ExitCode } from "../../src/base/errors.ts";
import { bulkNoise, type JsonRow, type Sandbox, sandbox } from "../helpers/executable.ts";
import { findProgram } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";
import { seededRandom } from "../helpers/world.ts";

const KILLS = Number(Deno.env.get("STRESS_KILLS") ?? 16);
const SEED = Deno.env.get("STRESS_SEED") ?? "kill";

const STREAM_BYTES = 6_000_000;
const KEPT = 3;
/** Longer than any of the commands takes on a quiet machine, so that some get through. */
const LONGEST_LIFE_MS = 1100;
const THOROUGH_EVERY = 8;

/** What a command line does to backups. */
interface Action {
  readonly args: readonly string[];
  /** Whether it may take backups away, but for the newest ones. */
  readonly forgets?: boolean;
}

const ACTIONS: readonly Action[] = [
  { args: ["forget", "--keep-last", String(KEPT), "-q"], forgets: true },
  { args: ["prune", "--max-unused", "0", "-q"] },
  { args: ["repair", "index", "-q"] },
  { args: ["prune", "-q"] },
];

Deno.test("killed at any moment: sound, and every acknowledged backup restores", async () => {
  await using box = await sandbox();
  const run = new KillingRun(box, seededRandom(SEED));
  await run.put(Infinity);
  for (let kill = 1; kill <= KILLS; kill++) {
    await run.step();
    await run.inspect(kill % THOROUGH_EVERY === 0 || kill === KILLS);
  }
});

class KillingRun {
  readonly #box: Sandbox;
  readonly #random: (lengthBytes: number) => Uint8Array;
  readonly #restic = findProgram("restic");
  #stream: Uint8Array = bulkNoise(STREAM_BYTES, "stream");
  /** MD5 by id, of backups that were acknowledged and have to be there, oldest first. */
  readonly #acknowledged = new Map<string, string>();
  #log: string[] = [];

  constructor(box: Sandbox, random: (lengthBytes: number) => Uint8Array) {
    this.#box = box;
    this.#random = random;
  }

  /** Half of the time a put, else something else; killed after a random time. */
  async step(): Promise<void> {
    const lifeMs = LONGEST_LIFE_MS * this.#fraction();
    if (this.#fraction() < 0.5) return await this.put(lifeMs);
    const { args, forgets = false } = ACTIONS[Math.floor(this.#fraction() * ACTIONS.length)]!;
    this.#log.push(`${args.join(" ")} for ${lifeMs.toFixed(0)} ms`);
    if (forgets) { for (const id of [...this.#acknowledged.keys()].slice(0, -KEPT)) this.#acknowledged.delete(id); }
    await using running = this.#box.start(args);
    await running.closeInput();
    await this.#killAfter(lifeMs, () => running.kill("SIGKILL"), running.outcome());
  }

  /** Backs a changed stream up, unless it is killed before. */
  async put(lifeMs: number): Promise<void> {
    this.#log.push(`put for ${lifeMs.toFixed(0)} ms`);
    const stream = this.#stream = this.#changed();
    await using running = this.#box.start(["put", "s", "-q", "--guard", "none"]);
    const written = running.write(stream).then(() => running.closeInput());
    const { stdout } = await this.#killAfter(lifeMs, () => running.kill("SIGKILL"), running.outcome());
    await written;
    if (stdout !== "") this.#acknowledged.set(stdout.trim(), hash("md5", stream));
  }

  /** Fails the test where anything is wrong; thoroughly means with restic, and every backup restored. */
  async inspect(thoroughly: boolean): Promise<void> {
    try {
      await this.#box.ok(["check", "-q"]);
      const backups = await this.#box.json(["ls"]);
      const ids = new Set(backups.map(({ id }) => id));
      for (const id of this.#acknowledged.keys()) assert.ok(ids.has(id), `backup ${id} is gone`);
      if (thoroughly) await this.#restoreAll(backups);
    } catch (error) {
      throw new Error(`after ${this.#log.join("; ")} (STRESS_SEED=${SEED})`, { cause: error });
    }
  }

  async #restoreAll(backups: readonly JsonRow[]): Promise<void> {
    for (const { id } of backups) {
      const md5 = this.#acknowledged.get(String(id));
      const { exitCode, stdout, stderr } = await this.#box.shell(
        `set -o pipefail; "$AGENT" get "@$1" -q | md5sum`,
        String(id),
      );
      assert.equal(exitCode, ExitCode.done, stderr);
      if (md5 !== undefined) assert.equal(stdout.slice(0, 32), md5);
    }
    if (this.#restic === undefined) return;
    // What a killed process of this host left locked is removed by the agent; restic waits for half an hour.
    await this.#box.ok(["unlock", "-q"]);
    const restic = await Restic.in(this.#box, this.#restic);
    await restic.ok(["check", "--read-data"]);
  }

  async #killAfter<T>(lifeMs: number, kill: () => void, outcome: Promise<T>): Promise<T> {
    const timer = lifeMs === Infinity ? undefined : setTimeout(kill, lifeMs);
    try {
      return await outcome;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The stream with some bytes changed, as a night does it. */
  #changed(): Uint8Array {
    const stream = this.#stream.slice();
    for (let edit = 0; edit < 40; edit++) stream[Math.floor(this.#fraction() * stream.length)]! ^= 0x55;
    return stream;
  }

  /** From 0 to below 1. */
  #fraction(): number {
    const bytes = this.#random(4);
    return (bytes[0]! * 2 ** 24 + bytes[1]! * 2 ** 16 + bytes[2]! * 2 ** 8 + bytes[3]!) / 2 ** 32;
  }
}
