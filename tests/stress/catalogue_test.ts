/**
 * The catalogue of one machine while several processes work on two repositories at once: after each command of ours it
 * says of the series that the command was about what the repository says, and after a refresh it does so of everything,
 * whatever restic did beside us.
 *
 * - `STRESS_OPERATIONS`: how many operations are drawn.
 * - `STRESS_SEED`: repeats the same draws.
 */
import { deepEqual, match } from "node:assert/strict";
import { LENIENT, loadBackups } from "../../src/backup/load_backups.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { findProgram } from "../helpers/programs.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { stressSeed, stressSize } from "../helpers/stress_size.ts";
import { KeptCatalogue } from "../library/recording/kept_catalogue.ts";
import { Draws } from "./draws.ts";

const OPERATIONS = stressSize("STRESS_OPERATIONS", 24);
const SEED = stressSeed("catalogue");
/** How many processes work at once. The last one is followed by restic. */
const WORKERS = 4;
const PATIENCE = ["--retry-lock", "2m"];

/** As often as they stand here. */
const STEPS = ["put", "put", "put", "also", "tag", "hold", "remove", "rotate", "copy", "list", "verify"] as const;

const needed = findProgram("restic-newest") === undefined ? "restic" : "restic-newest";

resticTest(
  `after ${OPERATIONS} operations of several processes, ${needed} among them, the catalogue says what is there`,
  async (program) => {
    await using main = await sandbox();
    await using second = await sandbox();
    const kept = new KeptCatalogue(main);
    const restic = await Restic.in(main, program);
    const workers = Array.from({ length: WORKERS }, (_, i) => new Worker(`s/${i}`, { main, second, kept }));
    const each = Math.ceil(OPERATIONS / WORKERS);
    await Promise.all(workers.map(async (worker, i) => {
      for (let n = 0; n < each; n++) {
        await worker.step();
        if (i === WORKERS - 1) await disturb(restic, worker, n);
        else await worker.assertIsSaid();
      }
    }));
    for (const box of [main, second]) {
      await main.ok(["catalogue", "refresh", "-r", box.repo], { env: { ...kept.env, ...passwordOf(box) } });
      await kept.assertSays(await box.open());
    }
  },
);

/** What restic does to a series, without telling anybody. */
async function disturb(restic: Restic, { series }: Worker, turn: number): Promise<void> {
  const what = turn % 2 === 0 ? ["tag", "--add", `restic-${turn}`] : ["forget", "--keep-last", "2"];
  // Old versions do not wait for locks.
  for (;;) {
    const { exitCode, stdout, stderr } = await restic.attempt([...what, "--path", `/${series}`]);
    if (exitCode === 0) return;
    match(stderr + stdout, /lock/);
  }
}

function passwordOf(box: Sandbox): Readonly<Record<string, string>> {
  return { AGENT_PASSWORD_FILE: box.join("password") };
}

interface Surroundings {
  readonly main: Sandbox;
  readonly second: Sandbox;
  readonly kept: KeptCatalogue;
}

/** Runs commands about one series, one after the other. */
class Worker {
  readonly series: string;
  readonly #around: Surroundings;
  readonly #draws: Draws;
  #puts = 0;

  constructor(series: string, around: Surroundings) {
    this.series = series;
    this.#around = around;
    this.#draws = new Draws(`${SEED} ${series}`);
  }

  /** Runs a command that was drawn. */
  async step(): Promise<void> {
    const { second } = this.#around;
    const step = this.#puts === 0 ? "put" : this.#draws.pick(STEPS)!;
    const latest = `${this.series}@latest`;
    switch (step) {
      case "put":
        return await this.#put();
      case "also":
        return await this.#put("--also", second.repo, "--also-password-file", second.join("password"));
      case "tag":
        return await this.#run(["tag", this.series, "--add", `t${this.#puts}`]);
      case "hold":
        return await this.#run([this.#draws.pick(["hold", "release"]), latest]);
      case "remove":
        return await this.#remove();
      case "rotate":
        return await this.#run(["forget", this.series, "--keep-last", "2"]);
      case "copy":
        return await this.#copy();
      case "list":
        return await this.#run(["ls"]);
      case "verify":
        return await this.#run(["verify", latest]);
    }
  }

  /** Fails unless the catalogue says of the series what the repositories say. */
  async assertIsSaid(): Promise<void> {
    const { main, second, kept } = this.#around;
    for (const box of [main, second]) {
      const { config, files } = await box.open();
      const { all } = await loadBackups(files, { ...LENIENT, rewritten: "unread" });
      const there = all.filter(({ series }) => series === this.series).map(({ snapshotId }) => snapshotId).sort();
      const said = await kept.rows(
        "SELECT snapshot_id FROM backups JOIN repositories USING (repository) " +
          "WHERE repository_id = ? AND series = ? AND NOT is_deleted ORDER BY snapshot_id",
        config.id,
        this.series,
      );
      deepEqual(said.flat(), there, `of ${this.series}`);
    }
  }

  async #put(...args: string[]): Promise<void> {
    const stdin = `${this.series} ${++this.#puts} ${this.#draws.below(1000)}`;
    await this.#run(["put", this.series, "--quiet", ...args], stdin);
  }

  /** Removes the oldest backup. There may be none but the last good one, which stays. */
  async #remove(): Promise<void> {
    const [oldest] = await this.#around.main.json(["ls", this.series]);
    if (oldest === undefined) return;
    const { main, kept: { env } } = this.#around;
    await main.agent(["rm", `@${oldest.snapshot}`, ...PATIENCE], { env });
  }

  async #copy(): Promise<void> {
    const { main, second } = this.#around;
    const from = ["--from", main.repo, "--from-password-file", main.join("password")];
    await this.#run(["copy", this.series, ...from, "-r", second.repo], "", passwordOf(second));
  }

  async #run(args: readonly string[], stdin = "", password: Readonly<Record<string, string>> = {}): Promise<void> {
    const { main, kept: { env } } = this.#around;
    await main.ok([...args, ...PATIENCE], { stdin, env: { ...env, ...password } });
  }
}
