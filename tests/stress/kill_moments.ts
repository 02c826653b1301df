/** When processes are killed: half of them after a time, the other half at a change that they make in the repository. */
import type { Outcome, Running } from "../helpers/executable.ts";
import type { Draws } from "./draws.ts";
import { Reach } from "./reach.ts";

/** What is known of a command's runs. */
interface Experience {
  readonly ms: Reach;
  readonly changes: Reach;
  readonly tally: Tally;
}

/** What became of the processes of one command. */
interface Tally {
  killed: number;
  /** Of those, the ones that held a lock. */
  killedAtWork: number;
  ended: number;
}

/** How a process ended that was to be killed. */
export interface Ending extends Outcome {
  /** When it was to be killed, for messages. */
  readonly moment: string;
  readonly isKilled: boolean;
}

/** Kills processes that work on the repository in a folder. One process at a time. */
export class KillMoments implements AsyncDisposable {
  readonly #draws: Draws;
  readonly #watcher: Deno.FsWatcher;
  readonly #watching: Promise<void>;
  readonly #experience = new Map<string, Experience>();
  #changes = 0;
  #onChange: () => void = () => {};

  constructor(folder: string, draws: Draws) {
    this.#draws = draws;
    this.#watcher = Deno.watchFs(folder, { recursive: true });
    this.#watching = this.#watch();
  }

  /** By command. */
  get tally(): Readonly<Record<string, Tally>> {
    return Object.fromEntries([...this.#experience].map(([name, { tally }]) => [name, tally]));
  }

  /** Lets a process of the command `name` live until its moment comes, or to its end. */
  async end(name: string, running: Running): Promise<Ending> {
    const experience = this.#experienceOf(name);
    const isByTime = this.#draws.happens(0.5);
    const lifeMs = Math.floor(experience.ms.draw(this.#draws));
    const change = 1 + Math.floor(experience.changes.draw(this.#draws));
    const kill = () => running.kill("SIGKILL");
    this.#changes = 0;
    this.#onChange = () => !isByTime && this.#changes === change && kill();
    const timer = isByTime ? setTimeout(kill, lifeMs) : undefined;
    const startedAt = performance.now();
    const outcome = await running.outcome();
    clearTimeout(timer);
    this.#onChange = () => {};
    const isKilled = outcome.exitCode === KILLED;
    if (!isKilled) {
      experience.ms.ended(performance.now() - startedAt);
      experience.changes.ended(this.#changes);
    } else (isByTime ? experience.ms : experience.changes).stopped();
    return { ...outcome, isKilled, moment: isByTime ? `${lifeMs} ms` : `change ${change}` };
  }

  /** Enters what became of a process of that command. */
  enter(name: string, { isKilled }: Ending, isLocked: boolean): void {
    const { tally } = this.#experienceOf(name);
    tally[isKilled ? "killed" : "ended"]++;
    if (isKilled && isLocked) tally.killedAtWork++;
  }

  #experienceOf(name: string): Experience {
    const known = this.#experience.get(name) ??
      { ms: new Reach(1000), changes: new Reach(30), tally: { killed: 0, killedAtWork: 0, ended: 0 } };
    this.#experience.set(name, known);
    return known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher.close();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    for await (const { kind } of this.#watcher) {
      if (kind === "access") continue;
      this.#changes++;
      this.#onChange();
    }
  }
}

/** What `outcome` tells of a process that SIGKILL ended. */
const KILLED = 128 + 9;
