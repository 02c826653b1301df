/**
 * Redis dumps (RDB) of Redis and Valkey: a magic number with the version, records that are not examined, the opcode
 * that ends a dump, and the CRC-64 of everything before. Layout: Redis's `rdb.c` (`rdbSaveRio`), and Valkey's for its
 * own magic number.
 *
 * `redis-cli --rdb -` appends the mark at the end of a replication stream: 40 hexadecimal digits, which servers ignore.
 */
import { SourceError } from "../../base/errors.ts";
import { type Format, latin1, leadingZeros } from "../judge.ts";
import { type Cursor, type Walk, WalkJudge } from "../walk.ts";
import { Crc64, CRC64_JONES } from "./crc64.ts";
import { HeldBack } from "./held_back.ts";

const MAGIC = /^(?:REDIS(\d{4})|VALKEY(\d{3}))/;
const MAGIC_BYTES = 9;
/** The first version with a checksum, from Redis 2.6. */
const FIRST_CHECKED_VERSION = 5;
const END_OPCODE = 0xff;
const CHECKSUM_BYTES = 8;
const MARK_BYTES = 40;

export const redisFormat: Format = {
  name: "redis-rdb",
  recognises: (head) => MAGIC.test(latin1(head.subarray(0, MAGIC_BYTES))),
  judge: () => new WalkJudge("redis-rdb", walkDump),
};

function* walkDump(cursor: Cursor): Walk {
  const header = yield { take: MAGIC_BYTES, what: "the header" };
  const version = versionOf(header);
  const crc = new Crc64(CRC64_JONES);
  crc.push(header);
  const end = new HeldBack(1 + CHECKSUM_BYTES + MARK_BYTES, (bytes) => crc.push(bytes));
  const sink = (piece: Uint8Array) => (end.push(piece), piece.length);
  yield { pass: Infinity, what: "records", orEnd: true, sink };
  return judgeEnd(end.bytes, crc, { version, length: cursor.position });
}

function versionOf(header: Uint8Array): number {
  const [, redis, valkey] = MAGIC.exec(latin1(header)) ?? [];
  const version = redis ?? valkey;
  if (version === undefined) throw new SourceError("does not begin like a Redis dump");
  if (Number(version) < FIRST_CHECKED_VERSION) {
    throw new SourceError(`is of version ${Number(version)}, which has no checksum to judge by; use --guard none`);
  }
  return Number(version);
}

/** How a dump is closed; `null` if it is not. */
type Closing = "checksum" | "zeros" | null;

/**
 * Why a dump that ends with `end` is whole; `crc` has seen all bytes before `end`. Throws `SourceError` if it is not
 * whole.
 */
function judgeEnd(end: Uint8Array, crc: Crc64, { version, length }: { version: number; length: number }): string {
  const unmarked = endsWithMark(end) ? end.subarray(0, -MARK_BYTES) : end.subarray(0, 0);
  const summed = Math.max(0, unmarked.length - CHECKSUM_BYTES);
  crc.push(unmarked.subarray(0, summed));
  const beforeMark = closingOf(unmarked, crc);
  crc.push(end.subarray(summed, Math.max(summed, end.length - CHECKSUM_BYTES)));
  const closing = beforeMark ?? closingOf(end, crc);
  if (closing === null) {
    throw new SourceError(
      `ends at byte ${length} without the checksum that closes a dump; an append-only file that only begins like one ` +
        "needs --guard none",
    );
  }
  const mark = beforeMark === null ? "" : " and the mark of a replication stream";
  return closing === "checksum"
    ? `version ${version}, ends with its checksum${mark}`
    : `version ${version}, ends like a dump without a checksum (rdbchecksum no)${mark}; its content is not judged`;
}

function endsWithMark(end: Uint8Array): boolean {
  return /^[0-9a-f]{40}$/.test(latin1(end.subarray(-MARK_BYTES)));
}

/**
 * How `end` closes a dump: the opcode is followed by the checksum over everything before, or by zeros if there is none.
 */
function closingOf(end: Uint8Array, crc: Crc64): Closing {
  if (end.length <= CHECKSUM_BYTES || end[end.length - CHECKSUM_BYTES - 1] !== END_OPCODE) return null;
  const checksum = end.subarray(-CHECKSUM_BYTES);
  const expected = crc.digest();
  if (checksum.every((byte, i) => byte === expected[i])) return "checksum";
  return leadingZeros(checksum) === CHECKSUM_BYTES ? "zeros" : null;
}
