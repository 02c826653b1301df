/** zstd (RFC 8878): frames of blocks, with skippable frames between them. The headers tell where each frame ends. */
import { SourceError } from "../base/errors.ts";
import { formatSize } from "../base/text/size.ts";
import {
  BLOCK_HEADER_BYTES,
  checksumBytes,
  frameHeaderBytes,
  readBlockHeader,
  ZSTD_MAGIC,
} from "../codec/zstd_frame.ts";
import { CompressedJudge, type Contents } from "./compressed.ts";
import { Decompressor } from "./decompressor.ts";
import type { Format } from "./judge.ts";
import { type Cursor, littleEndian, type Reading, type Walk } from "./walk.ts";

/** The first of sixteen magic numbers that differ in the last four bits. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAX_BLOCK_BYTES = 128 * 1024;
/** How far back a frame may refer. A larger window (`zstd --long=28` and above) would need that much memory. */
const MAX_WINDOW_BYTES = 128 * 2 ** 20;
/** Magic number and descriptor. */
const BEGINNING_BYTES = 5;

export const zstdFormat: Format = {
  name: "zstd",
  recognises,
  judge: (nested) => new CompressedJudge("zstd", Decompressor.zstd(), nested(), walkFrames),
};

/** Skippable frames alone do not identify the format: lz4 has the same. */
function recognises(head: Uint8Array): boolean {
  let offset = 0;
  while (head.length >= offset + 8 && isSkippable(littleEndian(head, offset, 4))) {
    offset += 8 + littleEndian(head, offset + 4, 4);
  }
  return head.length >= offset + 5 && littleEndian(head, offset, 4) === ZSTD_MAGIC && (head[offset + 4]! & 8) === 0;
}

function isSkippable(magic: number): boolean {
  return magic - magic % 16 === SKIPPABLE_MAGIC;
}

function* walkFrames(cursor: Cursor, contents: Contents): Walk {
  let frames = 0;
  for (;;) {
    const offset = cursor.position;
    const magic = (yield { take: 4, what: "a zstd frame", orEnd: frames > 0 }).slice();
    if (magic.length === 0) return `${frames} ${frames === 1 ? "frame is" : "frames are"} whole`;
    const number = littleEndian(magic, 0, 4);
    if (isSkippable(number)) {
      const size = littleEndian(yield { take: 4, what: "a skippable frame" }, 0, 4);
      yield { pass: size, what: "a skippable frame" };
    } else if (number === ZSTD_MAGIC) {
      yield* walkFrame(magic, offset, contents);
      frames++;
    } else {
      throw new SourceError(`no zstd frame begins at byte ${offset}`);
    }
  }
}

function* walkFrame(magic: Uint8Array, offset: number, contents: Contents): Reading<void> {
  const { decompressor, take } = contents;
  const decompress = (piece: Uint8Array) => {
    const used = decompressor.write(piece, take);
    if (used < piece.length) throw new SourceError(`the frame at byte ${offset} ends before its last block`);
    return used;
  };
  decompressor.reset();
  decompress(magic);
  const descriptor = (yield { take: 1, what: "a frame header" })[0]!;
  if (descriptor & 8) throw new SourceError(`the frame at byte ${offset} has a malformed header`);
  decompress(Uint8Array.of(descriptor));
  const rest = yield { take: frameHeaderBytes(descriptor) - BEGINNING_BYTES, what: "a frame header" };
  checkWindow(descriptor, rest, offset);
  decompress(rest);
  yield* walkBlocks(offset, decompress);
  if (checksumBytes(descriptor) > 0) decompress(yield { take: checksumBytes(descriptor), what: "a frame's checksum" });
}

function* walkBlocks(frame: number, decompress: (piece: Uint8Array) => number): Reading<void> {
  for (let last = false; !last;) {
    const header = yield { take: BLOCK_HEADER_BYTES, what: "a block header" };
    const { isLast, isReserved, size, contentBytes } = readBlockHeader(header, 0);
    last = isLast;
    if (isReserved || size > MAX_BLOCK_BYTES) {
      throw new SourceError(`the frame at byte ${frame} has a malformed block`);
    }
    decompress(header);
    yield { pass: contentBytes, what: "compressed data", sink: decompress };
  }
}

function checkWindow(descriptor: number, rest: Uint8Array, offset: number): void {
  const bytes = descriptor & 32 ? singleSegmentBytes(descriptor, rest) : windowBytes(rest[0]!);
  if (bytes <= MAX_WINDOW_BYTES) return;
  throw new SourceError(
    `the frame at byte ${offset} needs a window of ${formatSize(bytes)}, more than ${formatSize(MAX_WINDOW_BYTES)}; ` +
      "use --guard none or a smaller --long",
  );
}

function windowBytes(descriptor: number): number {
  return 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);
}

/** A frame of a single segment has no separate window: its whole content is the window. */
function singleSegmentBytes(descriptor: number, rest: Uint8Array): number {
  const length = [1, 2, 4, 8][descriptor >> 6]!;
  return littleEndian(rest, rest.length - length, length) + (length === 2 ? 256 : 0);
}
