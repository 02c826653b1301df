/**
 * An engine with levels as others would write it: it imports the library's public face and nothing else. It keeps a
 * directory of journals that only grow, and a file with their state.
 */
import {
  AgentError,
  type EngineItem,
  type EngineRegistry,
  type EngineSource,
  type EngineTarget,
  type EngineUrl,
  IntegrityError,
  InterruptedError,
  type JsonObject,
  type JudgedSource,
  type OpenSource,
  type OpenTarget,
  parseStreamPath,
  type RestoredItem,
  type RestoredLevel,
  type SourceEnd,
  SourceError,
  sourceOfStream,
  type SourceParent,
  type SourceRequest,
  type TargetEnd,
  type TargetStream,
  UnfitParentError,
  UsageError,
} from "../../src/mod.ts";

const PIECE_BYTES = 64 * 1024;
/** Where a journal's own name stands: its first line, by which it is known again. */
const FIRST_LINE_BYTES = 32;

/** What tests do to the engine, and see of it. */
export class Probe {
  /** What every read and write waits for. */
  gate: Promise<void> = Promise.resolve();
  readonly files = new Set<Deno.FsFile>();
  bytesRead = 0;

  async open(path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> {
    const file = await Deno.open(path, options);
    this.files.add(file);
    return file;
  }

  close(file: Deno.FsFile): void {
    if (this.files.delete(file)) file.close();
  }
}

/** How far each journal was read, by name, and which journal it was. */
type Lengths = Record<string, { readonly id: string; readonly length: number }>;

/**
 * A directory of journals that only grow (`NAME.log`) and a file `state`. A level has what the journals grew by, the
 * state, and an index of what there is. Its position is the length of all journals together.
 */
class LedgerSource implements EngineSource {
  readonly options: JsonObject;
  readonly #probe: Probe;

  constructor({ place }: EngineUrl, probe: Probe) {
    if (place === "") throw new UsageError("A ledger needs a directory, such as ledger:/srv/ledger");
    this.options = { directory: place };
    this.#probe = probe;
  }

  async open({ parent, signal }: SourceRequest): Promise<OpenSource> {
    signal.throwIfAborted();
    const directory = String(this.options["directory"]);
    if (parent !== null && parent.options["directory"] !== directory) {
      throw new UnfitParentError(
        `The last backup is of the ledger ${parent.options["directory"]}, not of ${directory}`,
      );
    }
    const before = parent === null ? {} : await lengthsOf(parent);
    const lengths: Lengths = {};
    let state: number | null = null;
    for await (const { name } of Deno.readDir(directory)) {
      const path = `${directory}/${name}`;
      if (name === "state") state = (await Deno.stat(path)).size;
      if (name.endsWith(".log")) lengths[name] = { id: await firstLine(path), length: (await Deno.stat(path)).size };
    }
    signal.throwIfAborted();
    return new OpenLedger({ directory, before, lengths, state, probe: this.#probe });
  }
}

async function firstLine(path: string): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(FIRST_LINE_BYTES);
  const count = await file.read(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, count)).split("\n")[0]!;
}

async function lengthsOf(parent: SourceParent): Promise<Lengths> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  await parent.readMetadata({ write: (bytes) => Promise.resolve(void pieces.push(Uint8Array.from(bytes))) });
  const lengths: Lengths = JSON.parse(await new Blob(pieces).text());
  if (total(lengths) === parent.position["bytes"]) return lengths;
  throw new IntegrityError("What the last backup says of its journals does not fit its position");
}

function total(lengths: Lengths): number {
  return Object.values(lengths).reduce((sum, { length }) => sum + length, 0);
}

interface LedgerParts {
  readonly directory: string;
  readonly before: Lengths;
  readonly lengths: Lengths;
  /** Its length; null if there is none. */
  readonly state: number | null;
  readonly probe: Probe;
}

