/** An engine that backs up what a test says, level upon level, and targets that note everything they get. */
import { type JudgedSource, sourceOfStream } from "../../src/base/byte_source.ts";
import { UsageError } from "../../src/base/errors.ts";
import type {
  Engine,
  EngineItem,
  EngineSource,
  EngineTarget,
  EntryProperties,
  OpenSource,
  OpenTarget,
  RestoredItem,
  RestoredLevel,
  TargetRequest,
} from "../../src/engine/engine.ts";
import { EngineRegistry } from "../../src/engine/engine_urls.ts";
import type { StreamPath } from "../../src/format/manifest/series.ts";
import { entryProperties } from "../../src/format/tree/node.ts";
import { put, type PutResult } from "../../src/ops/put.ts";
import type { RepositoryAccess, World } from "../../src/ops/access.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import type { ReplayOptions, ReplayResult } from "../../src/ops/restore/replay.ts";
import { BytesSource, concat, type PutOverrides, putRequest } from "../helpers/world.ts";

/** The streams of a level by path. */
export type Streams = Readonly<Record<string, Uint8Array>>;

/** An entry of a tree: what it is, and the content of a file. */
interface Entry extends Partial<EntryProperties> {
  readonly path: string;
  readonly type: EntryProperties["type"];
  readonly bytes?: Uint8Array;
}

/** Called before every step of a target; what it throws is the target's failure. */
type At = (step: string, request: TargetRequest) => void | Promise<void>;

/** What a target noted. */
export class Shelf {
  /** Its steps: `open`, `level 0`, `take a`, `end a`, `end level`, `finish`, `cancel`. */
  readonly steps: string[] = [];
  readonly levels: RestoredLevel[] = [];
  /** Content by level and path, such as `1/a`; only what came to its end. */
  readonly contents = new Map<string, Uint8Array>();
  readonly entries: RestoredItem[] = [];
  problems: string[] = [];
  isEmpty = true;
  /** Rejects, once it is cancelled, whoever waits for that. */
  readonly cancelled = Promise.withResolvers<never>();
  at: At = () => {};

  constructor() {
    this.cancelled.promise.catch(() => {});
  }
}

/** Engine, registry, and what the next put and the next replay work on. */
export class ShelfEngine implements Engine {
  readonly version = "1";
  readonly replays: boolean;
  readonly hasEntries: boolean;
  readonly parameters = ["strict"];
  /** What the next put reads. */
  next: readonly EngineItem[] = [];
  /** What the next replay writes into. */
  shelf = new Shelf();
  /** The place in the URL of the newest target. */
  place = "";

  constructor({ replays = true, hasEntries = false }: { replays?: boolean; hasEntries?: boolean } = {}) {
    this.replays = replays;
    this.hasEntries = hasEntries;
  }

  get engines(): EngineRegistry {
    const registry = new EngineRegistry();
    registry.register("shelf", this);
    return registry;
  }

  source(): EngineSource {
    return {
      options: { from: "here" },
      open: ({ parent }) => {
        const items = this.next;
        const level = this.replays ? (parent?.level ?? -1) + 1 : 0;
        return Promise.resolve<OpenSource>({
          async *items() {
            yield* items;
          },
          finish: () =>
            Promise.resolve({
              position: { level },
              metadata: this.replays ? new BytesSource(new TextEncoder().encode(`metadata ${level}`)) : null,
              problems: [],
            }),
          cancel: () => Promise.resolve(),
        });
      },
    };
  }

  target({ place }: { readonly place: string }): EngineTarget {
    this.place = place;
    const { shelf } = this;
    return {
      async open(request) {
        await shelf.at("open", request);
        if (!shelf.isEmpty && !request.overwrite) throw new UsageError(`"${place}" is not empty`);
        shelf.steps.push("open");
        return openTarget(shelf, request);
      },
    };
  }
}

function openTarget(shelf: Shelf, request: TargetRequest): OpenTarget {
  const step = async (name: string) => {
    await shelf.at(name, request);
    shelf.steps.push(name);
  };
  return {
    async beginLevel(level) {
      await step(`level ${level.level}`);
      shelf.levels.push(level);
    },
    async take(item) {
      await step(`take ${item.path}`);
      if (item.kind === "entry") {
        shelf.entries.push(item);
        if (item.properties.type !== "file") return null;
      }
      const pieces: Uint8Array[] = [];
      return {
        async write(bytes) {
          await shelf.at("write", request);
          pieces.push(bytes.slice());
        },
        async end() {
          await step(`end ${item.path}`);
          shelf.contents.set(`${shelf.levels.at(-1)!.level}/${item.path}`, concat(pieces));
        },
      };
    },
    endLevel: () => step("end level"),
    async finish() {
      await step("finish");
      return { problems: shelf.problems };
    },
    cancel() {
      shelf.steps.push("cancel");
      shelf.cancelled.reject(new Error("cancelled"));
      return Promise.resolve();
    },
  };
}

/** Streams as an engine yields them. */
export function streamItems(streams: Streams): EngineItem[] {
  return Object.entries(streams).map(([path, bytes]) => ({
    kind: "stream",
    path: path as StreamPath,
    source: bytesSource(bytes),
    guard: "none",
  }));
}

/** Entries as an engine yields them. */
export function entryItems(entries: readonly Entry[]): EngineItem[] {
  return entries.map(({ path, bytes, ...properties }) => ({
    kind: "entry",
    path,
    properties: entryProperties(properties),
    source: bytes === undefined ? null : bytesSource(bytes),
  }));
}

function bytesSource(bytes: Uint8Array): JudgedSource {
  return sourceOfStream(async function* () {
    if (bytes.length > 0) yield bytes;
  }());
}

/** Puts what the engine has next. */
export async function putNext(
  access: RepositoryAccess,
  world: World,
  engine: ShelfEngine,
  overrides: PutOverrides = {},
): Promise<PutResult> {
  const input = { driven: { name: "shelf", engine, driver: engine.source() } };
  return await put(access, { ...putRequest(new BytesSource(new Uint8Array(0)), overrides), allowEmpty: true, input }, {
    world,
  });
}

/** Replays a backup into the engine's shelf. */
export async function replayed(
  access: RepositoryAccess,
  world: World,
  engine: ShelfEngine,
  { selector = "prod/shop", signal, ...options }:
    & { selector?: string; signal?: AbortSignal }
    & Partial<ReplayOptions> = {},
): Promise<ReplayResult> {
  const target = engine.engines.target("shelf:/there");
  return await withBackup(
    access,
    { selector, noLock: false },
    { world, signal },
    ({ replay }) => replay(target, { overwrite: false, ...options }),
  );
}
