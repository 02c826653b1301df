/**
 * `keys:DIRECTORY` is a directory of small files, each the value of the key that is its name. What precedes the first
 * dot of a key is its prefix. A level has a stream of records for each prefix with changes, one JSON line for each key
 * that was set or removed since the parent, and a stream that tells what the directory is then. The metadata are the
 * digests of all keys. The engine was written by the documents alone, as anybody outside of the project would.
 */

import {
  AgentError,
  bytesOfByteString,
  byteStringOf,
  type Engine,
  type EngineStream,
  IntegrityError,
  InterruptedError,
  type JsonObject,
  type OpenSource,
  type OpenTarget,
  parseStreamPath,
  SourceError,
  sourceOfStream,
  type SourceParent,
  type SourceRequest,
  type StreamPath,
  type TargetRequest,
  type TargetStream,
  UnfitParentError,
  UsageError,
} from "../../src/mod.ts";

/** Is told the size of each piece that is read or written, and waited for. Tests stop and count with it. */
export type Pass = (bytes: number) => Promise<void>;

/** The digests of the values of all keys, by key. */
type Digests = Map<string, string>;

/** One line of a stream: a key with its value, a byte string, or null if the key was removed. */
type KeyRecord = readonly [key: string, value: string | null];

/** What a source found when it was opened. */
interface Scan {
  readonly digests: Digests;
  readonly problems: readonly string[];
}

/** What a target works with. */
interface Restore {
  readonly path: string;
  readonly pass: Pass;
  readonly digests: Digests;
  readonly cancelled: PromiseWithResolvers<never>;
  isCancelled: boolean;
  summary: string;
}

/** The longest value. Values are held in memory one at a time. */
const MAX_VALUE_BYTES = 1024 * 1024;

/** The longest line: a byte may become six characters in JSON. */
const MAX_LINE_LENGTH = 6 * MAX_VALUE_BYTES + 4096;

/** The stream that every level has. It tells how many keys there are, and their digest. */
const SUMMARY = parseStreamPath("summary");

const encoder = new TextEncoder();

/** The engine; `pass` is for tests. */
export function keyDirectoryEngine(pass: Pass = () => Promise.resolve()): Engine {
  return {
    version: "1",
    replays: true,
    parameters: [],
    source({ place }) {
      const path = directoryOf(place);
      return { options: { path }, open: (request) => openSource(path, pass, request) };
    },
    target({ place }) {
      const path = directoryOf(place);
      return { open: (request) => openTarget(path, pass, request) };
    },
  };
}

function directoryOf(place: string): string {
  if (place === "") throw new UsageError("keys: names no directory; write keys:DIRECTORY");
  return place;
}

// A backup

async function openSource(path: string, pass: Pass, { parent, signal }: SourceRequest): Promise<OpenSource> {
  signal.throwIfAborted();
  const before = parent === null ? new Map<string, string>() : await digestsOf(parent, path);
  const scan = await scanOf(path, signal);
  const summary = await summaryOf(scan.digests);
  signal.throwIfAborted();
  const streams = [
    ...changedKeys(before, scan.digests).map(([streamPath, keys]) =>
      streamOf(streamPath, recordsOf(path, keys, scan.digests, pass))
    ),
    streamOf(SUMMARY, waited(JSON.stringify(summary), pass)),
  ];
  return openedSource(streams, scan, summary);
}

function openedSource(streams: readonly EngineStream[], { digests, problems }: Scan, position: JsonObject): OpenSource {
  let isCancelled = false;
  return {
    async *items() {
      yield* streams;
    },
    finish() {
      if (isCancelled) return Promise.reject(new InterruptedError());
      return Promise.resolve({ position, metadata: sourceOfStream(metadataOf(digests)), problems });
    },
    async cancel() {
      isCancelled = true;
      await Promise.all(streams.map(({ source }) => source.cancel()));
    },
  };
}

function streamOf(path: StreamPath, pieces: AsyncIterable<Uint8Array>): EngineStream {
  return { kind: "stream", path, source: sourceOfStream(pieces), guard: "none" };
}

