/**
 * xz: one or more streams, each with a header, blocks, an index of the blocks and a footer. Layout: "The .xz File
 * Format", version 1.2.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { SourceError } from "../../base/errors.ts";
import { beginsWith, type Format, latin1, leadingZeros } from "../judge.ts";
import { type Cursor, littleEndian, type Reading, type Walk, WalkJudge } from "../walk.ts";
import { type Block, isVariableEnd, readVariable, walkBlock } from "./xz_block.ts";

const MAGIC = "\xfd7zXZ\0";
const FOOTER_MAGIC = "YZ";
const CRC_BYTES = 4;
/** Magic number, flags, checksum of the flags. */
const HEADER_BYTES = MAGIC.length + 2 + CRC_BYTES;
/** Checksum, length of the index, flags, magic number. */
const FOOTER_BYTES = CRC_BYTES + 4 + 2 + FOOTER_MAGIC.length;
/** All parts are padded to a multiple of this. */
const ALIGNMENT_BYTES = 4;
/** The first byte of an index, in the place where a block has the length of its header. */
const INDEX_INDICATOR = 0;
/** How many bytes each kind of check over a block's content takes. */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

export const xzFormat: Format = {
  name: "xz",
  recognises: (head) => beginsWith(head, MAGIC),
  judge: () => new WalkJudge("xz", walkStreams),
};

function* walkStreams(cursor: Cursor): Walk {
  let streams = 0;
  let blocks = 0;
  for (;;) {
    if (streams > 0) yield* passPadding(cursor);
    const offset = cursor.position;
    const header = yield { take: HEADER_BYTES, what: "a stream header", orEnd: streams > 0 };
    if (header.length === 0) break;
    blocks += yield* walkStream(cursor, readHeader(header, offset), offset);
    streams++;
  }
  if (blocks === 0) throw new SourceError("there is nothing inside");
  return `${streams} ${streams === 1 ? "stream is" : "streams are"} whole; its content is not judged`;
}

/** Passes the zeros between streams and after the last one. */
function* passPadding(cursor: Cursor): Reading<void> {
  const start = cursor.position;
  yield { pass: Infinity, what: "padding", orEnd: true, sink: leadingZeros };
  if ((cursor.position - start) % ALIGNMENT_BYTES !== 0) {
    throw new SourceError(
      `the padding that ends at byte ${cursor.position} is no multiple of ${ALIGNMENT_BYTES} bytes`,
    );
  }
}

/** The flags of a stream, as text. */
function readHeader(header: Uint8Array, offset: number): string {
  if (!beginsWith(header, MAGIC)) throw new SourceError(`no xz stream begins at byte ${offset}`);
  const flags = header.subarray(MAGIC.length, MAGIC.length + 2);
  if (littleEndian(header, MAGIC.length + 2, CRC_BYTES) !== crc32(flags)) {
    throw new SourceError(`the stream header at byte ${offset} has a wrong checksum`);
  }
  if (flags[0] !== 0 || flags[1]! >= CHECK_BYTES.length) {
    throw new SourceError(`the stream at byte ${offset} has flags that no guard knows; use --guard none`);
  }
  return latin1(flags);
}

/** Passes a stream after its header. Returns the number of blocks. */
function* walkStream(cursor: Cursor, flags: string, offset: number): Reading<number> {
  const blocks = new BlockList();
  const checkBytes = CHECK_BYTES[flags.charCodeAt(1)]!;
  for (;;) {
    const [size] = yield { take: 1, what: "a block or the index" };
    if (size === INDEX_INDICATOR) break;
    blocks.add(yield* walkBlock(cursor, size!, checkBytes));
  }
  const indexBytes = yield* new Index(blocks, offset).walk();
  const footer = yield { take: FOOTER_BYTES, what: "a stream footer" };
  const matches = littleEndian(footer, 0, CRC_BYTES) === crc32(footer.subarray(CRC_BYTES, CRC_BYTES + 6)) &&
    (littleEndian(footer, CRC_BYTES, 4) + 1) * ALIGNMENT_BYTES === indexBytes &&
    latin1(footer.subarray(CRC_BYTES + 4)) === flags + FOOTER_MAGIC;
  if (!matches) throw new SourceError(`the footer of the stream at byte ${offset} does not fit the stream`);
  return blocks.count;
}

/** The lengths of a stream's blocks, as a digest, since their number is unlimited. */
class BlockList {
  readonly #hash = createHash("sha256");
  count = 0;

  add({ unpaddedBytes, contentBytes }: Block): void {
    this.#hash.update(`${unpaddedBytes} ${contentBytes}\n`);
    this.count++;
  }

  /** Whether the other list has the same lengths. May be called only once, since it ends both lists. */
  equals(other: BlockList): boolean {
    return this.#hash.digest().equals(other.#hash.digest());
  }
}

/** The index at the end of a stream. It is compared with the blocks before it. */
class Index {
  readonly #blocks: BlockList;
  readonly #stream: number;
  #crc = crc32(Uint8Array.of(INDEX_INDICATOR));
  #length = 1;

  /** `stream`: where the stream begins. */
  constructor(blocks: BlockList, stream: number) {
    this.#blocks = blocks;
    this.#stream = stream;
  }

  /** Passes the index after its first byte. Returns its length in bytes. */
  *walk(): Reading<number> {
    const count = yield* this.#variable();
    if (count !== this.#blocks.count) {
      throw new SourceError(`the stream at byte ${this.#stream} has ${this.#blocks.count} blocks, its index ${count}`);
    }
    const listed = new BlockList();
    for (let i = 0; i < count; i++) {
      listed.add({ unpaddedBytes: yield* this.#variable(), contentBytes: yield* this.#variable() });
    }
    while (this.#length % ALIGNMENT_BYTES !== 0) {
      if (yield* this.#byte()) throw new SourceError(`the index of the stream at byte ${this.#stream} is malformed`);
    }
    const crc = littleEndian(yield { take: CRC_BYTES, what: "an index" }, 0, CRC_BYTES);
    if (crc !== this.#crc) {
      throw new SourceError(`the index of the stream at byte ${this.#stream} has a wrong checksum`);
    }
    if (!listed.equals(this.#blocks)) {
      throw new SourceError(`the index of the stream at byte ${this.#stream} lists other blocks than there are`);
    }
    return this.#length + CRC_BYTES;
  }

  *#byte(): Reading<number> {
    const byte = yield { take: 1, what: "an index" };
    this.#crc = crc32(byte, this.#crc);
    this.#length++;
    return byte[0]!;
  }

  *#variable(): Reading<number> {
    const bytes: number[] = [];
    do bytes.push(yield* this.#byte()); while (!isVariableEnd(bytes));
    return readVariable(Uint8Array.from(bytes), 0).value;
  }
}
