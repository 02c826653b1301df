/** A directory that is read by the engine of files in this thread, with whatever happens to it meanwhile. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type {
  EngineBuffer,
  EngineEntry,
  EngineItem,
  EntryProperties,
  OpenSource,
  SourceRequest,
} from "../../../src/engine/engine.ts";
import { type FilesCalls, filesCalls } from "../../../src/engine/files/files_calls.ts";
import type { FilesRequest } from "../../../src/engine/files/files_request.ts";
import { filesSource } from "../../../src/engine/files/files_source.ts";
import type { FilesThread } from "../../../src/engine/files/files_threads.ts";
import type { FileSystem, Folder } from "../../../src/filesystem/file_system.ts";
import { propertiesOfHead } from "../../../src/format/tree/tree.ts";
import { openFileSystem } from "../../../src/filesystem/open_file_system.ts";
import { readableBytes } from "../../../src/filesystem/names.ts";
import type { OpenFile } from "../../../src/filesystem/open_file.ts";
import { sourceRequest } from "../../helpers/source_request.ts";
import { macrotask } from "../../helpers/world.ts";
import { readAll } from "../../conformance/engine_frame.ts";

/** Called before a call on a folder or file: the method, and the path of what it is about. */
export type BeforeCall = (method: string, path: string) => void;

/** A file system that tells of each call. */
function watched(system: FileSystem, before: BeforeCall): FileSystem {
  return proxied(system, (method, args, result) => {
    if (method === "openRoot") before(method, readableBytes(args[0] as Uint8Array));
    return method === "openRoot" ? watchedFolder(result() as Folder, before) : result();
  });
}

function watchedFolder(folder: Folder, before: BeforeCall): Folder {
  return proxied(folder, (method, args, result) => {
    const [name] = args;
    before(method, name instanceof Uint8Array ? join(folder.path, readableBytes(name)) : folder.path);
    if (method === "openFolder") return watchedFolder(result() as Folder, before);
    return method === "openFile" ? watchedFile(result() as OpenFile, before) : result();
  });
}

function watchedFile(file: OpenFile, before: BeforeCall): OpenFile {
  return proxied(file, (method, _args, result) => {
    before(`file.${method}`, file.path);
    return result();
  });
}

type Around = (method: string, args: readonly unknown[], result: () => unknown) => unknown;

function proxied<T extends object>(target: T, around: Around): T {
  return new Proxy(target, {
    get(_target, key) {
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const call = (...args: unknown[]) => Reflect.apply(value, target, args);
      return typeof key === "symbol" ? call : (...args: unknown[]) => around(key, args, () => call(...args));
    },
  });
}

/** A thread that is none: its calls are answered here, and what it sends is copied as between threads. */
export function threadHere(open: () => FileSystem): FilesThread {
  const handlers = filesCalls(open);
  const answer = async <Name extends keyof FilesCalls & string>(name: Name, request: FilesCalls[Name]["request"]) => {
    await Promise.resolve();
    const { response, transfer = [] } = await handlers[name](request);
    return structuredClone(response, { transfer });
  };
  return { call: answer, terminate() {} };
}

/** A file, directory or other entry as it came, with its content. */
interface Came {
  readonly path: string;
  readonly properties: EntryProperties;
  /** Bytes that were read; `kept`; `same as` another path; null for what is no file. */
  readonly content: Uint8Array | string | null;
}

/** What a source gave. */
export interface Gave {
  readonly entries: readonly Came[];
  readonly problems: readonly string[];
  /** Buffers that were not given back. */
  readonly lent: number;
}

/** How a trial reads. */
interface TrialOptions {
  readonly rules?: Partial<FilesRequest["selection"]>;
  readonly request?: Partial<Omit<FilesRequest, "selection">>;
  readonly source?: Partial<SourceRequest>;
  readonly system?: () => FileSystem;
  readonly before?: BeforeCall;
  readonly between?: () => void | Promise<void>;
}

