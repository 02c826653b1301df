/**
 * An engine of files whose source is a tree in memory. Small files come in runs, larger ones each with a source, and
 * files that did not change are kept. It is registered as `files`, since only that engine may have trees.
 */
import { SourceError } from "../../src/base/errors.ts";
import type {
  EarlierDirectory,
  Engine,
  EngineBuffer,
  EngineItem,
  EntryProperties,
  OpenSource,
  RunEntry,
  SourceRequest,
  StoredEntry,
} from "../../src/engine/engine.ts";
import { type EngineRegistry, EngineRegistry as Registry } from "../../src/engine/engine_urls.ts";
import { compareByteStrings } from "../../src/format/byte_string.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import { type NodeHead, nodeHead } from "../../src/format/tree/node_head.ts";
import { BytesSource } from "../helpers/world.ts";

/** A directory: by name, a file (bytes), a symlink (its target), or a directory. */
export interface Tree {
  [name: string]: Uint8Array | string | Tree;
}

/** Where a test may disturb the engine. */
interface TreeScript {
  /** The items in place of those of the tree. */
  readonly items?: (request: SourceRequest) => AsyncIterable<EngineItem> | Iterable<EngineItem>;
  readonly finish?: () => void;
  /** Whether nothing is kept of the earlier tree. */
  readonly force?: boolean;
}

const MTIME = "2026-01-02T03:04:05.000000006Z";
const S_IFDIR = 2 ** 31;

/** The engine, and what was done with it. */
export class TreeEngine implements Engine {
  readonly version = "1.0";
  readonly replays = false;
  readonly hasEntries = true;
  readonly parameters: string[] = [];
  tree: Tree;
  script: TreeScript = {};
  entriesPerRun = 100;
  /** Paths whose content was read, in the last source. */
  read: string[] = [];
  /** Buffers that were taken and not given back. */
  lent = 0;
  cancelled = 0;
  roots: readonly string[] | undefined;
  /** The modification time of what was not touched. */
  mtime: string = MTIME;
  /** The modification times of what was changed by `touch`. */
  readonly #times = new Map<string, Node["mtime"]>();

  constructor(tree: Tree) {
    this.tree = tree;
  }

  /** Registered as `files`. */
  registry(): EngineRegistry {
    const registry = new Registry();
    registry.register("files", this);
    return registry;
  }

  /** The input of a put. */
  input() {
    return { driven: this.registry().source("files:/") };
  }

  /** Gives a path another modification time. */
  touch(path: string, second: number): void {
    this.#times.set(path, `2026-02-03T04:05:${String(second).padStart(2, "0")}Z` as Node["mtime"]);
  }

  source() {
    return {
      options: {},
      ...this.roots && { roots: this.roots },
      open: (request: SourceRequest) => Promise.resolve(this.#open(request)),
    };
  }

  properties(path: string, type: Node["type"], linkTarget = ""): EntryProperties {
    const mtime = this.#times.get(path) ?? this.mtime as Node["mtime"];
    const mode = type === "dir" ? S_IFDIR + 0o755 : type === "symlink" ? 2 ** 27 + 0o777 : 0o644;
    const node = makeNode({ name: "x", type, mode, mtime, atime: mtime, ctime: mtime, uid: 7, links: 1, linkTarget });
    const { name: _name, size: _size, content: _content, subtree: _subtree, ...properties } = node;
    return properties;
  }

  head(path: string, type: Node["type"], { linkTarget = "", size = 0 } = {}): NodeHead {
    return nodeHead(path.slice(path.lastIndexOf("/") + 1), this.properties(path, type, linkTarget), size);
  }

  #open(request: SourceRequest): OpenSource {
    this.read = [];
    const lend = async () => {
      const buffer = await request.takeBuffer();
      this.lent++;
      let isLent = true;
      const release = () => {
        if (isLent) this.lent--;
        isLent = false;
        buffer.release();
      };
      return { bytes: buffer.bytes, release };
    };
    const own = { ...request, takeBuffer: lend };
    return {
      items: () => asAsync(() => this.script.items?.(own) ?? this.#items(own)),
      finish: () => {
        this.script.finish?.();
        return Promise.resolve({ position: {}, metadata: null, problems: [] });
      },
      cancel: () => {
        this.cancelled++;
        return Promise.resolve();
      },
    };
  }

  async *#items(request: SourceRequest): AsyncGenerator<EngineItem> {
    const run = new Run(request, this.entriesPerRun);
    try {
      yield* this.#runs(request, run);
    } finally {
      run.giveUp();
    }
  }

