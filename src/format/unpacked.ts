/**
 * The plaintext of index, snapshot and lock files (restic design document, section Unpacked Data Format): JSON, which
 * in version 2 is usually compressed and then marked by its first byte. The caller passes in the compression, and what
 * opening a sealed file takes besides.
 */
import { concatBytes, freeBuffer } from "../base/bytes.ts";
import { IntegrityError } from "../base/errors.ts";
import { mostJsonBytes, SEALED_FILE_LIMITS } from "./bounds.ts";
import type { RepositoryVersion } from "./config.ts";
import { damaged } from "./damage.ts";
import { ByteWriter } from "./json/byte_writer.ts";

/** First byte of a plaintext that continues with zstd frames, mostly one. */
const COMPRESSED = 0x02;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;

/** The plaintext to seal for a JSON text. Version 1 has no compression: there it is `json` itself, not a copy. */
export function wrapUnpacked(
  json: Uint8Array<ArrayBuffer>,
  version: RepositoryVersion,
  compress: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (version === 1) return json;
  const frame = compress(json);
  const plaintext = new Uint8Array(1 + frame.length);
  plaintext[0] = COMPRESSED;
  plaintext.set(frame, 1);
  return plaintext;
}

/** The least text that is compressed together, but for the last. */
const FRAME_TEXT_BYTES = 256 * 1024;

/**
 * The plaintext to seal for a JSON text that is written over time. What is long enough is compressed at once, so that
 * the end of a long text has little left to do and memory holds little of it. The frames lie one behind the other, as
 * zstd allows and restic reads.
 */
export class UnpackedWriter {
  readonly #compress: ((bytes: Uint8Array<ArrayBuffer>) => Uint8Array) | null;
  readonly #parts: Uint8Array[] = [];
  #text = new ByteWriter();

  constructor(version: RepositoryVersion, compress: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array) {
    this.#compress = version === 1 ? null : compress;
    if (version !== 1) this.#parts.push(Uint8Array.of(COMPRESSED));
  }

  /** Appends what `write` writes. */
  append(write: (text: ByteWriter) => void): void {
    write(this.#text);
    if (this.#text.length >= FRAME_TEXT_BYTES) this.#finishPart();
  }

  /** The plaintext of everything. Nothing may be appended afterwards, or after `compress` has thrown. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#text.length > 0) this.#finishPart();
    return concatBytes(this.#parts);
  }

  #finishPart(): void {
    const text = this.#text.finish();
    this.#text = new ByteWriter();
    if (this.#compress === null) this.#parts.push(text);
    else {
      // Copied, since the buffer behind a frame has room for all of the text.
      this.#parts.push(this.#compress(text).slice());
      freeBuffer(text);
    }
  }
}

/**
 * The JSON text of an opened file; without compression, that is `plaintext` itself. Throws an `IntegrityError` that
 * names `what` if the first byte is any other, the plaintext is empty, or `decompress` throws.
 */
export function unwrapUnpacked<Text = Uint8Array<ArrayBuffer>>(
  plaintext: Uint8Array<ArrayBuffer>,
  what: string,
  decompress: (frame: Uint8Array<ArrayBuffer>) => Text,
): Uint8Array<ArrayBuffer> | Text {
  switch (plaintext[0]) {
    case OPEN_OBJECT:
    case OPEN_ARRAY:
      return plaintext;
    case COMPRESSED:
      return decompressOrFail(plaintext.subarray(1), what, decompress);
    case undefined:
      throw damaged(what, "empty");
    default:
      throw damaged(what, `unknown encoding ${plaintext[0]}`);
  }
}

function decompressOrFail<Text>(
  frame: Uint8Array<ArrayBuffer>,
  what: string,
  decompress: (frame: Uint8Array<ArrayBuffer>) => Text,
): Text {
  try {
    return decompress(frame);
  } catch (error) {
    throw damaged(what, "cannot be decompressed", error);
  }
}

/** A sealed file as it was read. */
interface SealedFile {
  readonly kind: keyof typeof SEALED_FILE_LIMITS;
  /** Its name: the SHA-256 of its bytes, in lower-case hex. */
  readonly id: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What opening takes: the functions of those names in `crypto/` and `codec/`. */
interface OpeningTools<Text> {
  readonly sha256Hex: (bytes: Uint8Array) => string;
  readonly sealer: { open(sealed: Uint8Array, what: string): Uint8Array<ArrayBuffer> };
  /** Returns the text, or whatever gives it piece by piece: then it frees the frame. */
  readonly decompress: (
    frame: Uint8Array<ArrayBuffer>,
    expectedLength: undefined,
    maxBytes: number,
    what: string,
  ) => Text;
}

/**
 * The JSON text of a file. Throws `IntegrityError` if its bytes do not match its name, were not sealed under these keys,
 * or claim to be larger than such a file may be. Owns: `bytes` is freed.
 */
export function openSealedFile<Text = Uint8Array<ArrayBuffer>>(
  { kind, id, bytes }: SealedFile,
  { sha256Hex, sealer, decompress }: OpeningTools<Text>,
): Uint8Array<ArrayBuffer> | Text {
  const what = `${kind} ${id}`;
  const limits = SEALED_FILE_LIMITS[kind];
  if (sha256Hex(bytes) !== id) {
    throw new IntegrityError(`Damaged ${what}: its ${bytes.length} bytes do not have the SHA-256 it is named by`);
  }
  const plaintext = sealer.open(bytes, what);
  freeBuffer(bytes);
  const text = unwrapUnpacked(plaintext, what, (frame) => {
    if (frame.length > limits.frameBytes) {
      throw new IntegrityError(`Refusing to unpack ${what}: it has more than ${limits.frameBytes} bytes`);
    }
    return decompress(frame, undefined, mostJsonBytes(limits, frame.length), what);
  });
  if (text instanceof Uint8Array && text.buffer !== plaintext.buffer) freeBuffer(plaintext);
  return text;
}
