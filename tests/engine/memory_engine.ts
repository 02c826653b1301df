/**
 * A small engine as docs/engines.md tells how to write one. Its sources are maps in memory. A level has an entry for
 * each file that differs from the parent, one for the directory in which they are, and a stream with the names of files
 * that are gone. The metadata has the digest of each file.
 */
import { createHash } from "node:crypto";
import { interruptible } from "../../src/base/abort.ts";
import type { ByteSource, JudgedSource } from "../../src/base/byte_source.ts";
import { IntegrityError, SourceError, UsageError } from "../../src/base/errors.ts";
import type {
  Engine,
  EngineItem,
  EngineSource,
  EngineTarget,
  OpenSource,
  OpenTarget,
  RestoredItem,
  SourceParent,
  TargetStream,
} from "../../src/engine/engine.ts";
import { parseStreamPath } from "../../src/format/manifest/series.ts";
import { entryProperties } from "../../src/format/tree/node.ts";
import { concat } from "../helpers/world.ts";

const PIECE_BYTES = 32 * 1024;

/** The content of files by name. */
export type Files = Map<string, Uint8Array>;

/** All places that exist, and what is going on there. */
export class Memory {
  readonly places = new Map<string, Files>();
  /** What was opened and neither finished nor cancelled. */
  readonly open = new Set<object>();
  /** Bytes that were read from files. */
  produced = 0;
  #gate: Promise<void> | undefined;

  /** Lets everything stand still until the returned function is called. */
  stall(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  /** Passes when nothing is stalled, or throws what `given up` rejects with. */
  async pass(givenUp: Promise<never>): Promise<void> {
    await Promise.race([this.#gate, givenUp]);
  }
}

/** The engine over such a memory. */
export function memoryEngine(memory: Memory): Engine {
  return {
    version: "1",
    replays: true,
    parameters: [],
    source: ({ place }) => memorySource(memory, place),
    target: ({ place }) => memoryTarget(memory, place),
  };
}

/** Something that can be given up while it waits. */
class Work {
  readonly givenUp = Promise.withResolvers<never>();
  isGivenUp = false;
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.givenUp.promise.catch(() => {});
    memory.open.add(this);
  }

  over(): void {
    this.#memory.open.delete(this);
  }

  giveUp(): Promise<void> {
    this.isGivenUp = true;
    this.givenUp.reject(new SourceError("it was stopped; nothing was committed"));
    this.over();
    return Promise.resolve();
  }

  assertGoesOn(): Promise<void> {
    return this.isGivenUp ? this.givenUp.promise : Promise.resolve();
  }
}

function memorySource(memory: Memory, place: string): EngineSource {
  return {
    options: { place },
    open: ({ parent, signal }) =>
      interruptible(signal, async () => {
        const files = memory.places.get(place);
        if (files === undefined) throw new SourceError(`There is no "${place}"; nothing was committed`);
        return openSource(memory, files, parent === null ? new Map() : await digestsOf(parent));
      }),
  };
}

async function digestsOf(parent: SourceParent): Promise<Map<string, string>> {
  const pieces: Uint8Array[] = [];
  await parent.readMetadata({ write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
  try {
    return new Map(JSON.parse(new TextDecoder().decode(concat(pieces))));
  } catch (cause) {
    throw new IntegrityError("the metadata is no list of digests", { cause });
  }
}

function openSource(memory: Memory, files: Files, before: ReadonlyMap<string, string>): OpenSource {
  const work = new Work(memory);
  const now = [...files].map(([name, bytes]) => [name, createHash("sha256").update(bytes).digest("hex")] as const);
  const removed = [...before.keys()].filter((name) => !files.has(name));
  return {
    async *items(): AsyncIterable<EngineItem> {
      const source = bytesSource(memory, work, new TextEncoder().encode(JSON.stringify(removed)));
      yield { kind: "stream", path: parseStreamPath("removed"), source, guard: "none" };
      yield { kind: "entry", path: "files", properties: entryProperties({ type: "dir", mode: 0o644 }), source: null };
      for (const [name, digest] of now) {
        if (before.get(name) === digest) continue;
        const content = bytesSource(memory, work, files.get(name)!);
        yield {
          kind: "entry",
          path: `files/${name}`,
          properties: entryProperties({ type: "file", mode: 0o644 }),
          source: content,
        };
      }
    },
    async finish() {
      await work.assertGoesOn();
      work.over();
      const metadata = bytesSource(memory, work, new TextEncoder().encode(JSON.stringify(now)));
      return { position: { files: files.size }, metadata, problems: [] };
    },
    cancel: () => work.giveUp(),
  };
}

function bytesSource(memory: Memory, work: Work, bytes: Uint8Array): JudgedSource & ByteSource {
  let at = 0;
  let hasEnded = false;
  return {
    async read(target) {
      await memory.pass(work.givenUp.promise).catch(() => at = bytes.length);
      const piece = bytes.subarray(at, at + Math.min(target.length, PIECE_BYTES));
      target.set(piece);
      at += piece.length;
      memory.produced += piece.length;
      return piece.length === 0 ? null : piece.length;
    },
    cancel: () => hasEnded ? Promise.resolve() : work.giveUp(),
    async ended() {
      await work.assertGoesOn();
      hasEnded = true;
    },
  };
}

function memoryTarget(memory: Memory, place: string): EngineTarget {
  return {
    open: ({ signal, overwrite }) =>
      interruptible(signal, () => {
        const files = memory.places.get(place) ?? new Map<string, Uint8Array>();
        if (files.size > 0 && !overwrite) throw new UsageError(`"${place}" is not empty; name another`);
        files.clear();
        memory.places.set(place, files);
        return Promise.resolve(openTarget(memory, files));
      }),
  };
}

function openTarget(memory: Memory, files: Files): OpenTarget {
  const work = new Work(memory);
  return {
    beginLevel: () => work.assertGoesOn(),
    take: ({ kind, path }: RestoredItem) => {
      if (kind === "entry" && path === "files") return Promise.resolve(null);
      return Promise.resolve(bytesSink(memory, work, (bytes) => {
        if (kind === "entry") files.set(path.replace("files/", ""), bytes);
        else for (const name of JSON.parse(new TextDecoder().decode(bytes))) files.delete(name);
      }));
    },
    endLevel: () => work.assertGoesOn(),
    finish() {
      work.over();
      return Promise.resolve({ problems: [] });
    },
    cancel: () => work.giveUp(),
  };
}

function bytesSink(memory: Memory, work: Work, take: (bytes: Uint8Array) => void): TargetStream {
  const pieces: Uint8Array[] = [];
  return {
    async write(bytes) {
      await memory.pass(work.givenUp.promise);
      pieces.push(bytes.slice());
    },
    async end() {
      await work.assertGoesOn();
      take(concat(pieces));
    },
  };
}
