/**
 * A command line as a run that the catalogue of this machine is told of: what it learned of repositories while it ran,
 * and how it ended.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { messageOf } from "../../base/errors.ts";
import { cataloguePath } from "../../catalogue/catalogue_place.ts";
import { RunRecorder } from "../../library/recording/run_recorder.ts";
import type { CliContext } from "../context.ts";

/** Commands that only look. What they learn is kept, but they are not listed among the runs. */
const ONLY_LOOKING: ReadonlySet<string> = new Set([
  "ls",
  "search",
  "show",
  "chain",
  "files",
  "find",
  "diff",
  "status",
  "stats",
  "key list",
  "tables ls",
  "kv ls",
  "kv history",
  "kv url",
  "url",
  "catalogue refresh",
  "catalogue rebuild",
  "__complete",
]);

/** The recording of one command line. */
export class RecordedCommand {
  /** The context in which it is recorded. */
  readonly context: CliContext;
  readonly #recorder: RunRecorder;
  readonly #path: string;
  #feed: ReturnType<typeof importFeed> | undefined;

  private constructor(around: CliContext, path: string) {
    const recorder = this.#recorder = new RunRecorder(around.world);
    this.#path = path;
    this.context = {
      ...around,
      world: { ...around.world, observe: (repository) => (this.#loadFeed(), recorder.observe(repository)) },
      recording: {
        begin: (name) => ONLY_LOOKING.has(name) || recorder.name({ command: name }),
        tellSession: (id, series) => recorder.tellSession(id, series),
      },
    };
  }

  /** Begins it; undefined if this machine keeps no catalogue. */
  static begin(around: CliContext): RecordedCommand | undefined {
    const path = placeOf(around);
    return path === undefined ? undefined : new RecordedCommand(around, path);
  }

  /** Tells the catalogue, once the command is done. Never throws, and changes nothing of what the command came to. */
  async end(exitCode: number, thrown: unknown): Promise<void> {
    const { world, signal } = this.context;
    const reason = thrown === undefined || !signal.aborted ? thrown : signal.reason;
    const notes = this.#recorder.finish({ exitCode, error: reason === undefined ? null : messageOf(reason) });
    if (notes.run === null && notes.repositories.length === 0) return;
    const { CatalogueFeed } = await this.#loadFeed();
    await using feed = new CatalogueFeed({ path: this.#path, clock: world.clock, onProblem: world.onProblem });
    await feed.take(notes);
  }

  /** Begins when a repository is opened: the time until its lock is confirmed is free for that. */
  #loadFeed(): ReturnType<typeof importFeed> {
    if (this.#feed === undefined) {
      this.#feed = importFeed();
      // Whoever waits for it at the end hears of a failure. Until then it must not end the command.
      this.#feed.catch(() => {});
    }
    return this.#feed;
  }
}

/** Only runs that use a repository need it. */
function importFeed() {
  return import("../../library/recording/catalogue_feed.ts");
}

/** Whether a command, once it runs, does something to a repository or with one. */
export function usesRepository(command: CommandUnknownOpts): boolean {
  const { dryRun } = command.opts();
  return dryRun !== true && command.options.some(({ long }) => long === "--repo");
}

/** A variable that is no text names no file. */
function placeOf({ env }: CliContext): string | undefined {
  try {
    return cataloguePath(env);
  } catch {
    return undefined;
  }
}
