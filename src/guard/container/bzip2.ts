/**
 * bzip2: one or more streams, each with a header, blocks that begin with a magic number, and an end mark with a
 * checksum. Neither blocks nor the mark are aligned to bytes, and only decompression tells where a block ends. So a
 * file is judged by its end: the mark, the checksum after it, and only zero bits up to the next byte. Layout: the bzip2
 * manual and "BZIP2: Format Specification" by J. Tsai.
 *
 * pbzip2 and concatenation write many streams. A file that was cut between two of them looks like a whole one.
 */
import { SourceError } from "../../base/errors.ts";
import { beginsWith, type Format, latin1 } from "../judge.ts";
import { type Cursor, type Walk, WalkJudge } from "../walk.ts";
import { Tail } from "../window.ts";

const HEADER = /^BZh[1-9]/;
const HEADER_BYTES = 4;
/** The digits of pi. */
const BLOCK_MAGIC = "\x31\x41\x59\x26\x53\x59";
/** The digits of its square root. */
const END_MAGIC = "\x17\x72\x45\x38\x50\x90";
const MAGIC_BYTES = END_MAGIC.length;
const CHECKSUM_BYTES = 4;
/** With up to seven bits before the mark, the checksum ends within one more byte. */
const END_BYTES = MAGIC_BYTES + CHECKSUM_BYTES + 1;

export const bzip2Format: Format = {
  name: "bzip2",
  recognises: (head) => {
    const magic = latin1(head.subarray(HEADER_BYTES, HEADER_BYTES + MAGIC_BYTES));
    return HEADER.test(latin1(head.subarray(0, HEADER_BYTES))) && (magic === BLOCK_MAGIC || magic === END_MAGIC);
  },
  judge: () => new WalkJudge("bzip2", walkStreams),
};

function* walkStreams(cursor: Cursor): Walk {
  for (let streams = 0;; streams++) {
    const offset = cursor.position;
    const header = yield { take: HEADER_BYTES, what: "a bzip2 header", orEnd: streams > 0 };
    if (header.length === 0) throw new SourceError("there is nothing inside");
    if (!HEADER.test(latin1(header))) throw new SourceError(`no bzip2 stream begins at byte ${offset}`);
    const magic = yield { take: MAGIC_BYTES, what: "a bzip2 header" };
    if (beginsWith(magic, BLOCK_MAGIC)) break;
    if (!beginsWith(magic, END_MAGIC)) throw new SourceError(`no bzip2 stream begins at byte ${offset}`);
    // A stream without blocks. Its end is aligned to bytes.
    yield { pass: CHECKSUM_BYTES, what: "the checksum of an empty stream" };
  }
  const tail = new Tail(END_BYTES);
  yield { pass: Infinity, what: "compressed data", orEnd: true, sink: (piece) => (tail.push(piece), piece.length) };
  if (isEnd(tail.bytes)) return "ends with the mark and checksum of a last stream; its content is not judged";
  throw new SourceError(`ends at byte ${cursor.position} without the mark that ends a bzip2 stream`);
}

/** Whether a stream with the last bytes `tail` ends with the mark, a checksum and less than a byte of zero bits. */
function isEnd(tail: Uint8Array): boolean {
  const bits = Array.from(tail, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const mark = Array.from(END_MAGIC, (character) => character.charCodeAt(0).toString(2).padStart(8, "0")).join("");
  return new RegExp(`${mark}[01]{${8 * CHECKSUM_BYTES}}0{0,7}$`).test(bits);
}
