/**
 * SIGKILL at random moments of whatever writes: after each one the repository is sound for the agent and for restic,
 * every backup that was acknowledged, or seen, and that nobody asked to be forgotten is there, and all that are there
 * restore to their own bytes.
 *
 * - `STRESS_KILLS`: how many processes are started to be killed.
 * - `STRESS_SEED`: repeats what is done; the moments depend on the machine, too.
 * - `STRESS_REPORT`: a file that is told how many of each command were killed, and how many of those at work.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { ExitCode } from "../../src/base/errors.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { bulkNoise, type Sandbox, sandbox } from "../helpers/executable.ts";
import { findProgram } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";
import { fakeWorld, readAllBackups } from "../helpers/world.ts";
import { Draws } from "./draws.ts";
import { type Ending, KillMoments } from "./kill_moments.ts";
import { report, stressSeed, stressSize, stressTimeout } from "../helpers/stress_size.ts";

const KILLS = stressSize("STRESS_KILLS", 8);
const SEED = stressSeed("kill");

const STREAM_BYTES = 6_000_000;
const KEPT = 2;
const THOROUGH_EVERY = 10;
const REPORT_EVERY = 25;

/** What a command line does. */
interface Action {
  readonly args: readonly string[];
  /** Of ten. */
  readonly share: number;
  /** Whether it takes backups away, but for the newest ones. */
  readonly forgets?: boolean;
  /** Whether it takes one backup away, which it is told; one has to be left then. */
  readonly removes?: boolean;
  /** Damages the repository before; gives what else belongs to the command. That, and a prune, make all well again. */
  readonly damage?: (box: Sandbox, draws: Draws) => Promise<readonly string[]>;
}

const ACTIONS: readonly Action[] = [
  { args: ["put", "s", "-q", "--guard", "none"], share: 4 },
  { args: ["forget", "--keep-last", String(KEPT), "-q"], share: 1, forgets: true },
  { args: ["forget", "--keep-last", String(KEPT), "--prune", "-q"], share: 1, forgets: true },
  { args: ["rm", "-q"], share: 1, removes: true },
  { args: ["prune", "--max-unused", "0", "-q"], share: 1 },
  { args: ["prune", "-q"], share: 1 },
  { args: ["repair", "index", "-q"], share: 1, damage: loseIndex },
  { args: ["repair", "packs", "-q"], share: 1, damage: damageHeader },
];

/** Takes an index file away. */
async function loseIndex(box: Sandbox, draws: Draws): Promise<readonly string[]> {
  const name = draws.pick(await box.names("index"));
  if (name !== undefined) await Deno.remove(box.join("repo", "index", name));
  return [];
}

/** Damages a pack where no blob is, so that nothing is lost; gives its name. */
async function damageHeader(box: Sandbox, draws: Draws): Promise<readonly string[]> {
  const path = draws.pick(await box.packs());
  if (path === undefined) return [];
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 10]! ^= 1;
  await box.replace(path, bytes);
  return [path.slice(-64)];
}

Deno.test(
  "killed at any moment: sound, and every acknowledged backup restores",
  stressTimeout("STRESS_KILLS"),
  async () => {
    await using box = await sandbox();
    await using run = new KillingRun(box, new Draws(SEED));
    await run.begin();
    for (let kill = 1; kill <= KILLS; kill++) {
      await run.step(kill % THOROUGH_EVERY === 0 || kill === KILLS);
      if (kill % REPORT_EVERY === 0 || kill === KILLS) await report(`${kill} kills: ${JSON.stringify(run.tally)}`);
    }
  },
);

class KillingRun implements AsyncDisposable {
  readonly #box: Sandbox;
  readonly #draws: Draws;
  readonly #moments: KillMoments;
  readonly #program = findProgram("restic");
  #stream: Uint8Array = bulkNoise(STREAM_BYTES, "stream");
  /** MD5 by id, of all backups that were ever seen. */
  readonly #md5ById = new Map<string, string>();
  /** The ids of those that have to be there, oldest first. */
  #expected: string[] = [];
  #log: string[] = [];

  constructor(box: Sandbox, draws: Draws) {
    this.#box = box;
    this.#draws = draws;
    this.#moments = new KillMoments(box.repo, draws);
  }

  get tally() {
    return this.#moments.tally;
  }

  /** The first backup, which nobody kills. */
  async begin(): Promise<void> {
    const id = await this.#box.put("s", this.#stream, "--guard", "none");
    this.#md5ById.set(id, hash("md5", this.#stream));
    this.#expected = [id];
  }