/** Reads every key once for its digest. A key that goes away meanwhile is not there. */
async function scanOf(path: string, signal: AbortSignal): Promise<Scan> {
  const digests: Digests = new Map();
  const { keys, problems } = await listKeys(path);
  for (const key of keys) {
    signal.throwIfAborted();
    const value = await readValue(path, key);
    if (value !== null) digests.set(key, await sha256(value));
  }
  return { digests, problems };
}

async function listKeys(path: string): Promise<{ keys: string[]; problems: string[] }> {
  const keys: string[] = [];
  const problems: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(path)) {
      if (isFile) keys.push(name);
      else problems.push(`${path}/${name} is not a file; it was left out`);
    }
  } catch (cause) {
    throw new SourceError(`Cannot list ${path}: ${reasonOf(cause)}`, { cause });
  }
  return { keys: keys.sort(), problems: problems.sort() };
}

/** The value of a key; null if there is none. */
async function readValue(path: string, key: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const { size } = await Deno.stat(`${path}/${key}`);
    if (size > MAX_VALUE_BYTES) throw new SourceError(`${path}/${key} is longer than ${MAX_VALUE_BYTES} bytes`);
    return await Deno.readFile(`${path}/${key}`);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    if (cause instanceof AgentError) throw cause;
    throw new SourceError(`Cannot read ${path}/${key}: ${reasonOf(cause)}`, { cause });
  }
}

/** The keys that were set or removed, in order, for each stream that has some. */
function changedKeys(before: Digests, now: Digests): [StreamPath, string[]][] {
  const changes = new Map<StreamPath, string[]>();
  for (const key of [...new Set([...before.keys(), ...now.keys()])].sort()) {
    if (before.get(key) === now.get(key)) continue;
    const path = streamPathOf(key);
    const keys = changes.get(path);
    if (keys === undefined) changes.set(path, [key]);
    else keys.push(key);
  }
  return [...changes];
}

/** A key whose prefix is no plain word goes into one stream with all others of that kind. */
function streamPathOf(key: string): StreamPath {
  const prefix = /^([A-Za-z0-9_-]+)\./.exec(key)?.[1];
  return parseStreamPath(prefix === undefined ? "others" : `prefixes/${prefix}`);
}

/** The lines of a stream. A value has to be the one that the digests, and with them the metadata, tell of. */
async function* recordsOf(path: string, keys: readonly string[], digests: Digests, pass: Pass) {
  for (const key of keys) {
    const digest = digests.get(key);
    const value = digest === undefined ? null : await readValue(path, key);
    if (digest !== undefined && (value === null || await sha256(value) !== digest)) {
      throw new SourceError(`${path}/${key} changed while it was read; try again`);
    }
    yield* waited(`${JSON.stringify([key, value && byteStringOf(value)])}\n`, pass);
  }
}

async function* waited(text: string, pass: Pass) {
  const piece = encoder.encode(text);
  await pass(piece.length);
  yield piece;
}

// Digests

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** How many keys there are, and the digest of all; the position of a backup and the content of its summary. */
async function summaryOf(digests: Digests): Promise<{ keys: number; digest: string }> {
  const sorted = [...digests.keys()].sort().map((key) => [key, digests.get(key)]);
  return { keys: digests.size, digest: await sha256(encoder.encode(JSON.stringify(sorted))) };
}

async function* metadataOf(digests: Digests) {
  for (const record of digests) yield encoder.encode(`${JSON.stringify(record)}\n`);
}

/** The digests that a parent left. Throws `IntegrityError` if they are not those that its position tells of. */
async function digestsOf(parent: SourceParent, path: string): Promise<Digests> {
  if (parent.options["path"] !== path) {
    throw new UnfitParentError(`the parent was read from another place than ${path}`);
  }
  const digests: Digests = new Map();
  const lines = new Lines((line) => {
    const [key, digest] = parseRecord(line);
    digests.set(key, digest ?? "");
  });
  await parent.readMetadata({ write: (bytes) => lines.write(bytes) });
  lines.end();
  if ((await summaryOf(digests)).digest !== parent.position["digest"]) {
    throw new IntegrityError("the metadata of the parent are not the digests of its keys");
  }
  return digests;
}

