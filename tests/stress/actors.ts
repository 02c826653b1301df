/** Programs that work on one repository at the same time, each with backups of its own, and are killed now and then. */
import { ExitCode } from "../../src/base/errors.ts";
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { bulkNoise, jsonRows, type Outcome, type Running, type Sandbox } from "../helpers/executable.ts";
import type { Restic } from "../helpers/restic.ts";
import { Draws } from "./draws.ts";
import { Reach } from "./reach.ts";

const STREAM_BYTES = 2_000_000;
const KEPT = 2;
const KILLED = 0.5;
/** Longer than anybody waits here, however often others are let in first. */
const PATIENCE = ["--retry-lock", "5m"];

const COMMANDS = ["put", "put", "put", "forget", "prune"] as const;
type Command = typeof COMMANDS[number];

/** How a program does what every actor does, with its own backups only. */
interface Program {
  start(command: Command): Running;
  /** Its backups, oldest first. */
  list(): Promise<string[]>;
  /** The MD5 of a backup as it restores. */
  md5(id: string): Promise<string>;
  /** Removes the locks of its dead processes, for those who may not judge them. */
  unlock(): Promise<void>;
}

/** One program at work. */
export class Actor {
  readonly tally = { killed: 0, ended: 0 };
  readonly #program: Program;
  readonly #draws: Draws;
  readonly #reach: Readonly<Record<Command, Reach>> = {
    put: new Reach(1500),
    forget: new Reach(1500),
    prune: new Reach(1500),
  };
  readonly #log: string[] = [];
  readonly #md5ById = new Map<string, string>();
  #expected: string[] = [];
  #stream: Uint8Array<ArrayBuffer>;

  constructor(name: string, program: Program, seed: string) {
    this.#program = program;
    this.#draws = new Draws(`${seed} ${name}`);
    this.#stream = bulkNoise(STREAM_BYTES, name);
    this.#log.push(name);
  }

  /** Some commands, one after the other; the last one is not killed, so that no lock stays. */
  async act(commands: number): Promise<void> {
    try {
      for (let left = commands; left > 0; left--) {
        await this.#perform(this.#draws.pick(COMMANDS), left > 1 && this.#draws.happens(KILLED));
      }
    } catch (error) {
      throw new Error(`after ${this.#log.slice(-12).join("; ")}`, { cause: error });
    }
  }

  /** Fails unless every backup restores to its own bytes. */
  async assertRestores(): Promise<void> {
    for (const id of this.#expected) assert.equal(await this.#program.md5(id), this.#md5ById.get(id), id);
  }

  async #perform(command: Command, isToBeKilled: boolean): Promise<void> {
    if (command === "put") this.#changeStream();
    const lifeMs = this.#reach[command].draw(this.#draws);
    await using running = this.#program.start(command);
    const written = command === "put" ? running.write(this.#stream) : Promise.resolve();
    const closed = written.then(() => running.closeInput());
    const timer = isToBeKilled ? setTimeout(() => running.kill("SIGKILL"), lifeMs) : undefined;
    const startedAt = performance.now();
    const outcome = await running.outcome();
    clearTimeout(timer);
    await closed;
    const isKilled = outcome.exitCode === 137;
    this.tally[isKilled ? "killed" : "ended"]++;
    this.#log.push(`${command} (${isKilled ? `killed after ${lifeMs | 0} ms` : `exit code ${outcome.exitCode}`})`);
    if (isKilled) this.#reach[command].stopped();
    else this.#reach[command].ended(performance.now() - startedAt);
    // Of a series without any backup there is nothing to forget, and the agent says so.
    const isSlip = command === "forget" && this.#expected.length === 0 && outcome.exitCode === ExitCode.usage;
    if (!isKilled && !isSlip) assert.equal(outcome.exitCode, 0, outcome.stderr);
    else await this.#program.unlock();
    await this.#compareListing(command, outcome);
  }

  /** Holds what is listed against what was expected, and expects that from here on. */
  async #compareListing(command: Command, { exitCode }: Outcome): Promise<void> {
    const listed = await this.#program.list();
    const fresh = listed.filter((id) => !this.#expected.includes(id));
    assert.ok(fresh.length <= (command === "put" ? 1 : 0), "backups that nobody made");
    if (command === "put" && exitCode === 0) assert.equal(fresh.length, 1, "an acknowledged backup");
    const mustStay = command === "forget" ? this.#expected.slice(-KEPT) : this.#expected;
    assert.deepEqual(mustStay.filter((id) => !listed.includes(id)), [], "backups that are lost");
    for (const id of fresh) this.#md5ById.set(id, hash("md5", this.#stream));
    this.#expected = listed;
  }

  #changeStream(): void {
    this.#stream = this.#stream.slice();
    for (let edit = 0; edit < 20; edit++) this.#stream[this.#draws.below(this.#stream.length)]! ^= 0x55;
  }
}

/** The agent, with a series of its own. */
export function agentProgram(box: Sandbox, series: string): Program {
  const args: Readonly<Record<Command, readonly string[]>> = {
    put: ["put", series, "--guard", "none"],
    forget: ["forget", series, "--keep-last", String(KEPT), "--prune"],
    prune: ["prune", "--max-unused", "0"],
  };
  return {
    start: (command) => box.start([...args[command], "-q", ...PATIENCE]),
    async list() {
      const outcome = await box.agent(["--json", "ls", series]);
      // A series is unknown until its first backup is there.
      if (outcome.exitCode === ExitCode.usage) return [];
      assert.equal(outcome.exitCode, ExitCode.done, outcome.stderr);
      return jsonRows(outcome.stdout).map(({ id }) => String(id));
    },
    async md5(id) {
      const { exitCode, stdout, stderr } = await box.shell(`set -o pipefail; "$AGENT" get "@$1" -q | md5sum`, id);
      assert.equal(exitCode, 0, stderr);
      return stdout.slice(0, 32);
    },
    // Its next command does that by itself.
    unlock: () => Promise.resolve(),
  };
}

/** restic, with a path of its own. It has to know `--retry-lock`. */
export function resticProgram(restic: Restic, name: string): Program {
  const path = `/${name}`;
  const args: Readonly<Record<Command, readonly string[]>> = {
    put: ["backup", "--stdin", "--stdin-filename", name],
    forget: ["forget", "--path", path, "--keep-last", String(KEPT), "--prune"],
    prune: ["prune", "--max-unused", "0"],
  };
  return {
    start: (command) => restic.start([...args[command], "-q", ...PATIENCE]),
    list: async () => (await restic.snapshots("--path", path, ...PATIENCE)).map(({ id }) => id),
    md5: (id) => restic.md5(id, path),
    unlock: async () => void await restic.ok(["unlock"]),
  };
}
