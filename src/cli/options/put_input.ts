/** What a put reads, from the command line: standard input, a command, several streams, or the source of an engine. */
import { SourceError, UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import type { EngineSource } from "../../engine/engine.ts";
import { type Driven, type EngineRegistry, parseEngineUrl, withoutPassword } from "../../engine/engine_urls.ts";
import { type CommandOptions, commandSource, shellSource } from "../../engine/stream/command.ts";
import { deferredSource } from "../../engine/stream/deferred.ts";
import { inputSource } from "../../engine/stream/input.ts";
import { namedLines } from "../../engine/words.ts";
import { DEFAULT_FILE_NAME, parseFileName, parseStreamPath, type StreamPath } from "../../format/manifest/series.ts";
import { type GuardChoice, parseGuardChoice } from "../../guard/guard.ts";
import type { Plugins } from "../../library/plugins/plugins.ts";
import type { PutInput } from "../../ops/put.ts";
import type { CliContext } from "../context.ts";
import type { OwnDirectory } from "../../library/opening/agent_parts.ts";
import { planFiles } from "./put_files.ts";
import { type GivenPaths, namesLists, parsePaths, type PathOptions, refusePathOptions } from "./put_paths.ts";

/** How many streams are read at once by default: each is a dump that its server has to produce. */
export const DEFAULT_JOBS = 2;
/** The most streams that `--jobs` reads at once. */
export const MOST_JOBS = 64;

/** The options that say what is read. */
interface InputOptions extends PathOptions {
  readonly stream?: readonly string[];
  readonly filename?: string;
  readonly jobs?: string;
}

/** A stream of `--stream`. */
interface NamedCommand {
  readonly path: StreamPath;
  readonly command: string;
  readonly guard: GuardChoice;
}

/** What is read. Nothing of it is open or started yet. */
type PlannedInput =
  | { readonly kind: "stdin" | "command"; readonly path: StreamPath; readonly guard: GuardChoice }
  | { readonly kind: "streams"; readonly commands: readonly NamedCommand[] }
  | { readonly kind: "engine"; readonly driven: Driven<EngineSource> }
  | { readonly kind: "files"; readonly given: GivenPaths };

/** Whether everything is looked at and nothing is stored. */
export function isDryRun(input: PlannedInput): boolean {
  return input.kind === "files" && input.given.dryRun;
}

/** Says what is to be read. Throws `UsageError` if the arguments and options contradict each other. */
export async function planInput(
  sources: readonly string[],
  options: InputOptions,
  { commandLine, stdin, engines, plugins }: CliContext,
): Promise<PlannedInput> {
  const { stream: streams = [], filename } = options;
  if (commandLine?.length === 0) {
    throw new UsageError("There is no command after --; write for example -- mysqldump shop");
  }
  const paths = sources.filter((source) => parseEngineUrl(source) === undefined);
  const hasPaths = paths.length > 0 || namesLists(options);
  const given = [
    ...hasPaths ? ["PATHs"] : sources.length > 0 ? ["a source"] : [],
    ...streams.length > 0 ? ["--stream"] : [],
    ...commandLine === undefined ? [] : ["a command after --"],
  ];
  if (given.length > 1) {
    const why = hasPaths ? "a backup holds files or streams: use a series for each" : "one backup reads one of them";
    throw new UsageError(`Give ${given.join(" or ")}: ${why}`);
  }
  if (filename !== undefined && given.length > 0 && commandLine === undefined) {
    throw new UsageError(`--filename names the only stream of a backup; it does not go with ${given[0]}`);
  }
  if (hasPaths) return { kind: "files", given: givenPaths(paths, sources, options) };
  refusePathOptions(options);
  if (sources.length > 0) return { kind: "engine", driven: engineSource(sources, options, await engines()) };
  if (streams.length > 0) return { kind: "streams", commands: namedCommands(streams, options.guard ?? [], plugins) };
  if (commandLine === undefined && stdin.isTerminal) {
    throw new UsageError(
      "Standard input is a terminal: pipe a stream into agent put, name a command after --, or name files and " +
        "directories: agent put etc/host /etc",
    );
  }
  const path = parseFileName(filename ?? DEFAULT_FILE_NAME);
  const { all } = parseGuards(options.guard ?? [], [], plugins);
  return { kind: commandLine === undefined ? "stdin" : "command", path, guard: all };
}

/** An error for an empty standard input, with advice if the series is the name of a file: it was meant as a PATH. */
export async function withAdviceOnPath(error: unknown, series: string, { files }: CliContext): Promise<unknown> {
  if (!(error instanceof SourceError) || files === undefined) return error;
  if ((await files.look()).at(`${files.directory}/${series}`).kind !== "there") return error;
  const message = `${error.message}; to back up the file or directory of that name: agent put etc/host ${series}`;
  return new SourceError(message, { cause: error });
}

/** The number of streams that are read at once. Throws `UsageError`. */
export function parseJobs(text: string | undefined): number {
  if (text === undefined) return DEFAULT_JOBS;
  const jobs = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (jobs >= 1 && jobs <= MOST_JOBS) return jobs;
  throw new UsageError(`Not a number of jobs: ${JSON.stringify(text)}; write a number from 1 to ${MOST_JOBS}`);
}

/** How what is read is opened. */
interface Opening extends CommandOptions {
  /** Takes what commands write to standard error. */
  readonly tell: (bytes: Uint8Array) => Promise<void>;
  /** Directories that no backup of files holds: the repository and this program's own. */
  readonly own: () => Promise<readonly OwnDirectory[]>;
  /** Takes what was decided about PATHs, a line each. */
  readonly note: (line: string) => Promise<void>;
  readonly isStrict: boolean;
}

/**
 * Starts the command, lets the commands of streams be started when it is their turn, or looks at the PATHs. Throws what
 * `planFiles` throws.
 */
export async function openInput(input: PlannedInput, how: Opening, context: CliContext): Promise<PutInput> {
  if (input.kind === "engine") return { driven: input.driven };
  if (input.kind === "files") return { driven: await plannedSource(input.given, how, context) };
  const { stdin, commandLine, version } = context;
  const engine = { name: "stream", version: version.version, options: {} };
  if (input.kind !== "streams") {
    const source = input.kind === "stdin" ? inputSource(stdin) : commandSource(commandLine!, how);
    return { engine, streams: [{ path: input.path, guard: input.guard, source }] };
  }
  const { withheld } = how;
  const streams = input.commands.map(({ path, command, guard }) => {
    const onStderr = (bytes: Uint8Array) => how.tell(namedLines(path, bytes));
    const source = deferredSource(() => shellSource(command, { stream: path, onStderr, ...withheld && { withheld } }));
    return { path, guard, source };
  });
  return { engine, streams };
}

function engineSource(
  sources: readonly string[],
  { guard = [] }: InputOptions,
  engines: EngineRegistry,
): Driven<EngineSource> {
  if (sources.length > 1) {
    throw new UsageError(
      `A backup has one source, but ${sources.length} are given; use a series for each; a command to run goes after --`,
    );
  }
  if (guard.some((text) => text !== "auto")) {
    throw new UsageError("The engine of a source says who judges its streams: leave --guard out");
  }
  try {
    return engines.source(sources[0]!);
  } catch (error) {
    if (!(error instanceof UsageError) || engines.get(parseEngineUrl(sources[0]!)!.scheme) !== undefined) throw error;
    const path = JSON.stringify(`./${withoutPassword(sources[0]!)}`);
    throw new UsageError(`${error.message}; write ${path} for a file of that name`, {
      cause: error,
    });
  }
}

/** Looks at the PATHs, tells what was decided about them, and hands them to the engine. */
async function plannedSource(given: GivenPaths, how: Opening, context: CliContext): Promise<Driven<EngineSource>> {
  const { files } = context;
  if (files === undefined) {
    throw new UsageError("Files and directories cannot be backed up by this program; name an engine: tar:/srv/files");
  }
  const { request, notes } = await planFiles(given, await how.own(), context, files);
  for (const line of notes) await how.note(line);
  const [problem] = request.problems;
  if (how.isStrict && problem !== undefined) {
    const more = request.problems.length - 1;
    throw new SourceError(
      `Nothing was backed up, because --strict is given: ${problem}${more > 0 ? `, and ${more} more` : ""}`,
    );
  }
  return await files.source(request);
}

function givenPaths(paths: readonly string[], sources: readonly string[], options: InputOptions): GivenPaths {
  if (paths.includes("-")) {
    throw new UsageError(
      "Standard input is read if no PATH is named: leave - out, or write ./- for a file of that name",
    );
  }
  const given = sources.find((source) => !paths.includes(source));
  if (given === undefined) return parsePaths(paths, options);
  const url = withoutPassword(given);
  throw new UsageError(
    `${JSON.stringify(url)} names an engine, which does not go with PATHs: use a series for each; write ` +
      `${JSON.stringify(`./${url}`)} for a file of that name`,
  );
}

/** No message shows a command: it may contain a password. */
function namedCommands(
  streams: readonly string[],
  guards: readonly string[],
  plugins: Plugins | undefined,
): NamedCommand[] {
  const commands = streams.map((text) => {
    const at = text.indexOf("=");
    if (at < 0) {
      throw new UsageError(
        "Not a stream: a name, an equals sign and a command are needed; write for example --stream shop.sql='mysqldump shop'",
      );
    }
    const path = parseStreamPath(text.slice(0, at));
    const command = text.slice(at + 1);
    if (command.trim() === "") {
      throw new UsageError(`The stream "${path}" has no command; write for example --stream ${path}='mysqldump shop'`);
    }
    return { path, command };
  });
  const { all, single } = parseGuards(guards, commands.map(({ path }) => path), plugins);
  return commands.map((stream) => ({ ...stream, guard: single.get(stream.path) ?? all }));
}

/** `FORMAT` is for all streams, `NAME=FORMAT` for one; of two for the same, the last one counts. */
function parseGuards(guards: readonly string[], names: readonly StreamPath[], plugins: Plugins | undefined) {
  let all: GuardChoice = "auto";
  const single = new Map<string, GuardChoice>();
  for (const text of guards) {
    const at = text.lastIndexOf("=");
    if (at < 0) {
      all = guardChoice(text, plugins);
      continue;
    }
    const name = text.slice(0, at);
    if (!names.some((known) => known === name)) {
      const hint = didYouMean(name, names) || "; --guard NAME=FORMAT goes with --stream NAME='COMMAND'";
      throw new UsageError(`--guard: there is no stream ${JSON.stringify(name)}${hint}`);
    }
    single.set(name, guardChoice(text.slice(at + 1), plugins));
  }
  return { all, single };
}

/** A guard by its name. Throws `UsageError`, and an error that names a faulty plugin whose guard it may be. */
function guardChoice(text: string, plugins: Plugins | undefined): GuardChoice {
  try {
    return parseGuardChoice(text, plugins?.guards);
  } catch (error) {
    throw error instanceof UsageError ? plugins?.explain("guard", text, error) ?? error : error;
  }
}
