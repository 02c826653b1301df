/**
 * gzip (RFC 1952): one or more members, each a deflate stream between a header and the CRC-32 and length of its
 * content.
 */
import { crc32 } from "node:zlib";
import { SourceError } from "../base/errors.ts";
import { CompressedJudge, type Contents } from "./compressed.ts";
import { Decompressor } from "./decompressor.ts";
import { beginsWith, type Format, leadingZeros } from "./judge.ts";
import { type Cursor, littleEndian, type Reading, type Walk } from "./walk.ts";

/** Two bytes of magic number, and the method "deflate". */
const MAGIC = "\x1f\x8b\x08";
/** Magic number, flags, time, extra flags, operating system. */
const HEADER_BYTES = 10;
const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 };
/**
 * The extra field that marks the members of bgzip. The last member must be empty (SAM specification, "The BGZF
 * format").
 */
const BGZF_EXTRA = "BC\x02\0";

export const gzipFormat: Format = {
  name: "gzip",
  recognises: (head) => beginsWith(head, MAGIC) && head.length > 3 && (head[3]! & FLAG.reserved) === 0,
  judge: (nested) => new CompressedJudge("gzip", Decompressor.deflate(), nested(), walkMembers),
};

function* walkMembers(cursor: Cursor, contents: Contents): Walk {
  let members = 0;
  let blocked = false;
  let lastLength = 0;
  for (;;) {
    const offset = cursor.position;
    const [first] = yield { take: 1, what: "a gzip header", orEnd: members > 0 };
    if (first === undefined) break;
    if (first === 0 && members > 0) {
      yield { pass: Infinity, what: "zero padding", orEnd: true, sink: leadingZeros };
      const more = yield { take: 1, what: "the end", orEnd: true };
      if (more.length === 0) break;
      throw new SourceError(`goes on at byte ${cursor.position - 1} after zero padding`);
    }
    blocked = (yield* walkHeader(first, offset)) || blocked;
    lastLength = yield* walkContent(cursor, contents);
    members++;
  }
  if (blocked && lastLength > 0) throw new SourceError("ends without the empty member that closes a bgzip file");
  return `${members} ${members === 1 ? "member is" : "members are"} whole`;
}

/** Passes a member's header. Returns whether bgzip wrote it. */
function* walkHeader(first: number, offset: number): Reading<boolean> {
  const what = "a gzip header";
  const rest = yield { take: HEADER_BYTES - 1, what };
  const flags = rest[2]!;
  if (first !== MAGIC.charCodeAt(0) || !beginsWith(rest, MAGIC.slice(1)) || (flags & FLAG.reserved) !== 0) {
    throw new SourceError(`no gzip member begins at byte ${offset}`);
  }
  let blocked = false;
  if (flags & FLAG.extra) {
    const length = littleEndian(yield { take: 2, what }, 0, 2);
    blocked = beginsWith(yield { take: length, what }, BGZF_EXTRA);
  }
  if (flags & FLAG.name) yield* passZeroTerminated(what);
  if (flags & FLAG.comment) yield* passZeroTerminated(what);
  if (flags & FLAG.headerCrc) yield { pass: 2, what };
  return blocked;
}

function* passZeroTerminated(what: string): Reading<void> {
  yield { pass: Infinity, what, sink: (piece) => piece.includes(0) ? piece.indexOf(0) : piece.length };
  yield { pass: 1, what };
}

/** Passes a member's content and trailer. Returns the content's length in bytes. */
function* walkContent(cursor: Cursor, { decompressor, take }: Contents): Reading<number> {
  let crc = 0;
  let length = 0;
  const sum = (output: Uint8Array) => {
    crc = crc32(output, crc);
    length += output.length;
    take(output);
  };
  decompressor.reset();
  yield { pass: Infinity, what: "compressed data", sink: (piece) => decompressor.write(piece, sum) };
  const trailer = yield { take: 8, what: "a member's checksum and length" };
  const member = `the member that ends at byte ${cursor.position}`;
  if (littleEndian(trailer, 0, 4) !== crc) throw new SourceError(`${member} has a wrong checksum`);
  if (littleEndian(trailer, 4, 4) !== length % 2 ** 32) throw new SourceError(`${member} has a wrong length`);
  return length;
}