class OpenLedger implements OpenSource {
  readonly #parts: LedgerParts;
  readonly #sources: JudgedSource[] = [];
  #isCancelled = false;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  async *items(): AsyncIterable<EngineItem> {
    const { before, lengths, state } = this.#parts;
    for (const [name, { id, length }] of Object.entries(lengths)) {
      const known = before[name];
      const from = known?.id === id && known.length <= length ? known.length : 0;
      if (length > from) yield this.#stream(`from-${from}/${name}`, name, { from, to: length, grows: true });
    }
    if (state !== null) yield this.#stream("state", "state", { from: 0, to: state, grows: false });
    const source = sourceOfStream(new Blob([JSON.stringify(Object.keys(lengths))]).stream());
    this.#sources.push(source);
    yield { kind: "stream", path: parseStreamPath("index"), source, guard: "none" };
  }

  finish(): Promise<SourceEnd> {
    if (this.#isCancelled) return Promise.reject(new InterruptedError());
    const { lengths } = this.#parts;
    const metadata = sourceOfStream(new Blob([JSON.stringify(lengths)]).stream());
    return Promise.resolve({ position: { bytes: total(lengths) }, metadata, problems: [] });
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await Promise.all(this.#sources.map((source) => source.cancel()));
  }

  #stream(path: string, name: string, span: FileSpan): EngineItem {
    const source = new FileSource(`${this.#parts.directory}/${name}`, span, this.#parts.probe);
    this.#sources.push(source);
    return { kind: "stream", path: parseStreamPath(path), source, guard: "none" };
  }
}

interface FileSpan {
  readonly from: number;
  readonly to: number;
  /** Whether the file may be longer in the end. */
  readonly grows: boolean;
}

/** A part of a file. */
class FileSource implements JudgedSource {
  readonly #path: string;
  readonly #span: FileSpan;
  readonly #probe: Probe;
  readonly #cancelled = Promise.withResolvers<null>();
  #isCancelled = false;
  #reading: Promise<number | null> = Promise.resolve(null);
  #file: Deno.FsFile | undefined;
  #at: number;

  constructor(path: string, span: FileSpan, probe: Probe) {
    this.#path = path;
    this.#span = span;
    this.#probe = probe;
    this.#at = span.from;
  }

  async read(target: Uint8Array): Promise<number | null> {
    await Promise.race([this.#probe.gate, this.#cancelled.promise]);
    if (this.#isCancelled) return null;
    return await (this.#reading = this.#readSome(target));
  }

  async ended(): Promise<void> {
    if (this.#isCancelled) throw new InterruptedError();
    const { size } = await Deno.stat(this.#path);
    if (this.#at === this.#span.to && (this.#span.grows ? size >= this.#at : size === this.#at)) return;
    throw new SourceError(`${this.#path} changed while it was read; try again`);
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    this.#cancelled.resolve(null);
    await this.#reading.catch(() => {});
    this.#close();
  }

  async #readSome(target: Uint8Array): Promise<number | null> {
    // Deno fills no shared memory.
    const own = new Uint8Array(Math.min(target.length, PIECE_BYTES, this.#span.to - this.#at));
    const count = own.length === 0 ? null : await this.#readOwn(own);
    if (count === null) {
      this.#close();
      return null;
    }
    target.set(own.subarray(0, count));
    this.#at += count;
    this.#probe.bytesRead += count;
    return count;
  }

  async #readOwn(own: Uint8Array): Promise<number | null> {
    try {
      if (this.#file === undefined) {
        this.#file = await this.#probe.open(this.#path, { read: true });
        await this.#file.seek(this.#at, Deno.SeekMode.Start);
      }
      return await this.#file.read(own);
    } catch (cause) {
      throw new SourceError(`Cannot read ${this.#path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }

  #close(): void {
    if (this.#file !== undefined) this.#probe.close(this.#file);
  }
}

/** A directory into which a ledger is replayed. */
class OpenLedgerTarget implements OpenTarget {
  readonly #directory: string;
  readonly #probe: Probe;
  readonly #cancelled = Promise.withResolvers<void>();
  #isCancelled = false;
  #position: JsonObject | null = null;
  #index: Uint8Array<ArrayBuffer>[] = [];
  #hasState = false;
  #file: Deno.FsFile | undefined;

  constructor(directory: string, probe: Probe) {
    this.#directory = directory;
    this.#probe = probe;
  }

  async beginLevel({ level, position }: RestoredLevel): Promise<void> {
    if (level === 0) await this.#empty(() => true);
    this.#position = position;
    this.#index = [];
    this.#hasState = false;
  }

  async take({ path }: RestoredItem): Promise<TargetStream> {
    if (path === "index") {
      const write = (bytes: Uint8Array) => Promise.resolve(void this.#index.push(Uint8Array.from(bytes)));
      return { write, end: () => Promise.resolve() };
    }
    this.#hasState ||= path === "state";
    const [, from, name] = /^from-(\d+)\/(.+)$/.exec(path) ?? [null, "0", path];
    const file = await this.#attempt(name!, async () => {
      const opened = await this.#probe.open(`${this.#directory}/${name}`, { write: true, create: true });
      this.#file = opened;
      await opened.truncate(Number(from));
      await opened.seek(Number(from), Deno.SeekMode.Start);
      return opened;
    });
    return {
      write: (bytes) => this.#attempt(name!, () => this.#write(file, Uint8Array.from(bytes))),
      end: () => Promise.resolve(this.#probe.close(file)),
    };
  }

  async endLevel(): Promise<void> {
    const names: string[] = JSON.parse(await new Blob(this.#index).text());
    if (this.#hasState) names.push("state");
    await this.#empty((name) => !names.includes(name));
  }

  async finish(): Promise<TargetEnd> {
    let bytes = 0;
    for await (const { name } of Deno.readDir(this.#directory)) {
      if (name !== "state") bytes += (await Deno.stat(`${this.#directory}/${name}`)).size;
    }
    const isWhole = this.#position === null || this.#position["bytes"] === bytes;
    return { problems: isWhole ? [] : [`the journals have ${bytes} bytes instead of ${this.#position!["bytes"]}`] };
  }

  cancel(): Promise<void> {
    this.#isCancelled = true;
    this.#cancelled.resolve();
    if (this.#file !== undefined) this.#probe.close(this.#file);
    return Promise.resolve();
  }

  async #write(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
    await Promise.race([this.#probe.gate, this.#cancelled.promise]);
    if (this.#isCancelled) throw new InterruptedError();
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  }

  async #empty(goes: (name: string) => boolean): Promise<void> {
    for await (const { name } of Deno.readDir(this.#directory)) {
      if (goes(name)) await Deno.remove(`${this.#directory}/${name}`, { recursive: true });
    }
  }

  async #attempt<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof AgentError) throw cause;
      throw new AgentError(`Cannot restore ${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}

function ledgerTarget({ place }: EngineUrl, probe: Probe): EngineTarget {
  return {
    async open({ overwrite, signal }) {
      signal.throwIfAborted();
      await Deno.mkdir(place, { recursive: true });
      for await (const { name } of Deno.readDir(place)) {
        if (!overwrite) throw new UsageError(`${place} is not empty: it holds ${name}; restore elsewhere`);
      }
      return new OpenLedgerTarget(place, probe);
    },
  };
}

/** Registers the engine. */
export function registerLedger(registry: EngineRegistry, probe: Probe): void {
  registry.register("ledger", {
    version: "1",
    replays: true,
    parameters: [],
    source: (url) => new LedgerSource(url, probe),
    target: (url) => ledgerTarget(url, probe),
  });
}