  async *#runs(request: SourceRequest, run: Run): AsyncGenerator<EngineItem> {
    const { earlier = null } = request;
    for await (const { path, node, head, entry } of this.#walk(this.tree, "", await earlier?.top() ?? null)) {
      if (!(node instanceof Uint8Array)) {
        yield* run.add({ path, head, content: null });
        continue;
      }
      const before = entry?.node;
      const isKept = !this.script.force && before?.type === "file" && before.size === node.length &&
        before.mtime === this.properties(path, "file").mtime;
      if (isKept) {
        yield* run.add({ path, head, content: { kind: "kept", size: node.length, content: entry!.content! } });
        continue;
      }
      this.read.push(path);
      if (node.length <= request.smallFileBytes) {
        yield* run.add({ path, head, content: { kind: "inline", length: node.length } }, node);
      } else {
        yield* run.end();
        yield { kind: "entry", path, properties: this.properties(path, "file"), source: new BytesSource(node) };
      }
    }
    yield* run.end();
  }

  async *#walk(tree: Tree, above: string, earlier: EarlierDirectory | null): AsyncGenerator<Walked> {
    for (const name of Object.keys(tree).sort(compareByteStrings)) {
      const path = above === "" ? name : `${above}/${name}`;
      const node = tree[name]!;
      const isDirectory = typeof node !== "string" && !(node instanceof Uint8Array);
      if (isDirectory) yield* this.#walk(node, path, await earlier?.below(name) ?? null);
      const head = node instanceof Uint8Array
        ? this.head(path, "file", { size: node.length })
        : this.head(path, typeof node === "string" ? "symlink" : "dir", { linkTarget: textOf(node) });
      yield { path, node, head, entry: earlier?.find(name, head.text) };
    }
  }
}

interface Walked {
  readonly path: string;
  readonly node: Uint8Array | string | Tree;
  readonly head: NodeHead;
  /** What the earlier backup has of it. */
  readonly entry: StoredEntry | undefined;
}

function textOf(node: string | Tree): string {
  return typeof node === "string" ? node : "";
}

/** A run that is being filled. */
class Run {
  readonly #request: SourceRequest;
  readonly #most: number;
  #entries: RunEntry[] = [];
  #buffer: EngineBuffer | null = null;
  #filled = 0;

  constructor(request: SourceRequest, most: number) {
    this.#request = request;
    this.#most = most;
  }

  async *add(entry: RunEntry, bytes?: Uint8Array): AsyncGenerator<EngineItem> {
    if (bytes !== undefined && this.#buffer !== null && this.#filled + bytes.length > this.#buffer.bytes.length) {
      yield* this.end();
    }
    if (bytes !== undefined && bytes.length > 0) {
      this.#buffer ??= await this.#request.takeBuffer();
      this.#buffer.bytes.set(bytes, this.#filled);
      this.#filled += bytes.length;
    }
    this.#entries.push(entry);
    if (this.#entries.length >= this.#most) yield* this.end();
  }

  /** Gives the buffer of a run that nobody gets any more back. */
  giveUp(): void {
    this.#buffer?.release();
  }

  *end(): Generator<EngineItem> {
    if (this.#entries.length === 0) return;
    const item = { kind: "entries", entries: this.#entries, buffer: this.#buffer } as const;
    this.#entries = [];
    this.#buffer = null;
    this.#filled = 0;
    yield item;
  }
}

/** What fails with the message of a source. */
export function failing(): never {
  throw new SourceError("the source broke; nothing was committed");
}

async function* asAsync(
  items: () => AsyncIterable<EngineItem> | Iterable<EngineItem>,
): AsyncGenerator<EngineItem> {
  yield* items();
}
