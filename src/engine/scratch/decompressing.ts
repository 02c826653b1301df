/** Dumps that were compressed before they were backed up, on their way into a target that takes them as they were. */
import { IntegrityError } from "../../base/errors.ts";
import { gzipFormat } from "../../guard/gzip.ts";
import type { GuardFormat } from "../../guard/guard.ts";
import type { Format, Judge } from "../../guard/judge.ts";
import { zstdFormat } from "../../guard/zstd.ts";
import type { EngineTarget, RestoredItem, TargetStream } from "../engine.ts";
import type { Driven } from "../engine_urls.ts";
import { withWrappedStreams } from "./wrapped_streams.ts";

/** Compressed bytes that are taken at once. Zeros, compressed by zstd, become 32,000 times as many. */
const PIECE_BYTES = 1024;

/** What dumps may be compressed with, by the name that the guard gives it. */
const FORMATS: ReadonlyMap<string, Format> = new Map([gzipFormat, zstdFormat].map((format) => [format.name, format]));

/**
 * The format of a dump, and how it is compressed, if it is: `gzip+mysqldump` is a `mysqldump`. Null for `compression` if
 * it is not, or in a way that cannot be undone here.
 */
export function contentFormat(format: string): { readonly format: string; readonly compression: string | null } {
  const [outer, ...inner] = format.split("+");
  const isKnown = inner.length > 0 && FORMATS.has(outer!);
  return isKnown ? { format: inner.join("+"), compression: outer! } : { format, compression: null };
}

/** The same target, for streams that are compressed: `compressionOf` tells how by the path of each. */
export function decompressing(
  target: Driven<EngineTarget>,
  compressionOf: (path: string) => string | null,
): Driven<EngineTarget> {
  const formats = target.engine.dumpFormats ?? [];
  const compressed = [...FORMATS.keys()].flatMap((outer) => formats.map((format) => `${outer}+${format}`));
  return {
    ...target,
    engine: { ...target.engine, dumpFormats: [...formats, ...compressed as GuardFormat[]] },
    driver: withWrappedStreams(target.driver, () => decompression(compressionOf)),
  };
}

function decompression(compressionOf: (path: string) => string | null) {
  const running = new Set<Decompressed>();
  return {
    wrap(stream: TargetStream, { path }: RestoredItem): TargetStream {
      const format = FORMATS.get(compressionOf(path) ?? "");
      if (format === undefined) return stream;
      const made = new Decompressed(stream, format, path);
      running.add(made);
      return made;
    },
    dispose: () => running.forEach((stream) => stream.close()),
  };
}

/** A stream that takes compressed bytes. */
class Decompressed implements TargetStream {
  readonly #target: TargetStream;
  readonly #path: string;
  readonly #container: Judge;
  readonly #ready: Uint8Array[] = [];

  constructor(target: TargetStream, format: Format, path: string) {
    this.#target = target;
    this.#path = path;
    this.#container = format.judge(() => ({
      push: (bytes) => void this.#ready.push(bytes.slice()),
      finish: () => ({ format: "none", complete: null, reason: "not judged", notes: [] }),
      dispose: () => {},
    }));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#container.push(bytes.subarray(at, at + PIECE_BYTES));
      for (const piece of this.#ready.splice(0)) await this.#target.write(piece);
    }
  }

  /** Throws `IntegrityError` if the compressed bytes are damaged. */
  async end(): Promise<void> {
    const { complete, reason } = this.#container.finish();
    if (complete !== true) {
      throw new IntegrityError(`"${this.#path}" cannot be decompressed: ${reason}; it was so when it was backed up`);
    }
    await this.#target.end();
  }

  /** Frees its memory. May be called again. */
  close(): void {
    this.#container.dispose();
  }
}
