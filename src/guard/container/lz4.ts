/**
 * lz4 frames. Each consists of a header with a checksum, blocks with their lengths, and an end mark. Skippable frames
 * may lie between them. Layout: "LZ4 Frame Format Description", version 1.6. The content is not decompressed, so its
 * checksum is skipped.
 *
 * The legacy frame of the first lz4 tools is not recognised: it has no end mark, so nothing tells whether it is whole.
 */
import { SourceError } from "../../base/errors.ts";
import type { Format } from "../judge.ts";
import { type Cursor, littleEndian, type Reading, type Walk, WalkJudge } from "../walk.ts";
import { XxHash32 } from "./xxhash32.ts";

const MAGIC = 0x184d2204;
/** The first of sixteen magic numbers that differ in the last four bits. zstd uses the same sixteen. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const FLAG = { reserved: 2, dictionary: 1, contentChecksum: 4, contentSize: 8, blockChecksum: 16 };
const VERSION = 1;
/**
 * The bits of a header's second byte that must be 0. The other bits are a code for the size that a block may have: 4
 * means 64 KiB at most, and 7 means 4 MiB.
 */
const RESERVED_BITS = 0x8f;
const SMALLEST_BLOCK_CODE = 4;
const UNCOMPRESSED_BIT = 2 ** 31;
const CHECKSUM_BYTES = 4;

export const lz4Format: Format = {
  name: "lz4",
  recognises,
  judge: () => new WalkJudge("lz4", walkFrames),
};

/** Skippable frames alone do not identify the format. */
function recognises(head: Uint8Array): boolean {
  let offset = 0;
  while (head.length >= offset + 8 && isSkippable(littleEndian(head, offset, 4))) {
    offset += 8 + littleEndian(head, offset + 4, 4);
  }
  return head.length >= offset + 6 && littleEndian(head, offset, 4) === MAGIC &&
    isDescriptor(head[offset + 4]!, head[offset + 5]!);
}

function isSkippable(magic: number): boolean {
  return magic - magic % 16 === SKIPPABLE_MAGIC;
}

function isDescriptor(flags: number, sizes: number): boolean {
  return flags >> 6 === VERSION && (flags & FLAG.reserved) === 0 && (sizes & RESERVED_BITS) === 0 &&
    sizes >> 4 >= SMALLEST_BLOCK_CODE;
}

function* walkFrames(cursor: Cursor): Walk {
  let frames = 0;
  let blocks = 0;
  for (;;) {
    const offset = cursor.position;
    const magic = yield { take: 4, what: "an lz4 frame", orEnd: frames > 0 };
    if (magic.length === 0) break;
    const number = littleEndian(magic, 0, 4);
    if (isSkippable(number)) {
      const size = littleEndian(yield { take: 4, what: "a skippable frame" }, 0, 4);
      yield { pass: size, what: "a skippable frame" };
    } else if (number === MAGIC) {
      blocks += yield* walkFrame(offset);
      frames++;
    } else {
      throw new SourceError(`no lz4 frame begins at byte ${offset}`);
    }
  }
  if (blocks === 0) throw new SourceError("there is nothing inside");
  return `${frames} ${frames === 1 ? "frame is" : "frames are"} whole; its content is not judged`;
}

/** Reads the rest of a frame whose magic number has been read. Returns the number of its blocks. */
function* walkFrame(offset: number): Reading<number> {
  const what = "a frame header";
  const descriptor = (yield { take: 2, what }).slice();
  const [flags, sizes] = descriptor as unknown as [number, number];
  if (!isDescriptor(flags, sizes)) throw new SourceError(`the frame at byte ${offset} has a malformed header`);
  const restBytes = (flags & FLAG.contentSize ? 8 : 0) + (flags & FLAG.dictionary ? 4 : 0);
  const rest = yield { take: restBytes + 1, what };
  const hash = new XxHash32();
  hash.push(descriptor);
  hash.push(rest.subarray(0, restBytes));
  if (((hash.digest() >>> 8) & 0xff) !== rest[restBytes]) {
    throw new SourceError(`the header of the frame at byte ${offset} has a wrong checksum`);
  }
  const blocks = yield* walkBlocks(offset, 4 ** (sizes >> 4) * 256, (flags & FLAG.blockChecksum) !== 0);
  if (flags & FLAG.contentChecksum) yield { pass: CHECKSUM_BYTES, what: "a frame's checksum" };
  return blocks;
}

function* walkBlocks(frame: number, maxBytes: number, withChecksums: boolean): Reading<number> {
  for (let blocks = 0;; blocks++) {
    const header = littleEndian(yield { take: 4, what: "a block or the mark that ends a frame" }, 0, 4);
    if (header === 0) return blocks;
    const size = header % UNCOMPRESSED_BIT;
    if (size === 0 || size > maxBytes) throw new SourceError(`the frame at byte ${frame} has a malformed block`);
    const what = "compressed data";
    if (!withChecksums) {
      yield { pass: size, what };
      continue;
    }
    const hash = new XxHash32();
    yield { pass: size, what, sink: (piece) => (hash.push(piece), piece.length) };
    if (littleEndian(yield { take: CHECKSUM_BYTES, what: "a block's checksum" }, 0, CHECKSUM_BYTES) !== hash.digest()) {
      throw new SourceError(`a block of the frame at byte ${frame} has a wrong checksum`);
    }
  }
}
