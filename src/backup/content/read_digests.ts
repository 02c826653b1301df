/** Reads the list of digests of a files backup, line after line. */
import { IntegrityError } from "../../base/errors.ts";
import { StreamDigest } from "../../crypto/digest.ts";
import { comparePaths } from "../../format/byte_string.ts";
import { type DigestLine, DigestListDecoder, type FileDigests } from "../../format/digest_list.ts";
import type { ManifestTree } from "../../format/manifest/manifest.ts";
import { readStream, type ReadStreamOptions } from "./read_stream.ts";

/** A list is read far ahead of nothing: its lines are compared with a walk that takes its time. */
const BUFFER_BYTES = 12 * 1024 * 1024;

/**
 * The lines of a list, as many at a time as were read together. `contents` are its content lists, `what` names it in
 * errors; `onBytes` gets its bytes piece by piece. Throws `IntegrityError` for damage.
 */
export async function* readDigestList(
  contents: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  what: string,
  options: ReadStreamOptions & { readonly onBytes?: (bytes: Uint8Array) => void },
): AsyncGenerator<DigestLine[]> {
  const decoder = new DigestListDecoder(what);
  for await (const { segment, length } of readStream(contents, { ...options, bufferBytes: BUFFER_BYTES })) {
    let lines: DigestLine[];
    try {
      const bytes = segment.bytes.subarray(0, length);
      options.onBytes?.(bytes);
      lines = [...decoder.push(bytes)];
    } finally {
      segment.release();
    }
    yield lines;
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
  readonly #batches: AsyncIterator<DigestLine[]>;
  readonly #onDamage: (error: IntegrityError) => void;
  #lines: readonly DigestLine[] = [];
  #at = 0;
  #hasEnded = false;

  /** `onDamage` is called if the list cannot be read on; what follows is then unknown. */
  constructor(batches: AsyncIterable<DigestLine[]>, onDamage: (error: IntegrityError) => void) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.#onDamage = onDamage;
  }

  /** The digests of a file; null if the list does not have it. Each path must come after those asked for before. */
  find(path: string): FileDigests | null | Promise<FileDigests | null> {
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!;
      const order = comparePaths(line.path, path);
      if (order >= 0) return order === 0 ? line : null;
    }
    return this.#hasEnded ? null : this.#findFurther(path);
  }

  /** Stops reading. */
  async close(): Promise<void> {
    this.#hasEnded = true;
    this.#lines = [];
    await this.#batches.return?.();
  }

  async #findFurther(path: string): Promise<FileDigests | null> {
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