/** Takes pieces of bytes and gives on their lines. */
class Lines {
  readonly #take: (line: string) => void | Promise<void>;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(take: (line: string) => void | Promise<void>) {
    this.#take = take;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const lines = (this.#rest + this.#decoder.decode(bytes.slice(), { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_LINE_LENGTH) throw new IntegrityError("a record is longer than any key can be");
    for (const line of lines) await this.#take(line);
  }

  /** Throws `IntegrityError` if the last line is not whole. */
  end(): void {
    if (this.#rest + this.#decoder.decode() !== "") throw new IntegrityError("the records end within a line");
  }
}

function parseRecord(line: string): KeyRecord {
  try {
    const [key, value] = JSON.parse(line);
    if (typeof key === "string" && (value === null || typeof value === "string")) return [key, value];
  } catch { /* The error below tells it. */ }
  throw new IntegrityError(`no record of a key: ${line.slice(0, 40)}`);
}

// A restore

async function openTarget(path: string, pass: Pass, { overwrite, signal }: TargetRequest): Promise<OpenTarget> {
  signal.throwIfAborted();
  await emptied(path, overwrite, signal);
  const cancelled = Promise.withResolvers<never>();
  cancelled.promise.catch(() => {});
  return openedTarget({ path, pass, digests: new Map(), cancelled, isCancelled: false, summary: "" });
}

/** Makes the directory, or makes it empty if that is allowed. */
async function emptied(path: string, overwrite: boolean, signal: AbortSignal): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
    const entries = await Array.fromAsync(Deno.readDir(path));
    if (entries.length > 0 && !overwrite) throw new UsageError(`${path} is not empty; name another directory`);
    for (const { name } of entries) {
      signal.throwIfAborted();
      await Deno.remove(`${path}/${name}`, { recursive: true });
    }
  } catch (cause) {
    if (cause instanceof AgentError || signal.aborted) throw cause;
    throw new UsageError(`Cannot use ${path} as a target: ${reasonOf(cause)}`, { cause });
  }
}

function openedTarget(restore: Restore): OpenTarget {
  let applied: Promise<void> = Promise.resolve();
  return {
    beginLevel: () => Promise.resolve(void (restore.summary = "")),
    take({ path }) {
      const { write, end } = path === SUMMARY ? summaryTaker(restore) : recordTaker(restore);
      const stoppable = async (bytes: Uint8Array) => {
        await Promise.race([restore.pass(bytes.length), restore.cancelled.promise]);
        await (applied = write(bytes));
      };
      return Promise.resolve({ write: stoppable, end });
    },
    endLevel: () => compareSummary(restore),
    finish: () => Promise.resolve({ problems: [] }),
    async cancel() {
      restore.isCancelled = true;
      restore.cancelled.reject(new InterruptedError());
      await applied.catch(() => {}); // Nothing is written to the directory afterwards.
    },
  };
}

function summaryTaker(restore: Restore): TargetStream {
  return {
    write: (bytes) => Promise.resolve(void (restore.summary += new TextDecoder().decode(bytes.slice()))),
    end: () => Promise.resolve(),
  };
}

function recordTaker(restore: Restore): TargetStream {
  const lines = new Lines((line) => apply(restore, parseRecord(line)));
  return { write: (bytes) => lines.write(bytes), end: async () => await lines.end() };
}

async function apply({ path, digests, isCancelled }: Restore, [key, value]: KeyRecord): Promise<void> {
  if (isCancelled) throw new InterruptedError();
  if (/^\.{0,2}$|[/\0]/.test(key)) throw new AgentError(`${JSON.stringify(key)} cannot be the name of a file`);
  try {
    const bytes = value === null ? null : bytesOfByteString(value);
    await (bytes === null ? Deno.remove(`${path}/${key}`) : Deno.writeFile(`${path}/${key}`, bytes));
    if (bytes === null) digests.delete(key);
    else digests.set(key, await sha256(bytes));
  } catch (cause) {
    throw new AgentError(`Cannot restore ${path}/${key}: ${reasonOf(cause)}`, { cause });
  }
}

async function compareSummary({ path, digests, summary }: Restore): Promise<void> {
  if (JSON.stringify(await summaryOf(digests)) === summary) return;
  throw new AgentError(`${path} has other keys than the backup; restore it again`);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
