/**
 * `agent __complete`: names in the repository, for completion scripts. It waits for nobody: it takes no lock, asks for no
 * password, runs no password command, reports no error, and gives up after two seconds. What the catalogue of this
 * machine knows, it does not read from the repository.
 */
import { Argument, Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Id, shortId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import { timestampToDate } from "../../format/time.ts";
import { listBackups } from "../../ops/list.ts";
import { COMPLETE } from "../completion/command_words.ts";
import { REPOSITORY_KINDS, type RepositoryKind } from "../manual/value_kind.ts";
import { cataloguePath } from "../../catalogue/catalogue_place.ts";
import type { RepositoryAccess } from "../../ops/access.ts";
import { cataloguedBackups } from "../catalogue/catalogued_backups.ts";
import type { CliContext } from "../context.ts";
import { namesRepository, repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { allOptions } from "../specification.ts";
import { formatTime, writeExact } from "../terminal/write.ts";

/** Nobody waits longer for a completion. */
const LIMIT_MS = 2000;

/** What a shell offers, and what it says about it. */
type Candidate = readonly [name: string, about?: string];

/** A backup by what can be completed of it. */
export interface NamedBackup {
  readonly id: Id;
  readonly series: string;
  readonly host: string;
  readonly started: Date;
  readonly tags: readonly string[];
}

/** The command's specification. */
function specification() {
  const command = new Command(COMPLETE)
    .description("names in the repository, for completion scripts")
    .addArgument(new Argument("<kind>", "which names").choices(REPOSITORY_KINDS))
    .argument("[word]", "how they begin");
  return withRepositoryOptions(command);
}

/** The command, to be run in `context`. */
export function completeCommand(context: CliContext): CommandUnknownOpts {
  return specification().action(async (kind, word = "", options, self) => {
    const given = allOptions(self, options);
    const access = repositoryAccess(given, undisturbed(context));
    const candidates = await withinLimit(context, async (signal) => {
      const known = await knownBackups(namesRepository(given, context) ? access : null, context).catch(() => []);
      if (known.length > 0) return candidatesOf(kind, word, known);
      const { backups } = await listBackups(access, {}, { ...undisturbed(context), signal });
      return candidatesOf(kind, word, backups.map(namedBackup));
    });
    for (const [name, about] of candidates.filter(isPrintable)) {
      await writeExact(context.stdout, about === undefined ? `${name}\n` : `${name}\t${about}\n`);
    }
  });
}

/**
 * What the catalogue knows of the repository, or of all if none is named. Which one is meant is known without its
 * password.
 */
async function knownBackups(access: RepositoryAccess | null, context: CliContext): Promise<readonly NamedBackup[]> {
  if (cataloguePath(context.env) === undefined) return [];
  if (access === null) return await cataloguedBackups(context);
  await using store = { opened: await access.openStore(), [Symbol.asyncDispose]: () => store.opened.close() };
  return await cataloguedBackups(context, store.opened.location);
}

function namedBackup({ id, series, host, started, snapshot: { tags } }: Backup): NamedBackup {
  return { id, series, host, started: timestampToDate(started), tags };
}

/** The context without anything that would ask, run a command, or speak. */
function undisturbed({ world: { onProblem: _, onWait: __, ...world }, ...context }: CliContext): CliContext {
  return {
    ...context,
    world,
    runsPasswordCommands: false,
    askSecret: () => Promise.resolve(undefined),
    stderr: { isTerminal: false, columns: () => 80, write: () => Promise.resolve() },
  };
}

/** What the work finds; nothing if it fails or takes too long. A shell has no use for an error. */
async function withinLimit(
  { every, signal }: CliContext,
  work: (signal: AbortSignal) => Promise<Candidate[]>,
): Promise<Candidate[]> {
  const giveUp = new AbortController();
  const late = new Promise<Candidate[]>((resolve) => giveUp.signal.addEventListener("abort", () => resolve([])));
  const stop = every?.(LIMIT_MS, () => giveUp.abort());
  try {
    return await Promise.race([late, work(AbortSignal.any([signal, giveUp.signal])).catch(() => [])]);
  } finally {
    stop?.();
  }
}

/** The names that a shell offers, the newest first where they have a time. */
export function candidatesOf(kind: RepositoryKind, word: string, backups: readonly NamedBackup[]): Candidate[] {
  if (kind === "tags") return distinct(backups.flatMap(({ tags }) => tags));
  if (kind === "hosts") return distinct(backups.map(({ host }) => host));
  const at = kind === "backups" ? word.lastIndexOf("@") : -1;
  if (at < 0) return distinct(backups.map(({ series }) => series));
  const series = word.slice(0, at);
  const meant = backups.filter((backup) => series === "" || backup.series === series).toReversed();
  const ids = meant.map((backup): Candidate => [`${series}@${shortId(backup.id)}`, described(backup, series)]);
  return series !== "" && meant.length > 0 ? [[`${series}@latest`, "the newest backup"], ...ids] : ids;
}

function described({ series, host, started }: NamedBackup, known: string): string {
  return [formatTime(started), host, ...known === "" ? [series] : []].join(" ");
}

function distinct(names: readonly string[]): Candidate[] {
  return [...new Set(names)].sort().map((name) => [name]);
}

/** A name with a line break or the like cannot be typed, and would break the list. */
function isPrintable([name]: Candidate): boolean {
  return !/\p{Cc}/u.test(name);
}
