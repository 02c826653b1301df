/** Streams for tests of puts of several of them, also such as fail or stand still. */
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { SourceError } from "../../src/base/errors.ts";
import { parseStreamPath } from "../../src/format/manifest/series.ts";
import { put, type PutRequest, type PutResult, type PutStream } from "../../src/ops/put.ts";
import type { RepositoryAccess, World } from "../../src/ops/access.ts";
import { BytesSource, ENGINE, putRequest } from "../helpers/world.ts";

const OPTIONS = { packBytes: 20_000 };

/** A stream of these bytes. */
export function stream(path: string, source: Uint8Array | JudgedSource, guard: PutStream["guard"] = "none"): PutStream {
  return {
    path: parseStreamPath(path),
    source: source instanceof Uint8Array ? new BytesSource(source, 4096) : source,
    guard,
  };
}

/** What is put, and what differs from the usual request. */
export interface Streams extends Partial<Omit<PutRequest, "input">> {
  readonly streams: readonly PutStream[];
  readonly signal?: AbortSignal;
}

/** Puts several streams, with small chunks and packs. */
export function putStreams(access: RepositoryAccess, world: World, given: Streams): Promise<PutResult> {
  const { streams, signal, ...others } = given;
  const request = { ...putRequest(new BytesSource(new Uint8Array(0)), others), input: { engine: ENGINE, streams } };
  return put(access, { chunkAverage: 2048, ...request }, { world, signal, ...OPTIONS });
}

/** A source that gives some bytes and then nothing more until it is cancelled, and does not even hear of that. */
export class HangingSource implements JudgedSource {
  cancelled = 0;
  readonly #first: Uint8Array;
  #isRead = false;
  readonly isRead = Promise.withResolvers<void>();

  constructor(first: Uint8Array) {
    this.#first = first;
  }

  read(target: Uint8Array): Promise<number | null> {
    if (this.#isRead) {
      this.isRead.resolve();
      return new Promise(() => {});
    }
    this.#isRead = true;
    target.set(this.#first);
    return Promise.resolve(this.#first.length);
  }

  cancel(): Promise<void> {
    this.cancelled++;
    return Promise.resolve();
  }

  ended(): Promise<void> {
    return new Promise(() => {});
  }
}

/** A source that ends, and whose producer turns out to have failed. */
export function failing(bytes: Uint8Array, message: string): JudgedSource {
  const source = new BytesSource(bytes);
  return {
    read: (target) => source.read(target),
    cancel: () => source.cancel(),
    ended: () => Promise.reject(new SourceError(message)),
  };
}
