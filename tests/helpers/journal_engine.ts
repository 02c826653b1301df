/**
 * An engine with levels for tests. Its source is a list of lines in memory: level 0 holds all of them, each other level
 * the lines that came since. The metadata says how many lines there were.
 */
import type { JudgedSource, StreamSink } from "../../src/base/byte_source.ts";
import { IntegrityError } from "../../src/base/errors.ts";
import type {
  Engine,
  EngineItem,
  EntryProperties,
  OpenSource,
  SourceEnd,
  SourceParent,
  SourceRequest,
} from "../../src/engine/engine.ts";
import { EngineRegistry } from "../../src/engine/engine_urls.ts";
import { DIR_MODE_0755, FILE_MODE_0644 } from "../../src/format/tree/file_mode.ts";
import { entryProperties, type Node } from "../../src/format/tree/node.ts";
import { parseStreamPath } from "../../src/format/manifest/series.ts";
import { BytesSource, concat, noise } from "./world.ts";

const encoder = new TextEncoder();

/** What an engine does in the place of what it does by itself. */
export interface Script {
  readonly replays?: boolean;
  readonly hasEntries?: boolean;
  readonly open?: (request: SourceRequest) => Promise<void>;
  readonly items?: () => AsyncIterable<EngineItem> | Iterable<EngineItem>;
  readonly finish?: (end: SourceEnd) => SourceEnd | Promise<SourceEnd>;
  readonly cancel?: () => Promise<void>;
}

/** One opening of the source. */
interface Opening {
  readonly parent: Pick<SourceParent, "level" | "position" | "options"> | null;
  /** The text of the parent's metadata. */
  readonly metadata: string | null;
}

/** The engine, and what was done with it. */
export class JournalEngine implements Engine {
  readonly version = "1.0";
  readonly parameters = ["part"];
  readonly lines: string[] = [];
  readonly openings: Opening[] = [];
  cancelled = 0;
  script: Script;

  constructor(script: Script = {}) {
    this.script = script;
  }

  get replays(): boolean {
    return this.script.replays ?? true;
  }

  get hasEntries(): boolean {
    return this.script.hasEntries ?? false;
  }

  /** Registered under a name. */
  as(name = "journal"): EngineRegistry {
    const registry = new EngineRegistry();
    registry.register(name, this);
    return registry;
  }

  source() {
    return { options: { whole: true }, open: (request: SourceRequest) => this.#open(request) };
  }

  async #open(request: SourceRequest): Promise<OpenSource> {
    const { parent } = request;
    const metadata = parent === null ? null : await textOf(parent);
    this.openings.push({
      parent: parent && { level: parent.level, position: parent.position, options: parent.options },
      metadata,
    });
    await this.script.open?.(request);
    const from = metadata === null ? 0 : Number(metadata);
    if (Number.isNaN(from)) throw new IntegrityError("the count of lines is no number");
    const to = this.lines.length;
    const bytes = encoder.encode(this.lines.slice(from).join(""));
    const { script } = this;
    return {
      async *items() {
        yield* script.items?.() ?? [streamItem("lines/journal", bytes), streamItem("count", encoder.encode(`${to}\n`))];
      },
      async finish() {
        const end = { position: { lines: to }, metadata: new BytesSource(encoder.encode(String(to))), problems: [] };
        return await script.finish?.(end) ?? end;
      },
      cancel: async () => {
        this.cancelled++;
        await script.cancel?.();
      },
    };
  }
}

/** A stream of an engine. */
export function streamItem(path: string, source: Uint8Array | JudgedSource): EngineItem {
  const judged = source instanceof Uint8Array ? new BytesSource(source) : source;
  return { kind: "stream", path: parseStreamPath(path), source: judged, guard: "none" };
}

async function textOf(parent: SourceParent): Promise<string> {
  const pieces: Uint8Array[] = [];
  const sink: StreamSink = {
    write(bytes) {
      pieces.push(new Uint8Array(bytes));
      return Promise.resolve();
    },
  };
  await parent.readMetadata(sink);
  return new TextDecoder().decode(concat(pieces));
}

const MTIME = "2026-01-02T03:04:05.000000006Z" as Node["mtime"];

function properties(fields: Partial<EntryProperties> & Pick<Node, "type">): EntryProperties {
  return entryProperties({
    mtime: MTIME,
    atime: MTIME,
    ctime: MTIME,
    uid: 7,
    gid: 8,
    user: "u",
    group: "g",
    inode: 99n,
    links: 1,
    ...fields,
  });
}

/** An entry of a tree; a file if there are bytes. */
export function entryItem(
  path: string,
  fields: Partial<EntryProperties> & Pick<Node, "type">,
  bytes?: Uint8Array,
): EngineItem {
  return {
    kind: "entry",
    path,
    properties: properties(fields),
    source: bytes === undefined ? null : new BytesSource(bytes),
  };
}

/** A small tree with one of each. */
export function smallTree(): EngineItem[] {
  return [
    entryItem("etc", { type: "dir", mode: DIR_MODE_0755 }),
    entryItem("etc/hosts", { type: "file", mode: FILE_MODE_0644 }, noise(5000, "hosts")),
    entryItem("etc/empty", { type: "file", mode: FILE_MODE_0644 }, new Uint8Array(0)),
    entryItem("etc/link", { type: "symlink", linkTarget: "../srv/deep" }),
    entryItem("etc/none", { type: "dir", mode: DIR_MODE_0755 }),
    entryItem("srv/deep/file", { type: "file", mode: FILE_MODE_0644 }, noise(100, "deep")),
    entryItem("srv/\udcfe", { type: "file", mode: FILE_MODE_0644 }, noise(200, "bytes")),
  ];
}