/** What to read below PATHs, which are absolute. */
export function filesRequest(roots: readonly string[], { rules, request }: TrialOptions = {}): FilesRequest {
  return {
    selection: {
      roots: roots.map((root) => root.slice(1)),
      excluded: [],
      excludedIgnoringCase: [],
      markers: [],
      largestFileBytes: null,
      oneFileSystem: false,
      emptied: [],
      ...rules,
    },
    changes: { readAll: false, compareCtime: true, compareInode: true },
    withAtime: false,
    dryRun: false,
    problems: [],
    ...request,
  };
}

/** Buffers that are counted: two, as in the smallest pool. */
export class Buffers {
  lent = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #bytes: number;

  constructor(bytes = 64 * 1024) {
    this.#bytes = bytes;
  }

  readonly take = async (): Promise<EngineBuffer> => {
    while (this.lent >= 2) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.lent++;
    let isLent = true;
    const release = () => {
      if (isLent) this.lent--;
      isLent = false;
      this.#waiting.shift()?.();
    };
    return { bytes: new Uint8Array(new SharedArrayBuffer(this.#bytes)), release };
  };
}

/** Opens the source. */
export async function openTrial(
  roots: readonly string[],
  options: TrialOptions,
  buffers: Buffers,
): Promise<OpenSource> {
  const { system = openFileSystem, before = () => {} } = options;
  const startThread = () => threadHere(() => watched(system(), before));
  const { driver } = filesSource(filesRequest(roots, options), { startThread });
  return await driver.open(sourceRequest({ smallFileBytes: 16 * 1024, takeBuffer: buffers.take, ...options.source }));
}

/** Reads everything below PATHs. */
export async function readTrial(roots: readonly string[], options: TrialOptions = {}): Promise<Gave> {
  const { between = () => {} } = options;
  const buffers = new Buffers();
  const open = await openTrial(roots, options, buffers);
  const entries: Came[] = [];
  try {
    for await (const item of open.items()) {
      for (const came of await taken(item, between)) entries.push(came);
    }
    await between();
    const { problems } = await open.finish();
    return { entries, problems, lent: buffers.lent };
  } finally {
    await open.cancel();
    await open.cancel();
    await macrotask(); // Whoever waited for something notices the end.
    assert.equal(buffers.lent, 0, "every buffer is given back");
  }
}

async function taken(item: EngineItem, between: () => void | Promise<void>): Promise<readonly Came[]> {
  assert.ok(item.kind !== "stream", "no stream comes");
  if (item.kind === "entry") return [await takenAlone(item, between)];
  const { entries, buffer } = item;
  assert.ok(entries.length > 0, "no run is empty");
  try {
    await between();
  } catch (error) {
    buffer?.release();
    throw error;
  }
  let end = 0;
  const came = entries.map((entry): Came => {
    assert.ok("path" in entry, "nothing is the same as in a tree that finds entries one by one");
    const { path, head, content } = entry;
    const properties = propertiesOfHead(head);
    if (content?.kind !== "inline") {
      return {
        path,
        properties,
        content: content === null ? null : content.kind === "kept" ? "kept" : `same as ${content.path}`,
      };
    }
    const start = end;
    end += content.length;
    return { path, properties, content: buffer?.bytes.slice(start, end) ?? new Uint8Array(0) };
  });
  buffer?.release();
  return came;
}

async function takenAlone(
  { path, properties, source }: EngineEntry,
  between: () => void | Promise<void>,
): Promise<Came> {
  assert.ok(source, "an entry that comes alone has content");
  await between();
  const content = await readAll(source, between);
  await between();
  await source.ended();
  await source.cancel();
  return { path, properties, content };
}

/** The paths below a directory that came, with the content of files as text. */
export function outline({ entries }: Pick<Gave, "entries">, root: string): Record<string, string> {
  const prefix = root.slice(1);
  const below = entries.filter(({ path }) => path.startsWith(`${prefix}/`));
  return Object.fromEntries(below.map(({ path, properties, content }) => {
    const text = content === null
      ? properties.type
      : typeof content === "string"
      ? content
      : new TextDecoder().decode(content);
    return [path.slice(prefix.length + 1), text];
  }));
}