  /** One command that is killed, and all that has to hold afterwards. */
  async step(isThorough: boolean): Promise<void> {
    const shares = ACTIONS.flatMap((action) => Array.from({ length: action.share }, () => action));
    const able = shares.filter(({ removes = false }) => !removes || this.#expected.length > 1);
    const action = this.#draws.pick(able)!;
    const going = action.removes ? this.#draws.pick(this.#expected) : undefined;
    try {
      const ending = await this.#perform(action, going);
      await this.#box.ok(["check", "-q"]);
      await this.#compareListing(action, ending, going);
      await (isThorough ? this.#restoreWithPrograms() : this.#restoreHere());
    } catch (error) {
      throw new Error(`after ${this.#log.slice(-20).join("; ")} (STRESS_SEED=${SEED})`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#moments[Symbol.asyncDispose]();
  }

  async #perform(action: Action, going: string | undefined): Promise<Ending> {
    const named = going === undefined ? [] : [`@${going}`];
    const args = [...action.args, ...named, ...await action.damage?.(this.#box, this.#draws) ?? []];
    const isPut = args[0] === "put";
    if (isPut) this.#stream = this.#changed();
    await using running = this.#box.start(args);
    const written = (isPut ? running.write(this.#stream) : Promise.resolve()).then(() => running.closeInput());
    const name = action.args.join(" ");
    const ending = await this.#moments.end(name, running);
    await written;
    this.#moments.enter(name, ending, (await this.#box.names("locks")).length > 0);
    this.#log.push(`${name} (${ending.moment}, exit code ${ending.exitCode})`);
    if (!ending.isKilled) assert.equal(ending.exitCode, ExitCode.done, ending.stderr);
    if (action.damage !== undefined) {
      await this.#box.ok(action.args);
      // A pack that a killed repair had replaced, and that no index lists any more, is still there and still damaged.
      await this.#box.ok(["prune", "-q"]);
    }
    return ending;
  }

  /** Holds what is listed against what was expected, and expects that from here on. */
  async #compareListing(action: Action, { isKilled, stdout }: Ending, going: string | undefined): Promise<void> {
    const listed = (await this.#box.json(["ls"])).map(({ id }) => String(id));
    const fresh = listed.filter((id) => !this.#expected.includes(id));
    const acknowledged = action.args[0] === "put" ? stdout.trim() : "";
    if (action.args[0] === "put" && fresh.length === 1) this.#md5ById.set(fresh[0]!, hash("md5", this.#stream));
    else assert.deepEqual(fresh, [], "backups that nobody made");
    if (acknowledged !== "") assert.deepEqual(fresh, [acknowledged]);
    const mustStay = (action.forgets ? this.#expected.slice(-KEPT) : this.#expected).filter((id) => id !== going);
    assert.deepEqual(mustStay.filter((id) => !listed.includes(id)), [], "backups that are lost");
    if ((action.forgets || action.removes) && !isKilled) assert.deepEqual(listed, mustStay);
    this.#expected = listed;
  }

  /** All that are listed, in this process. */
  async #restoreHere(): Promise<void> {
    const store = openLocalStore(this.#box.repo, { random: systemRandomBytes });
    const backups = await readAllBackups(store, fakeWorld());
    for (const { backup: { id }, bytes } of backups) assert.equal(hash("md5", bytes), this.#md5ById.get(id), id);
    assert.equal(backups.length, this.#expected.length);
    await this.#restic("check");
  }

  /** All that are listed, as somebody in need would do it. */
  async #restoreWithPrograms(): Promise<void> {
    for (const id of this.#expected) {
      const restored = await this.#box.shell(`set -o pipefail; "$AGENT" get "@$1" -q | md5sum`, id);
      assert.equal(restored.exitCode, ExitCode.done, restored.stderr);
      assert.equal(restored.stdout.slice(0, 32), this.#md5ById.get(id), id);
    }
    await this.#restic("check", "--read-data");
  }

  async #restic(...args: string[]): Promise<void> {
    if (this.#program === undefined) return;
    const restic = await Restic.in(this.#box, this.#program);
    await restic.ok(args);
  }

  /** The stream with some bytes changed, as a night does it. */
  #changed(): Uint8Array {
    const stream = this.#stream.slice();
    for (let edit = 0; edit < 40; edit++) stream[this.#draws.below(stream.length)]! ^= 0x55;
    return stream;
  }
}
