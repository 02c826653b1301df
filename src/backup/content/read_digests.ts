/** Reads the list of digests of a files backup, line after line. */
import { IntegrityError } from "../../base/errors.ts";
import { StreamDigest } from "../../crypto/digest.ts";
import { comparePaths } from "../../format/byte_string.ts";
import { DigestListDecoder, type StoredDigestLine } from "../../format/digest_list.ts";
import type { ManifestTree } from "../../format/manifest/manifest.ts";
import { readStream, type ReadStreamOptions } from "./read_stream.ts";

/** A list is read far ahead of nothing: its lines are compared with a walk that takes its time. */
const BUFFER_BYTES = 12 * 1024 * 1024;

/**
 * The lines of a list, some hundred at a time. `contents` are its content lists, `what` names it in
 * errors; `onBytes` gets its bytes piece by piece. Throws `IntegrityError` for damage.
 */
export async function* readDigestList(
  contents: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  what: string,
  options: ReadStreamOptions & { readonly onBytes?: (bytes: Uint8Array) => void },
): AsyncGenerator<StoredDigestLine[]> {
  const decoder = new DigestListDecoder(what);
  for await (const { segment, length } of readStream(contents, { ...options, bufferBytes: BUFFER_BYTES })) {
    let lines: Iterable<StoredDigestLine[]>;
    try {
      const bytes = segment.bytes.subarray(0, length);
      options.onBytes?.(bytes);
      lines = decoder.push(bytes);
    } finally {
      segment.release();
    }
    yield* lines;
  }
  decoder.end();
}

/** Digests a list while it is read, to be compared with what its manifest says. */
export class ListDigest {
  readonly #hash = new StreamDigest();
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
  readonly #batches: AsyncIterator<StoredDigestLine[]>;
  readonly #onDamage: (error: IntegrityError) => void;
  #lines: readonly StoredDigestLine[] = [];
  #at = 0;
  #hasEnded = false;

  /** `onDamage` is called if the list cannot be read on; what follows is then unknown. */
  constructor(batches: AsyncIterable<StoredDigestLine[]>, onDamage: (error: IntegrityError) => void) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.#onDamage = onDamage;
  }

  /** The line of a file; null if the list does not have it. Each path must come after those asked for before. */
  find(path: string): StoredDigestLine | null | Promise<StoredDigestLine | null> {
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!;
      if (line.path === path) return line;
      if (comparePaths(line.path, path) > 0) return null;
    }
    return this.#hasEnded ? null : this.#findFurther(path);
  }

  /** Stops reading. */
  async close(): Promise<void> {
    this.#hasEnded = true;
    this.#lines = [];
    await this.#batches.return?.();
  }

  async #findFurther(path: string): Promise<StoredDigestLine | null> {
    try {
      const { done, value } = await this.#batches.next();
      this.#hasEnded ||= done === true;
      this.#lines = done ? [] : value;
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      this.#hasEnded = true;
      this.#lines = [];
      this.#onDamage(error);
    }
    this.#at = 0;
    return this.find(path);
  }
}
