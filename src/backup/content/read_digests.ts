/** Reads the list of digests of a files backup, line after line. */
import { IntegrityError } from "../../base/errors.ts";
import { StreamDigest } from "../../crypto/digest.ts";
import { comparePaths } from "../../format/byte_string.ts";
import { DigestLines, type NamesInText, type TakenLines } from "../../format/digest_lines.ts";
import { DigestListDecoder, type StoredDigestLine } from "../../format/digest_list.ts";
import type { ManifestTree } from "../../format/manifest/manifest.ts";
import { readStream, type ReadStreamOptions } from "./read_stream.ts";

/** A list is read far ahead of nothing: its lines are compared with a walk that takes its time. */
const BUFFER_BYTES = 12 * 1024 * 1024;

/** How a list is read. `onBytes` gets its bytes piece by piece. */
interface ReadListOptions extends ReadStreamOptions {
  readonly onBytes?: (bytes: Uint8Array) => void;
}

/** The content lists of a list. */
type ListContents = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * The lines of a list, some hundred at a time. `contents` are its content lists, `what` names it in
 * errors. Throws `IntegrityError` for damage.
 */
export async function* readDigestList(
  contents: ListContents,
  what: string,
  options: ReadListOptions,
): AsyncGenerator<StoredDigestLine[]> {
  const decoder = new DigestListDecoder(what);
  for await (const lines of decodedPieces(contents, options, (piece) => decoder.push(piece))) yield* lines;
  decoder.end();
}

/** The same lines as bytes, many whole lines at a time. They are not looked at. */
export async function* readDigestText(
  contents: ListContents,
  what: string,
  options: ReadListOptions,
): AsyncGenerator<Uint8Array> {
  const decoder = new DigestListDecoder(what);
  yield* decodedPieces(contents, options, (piece) => decoder.wholeLines(piece));
  decoder.end();
}

/** What is made of each piece, which is not needed any more then. */
async function* decodedPieces<T>(
  contents: ListContents,
  options: ReadListOptions,
  decode: (piece: Uint8Array) => T,
): AsyncGenerator<T> {
  for await (const { segment, length } of readStream(contents, { ...options, bufferBytes: BUFFER_BYTES })) {
    let decoded: T;
    try {
      const bytes = segment.bytes.subarray(0, length);
      options.onBytes?.(bytes);
      decoded = decode(bytes);
    } finally {
      segment.release();
    }
    yield decoded;
  }
}

/** Digests a list while it is read, to be compared with what its manifest says. */
export class ListDigest {
  readonly #hash = new StreamDigest({ md5: true });
  #size = 0;

  /** Takes the next bytes of the list. */
  readonly take = (bytes: Uint8Array): void => {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  };

  /** After the last byte: how the list differs, as in `has 3 bytes …`; null if it does not. May be called once. */
  difference({ digests }: ManifestTree): string | null {
    const { md5, sha256 } = this.#hash.digest();
    const size = this.#size;
    if (size === digests.size && md5 === digests.md5 && sha256 === digests.sha256) return null;
    return `has ${size} bytes with the MD5 ${md5}; its manifest says ${digests.size}, ${digests.md5}`;
  }
}

/** Looks files up in a list in walk order, so that it is read once and never held. */
export class DigestCursor {
  readonly #texts: AsyncIterator<Uint8Array>;
  readonly #onDamage: (error: IntegrityError) => void;
  readonly #lines: DigestLines;
  #hasEnded = false;

  /**
   * `texts` are those of `readDigestText`, `what` names the list in errors. `onDamage` is called if it cannot be read on;
   * what follows is then unknown.
   */
  constructor(texts: AsyncIterable<Uint8Array>, what: string, onDamage: (error: IntegrityError) => void) {
    this.#texts = texts[Symbol.asyncIterator]();
    this.#onDamage = onDamage;
    this.#lines = new DigestLines(what);
  }

  /** The line of a file; null if the list does not have it. Each path must come after those asked for before. */
  find(path: string): StoredDigestLine | null | Promise<StoredDigestLine | null> {
    try {
      const lines = this.#lines;
      for (let line = lines.current; line !== undefined && !this.#hasEnded; line = lines.current) {
        const order = line.path === path ? 0 : comparePaths(line.path, path);
        if (order > 0) return null;
        lines.goOn();
        if (order === 0) return line;
      }
    } catch (error) {
      this.#end(error);
    }
    return this.#hasEnded ? null : this.#findFurther(path);
  }

  /**
   * The lines of files that follow each other in the list as in `names`, from the one of the number `from` on, as far as
   * they are in memory and no path is escaped. The others, and possibly all of them, are to be found by their paths.
   */
  take(names: NamesInText, from: number): TakenLines {
    return this.#hasEnded ? NOTHING_TAKEN : this.#lines.take(names, from);
  }

  /** Stops reading. */
  async close(): Promise<void> {
    this.#hasEnded = true;
    await this.#texts.return?.();
  }

  async #findFurther(path: string): Promise<StoredDigestLine | null> {
    try {
      const { done, value } = await this.#texts.next();
      if (done) this.#hasEnded = true;
      else this.#lines.push(value);
    } catch (error) {
      this.#end(error);
    }
    return this.find(path);
  }

  /** Throws what is no damage. */
  #end(error: unknown): void {
    if (!(error instanceof IntegrityError)) throw error;
    this.#hasEnded = true;
    this.#onDamage(error);
  }
}

const NOTHING_TAKEN: TakenLines = { bytes: new Uint8Array(0), files: 0 };
