/** What a backup is made of, as a program has it: paths, streams, bytes, commands, URLs of engines. */
import { resolve } from "node:path";
import { type JudgedSource, sourceOfStream } from "../../base/byte_source.ts";
import { UsageError } from "../../base/errors.ts";
import type { EngineSource } from "../../engine/engine.ts";
import { type Driven, type EngineRegistry, parseEngineUrl } from "../../engine/engine_urls.ts";
import { commandSource, shellSource } from "../../engine/stream/command.ts";
import { deferredSource } from "../../engine/stream/deferred.ts";
import { DEFAULT_FILE_NAME, parseStreamPath, type StreamPath } from "../../format/manifest/series.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { PutInput, PutStream } from "../../ops/put.ts";
import { type FilesSelection, selectFiles } from "../../ops/select_files.ts";
import type { OwnDirectory } from "../opening/agent_parts.ts";

/** A program and its arguments, whose standard output is backed up if it exits with 0. Its standard input is empty. */
export interface CommandInput {
  /** The program and its arguments. */
  readonly command: readonly string[];
}

/** A command for `sh -c`, whose standard output is backed up if it exits with 0. Its standard input is empty. */
export interface ShellInput {
  /** The command. */
  readonly shell: string;
}

/** One stream of bytes. */
export type StreamInput =
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | JudgedSource
  | CommandInput
  | ShellInput;

/** Several streams that are one backup, by the names of their files in it. */
export interface StreamsInput {
  /** The streams. */
  readonly streams: Readonly<Record<string, StreamInput>>;
}

/**
 * What is backed up. A text is the URL of an engine if its scheme is the name of one, such as `mysql://localhost/shop`,
 * and else a path; a list is one of paths. The source of an engine may also be given itself, as `engines.source` or
 * `dumpSource` makes it.
 */
export type BackupSource = string | readonly string[] | StreamInput | StreamsInput | Driven<EngineSource>;

/** Which files of directories are backed up, and how they are looked at. */
export type FilesOptions = Omit<FilesSelection, "paths" | "own">;

/** What says more about a source. */
interface SourceOptions {
  readonly fileName?: string | undefined;
  readonly guard?: GuardChoice | undefined;
  readonly files?: FilesOptions | undefined;
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/** What opens a source. */
interface SourceTools {
  readonly engines: EngineRegistry;
  readonly own: () => Promise<readonly OwnDirectory[]>;
  /** The version of this program, which is the engine of streams. */
  readonly version: string;
}

/** A source that is ready to be read, and what was decided about it. */
interface OpenedSource {
  readonly input: PutInput;
  readonly notes: readonly string[];
}

/**
 * Makes a source ready. No command is started yet. Throws `UsageError` for what makes no sense, and `SourceError` if
 * there is nothing at any of the paths.
 */
export async function openSource(
  source: BackupSource,
  options: SourceOptions,
  { engines, own, version }: SourceTools,
): Promise<OpenedSource> {
  if (typeof source === "string") {
    if (isEngineUrl(source, engines)) return { input: { driven: engines.source(source) }, notes: [] };
    await refuseUnknownScheme(source, engines);
    return await filesInput([source], options, own);
  }
  if (Array.isArray(source)) return await filesInput(source, options, own);
  if (!isObject(source)) throw new UsageError(`There is nothing to back up in a source of the type ${typeof source}`);
  if ("driver" in source) return { input: { driven: source }, notes: [] };
  const streams = "streams" in source
    ? Object.entries(source.streams).map(([name, input]) => namedStream(parseStreamPath(name), input, options))
    : [namedStream(parseStreamPath(options.fileName ?? DEFAULT_FILE_NAME), source as StreamInput, options)];
  return { input: { engine: { name: "stream", version, options: {} }, streams }, notes: [] };
}

/** Whether a text is the URL of what an engine reads or writes. */
export function isEngineUrl(text: string, engines: EngineRegistry): boolean {
  const url = parseEngineUrl(text);
  return url !== undefined && engines.get(url.scheme) !== undefined;
}

/** Throws `UsageError` for the URL of an engine that there is not, unless a file has that name. */
async function refuseUnknownScheme(text: string, engines: EngineRegistry): Promise<void> {
  if (parseEngineUrl(text) === undefined || await isThere(text)) return;
  try {
    engines.source(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}; there is no file of that name either`, { cause: error });
  }
}

/** Whether a path leads to anything, or to what cannot be looked at. */
async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

async function filesInput(
  paths: readonly string[],
  { files = {} }: SourceOptions,
  own: SourceTools["own"],
): Promise<OpenedSource> {
  if (paths.length === 0) throw new UsageError("There is no path to back up: the list is empty");
  const { base, ...others } = files;
  const where = { paths: paths.map(absolutePath), ...base !== undefined && { base: absolutePath(base) } };
  const { driven, notes } = await selectFiles({ ...others, ...where, own: await own() });
  return { input: { driven }, notes };
}

/** The path from the root. Throws `UsageError` for what is no path. */
function absolutePath(path: string): string {
  if (typeof path === "string" && path !== "") return resolve(path);
  throw new UsageError(`Not a path: ${JSON.stringify(path)}`);
}

function namedStream(
  path: StreamPath,
  input: StreamInput,
  { guard = "auto", onStderr }: SourceOptions,
): PutStream {
  return { path, guard, source: sourceOf(input, { stream: path, onStderr }) };
}

interface StreamOptions extends Pick<SourceOptions, "onStderr"> {
  readonly stream: string;
}

function sourceOf(input: StreamInput, options: StreamOptions): JudgedSource {
  if (input instanceof Uint8Array) return sourceOfStream(ReadableStream.from([input]));
  if (!isObject(input)) throw new UsageError(`There is nothing to back up in a stream of the type ${typeof input}`);
  if (input instanceof ReadableStream && input.locked) {
    throw new UsageError(`The stream "${options.stream}" is locked: release its reader`);
  }
  if (input instanceof ReadableStream || Symbol.asyncIterator in input) return sourceOfStream(input);
  if ("shell" in input) return deferredSource(() => shellSource(input.shell, options));
  if ("command" in input) {
    const { command } = input;
    if (command.length === 0) throw new UsageError("The command is empty: name a program");
    return deferredSource(() => commandSource(command, { stdin: "null", ...options }));
  }
  if ("ended" in input) return input;
  throw new UsageError(
    "Nothing that can be backed up: give a path, a stream, bytes, a command or the URL of an engine",
  );
}

/** Programs in JavaScript may pass anything. */
function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
