/**
 * Redis dumps (RDB), of Redis and Valkey: a magic with the version, records that are not looked at, the opcode that ends a
 * dump, and the CRC-64 of everything before. Layout: Redis's `rdb.c` (`rdbSaveRio`), Valkey's for its own magic.
 *
 * `redis-cli --rdb -` appends the mark by which a replication stream ends: 40 hexadecimal digits that servers pass over.
 */
import { SourceError } from "../../base/errors.ts";
import { type Format, latin1 } from "../judge.ts";
import { type Cursor, type Walk, WalkJudge } from "../walk.ts";
import { Crc64, CRC64_JONES } from "./crc64.ts";
import { HeldBack } from "./held_back.ts";

const MAGIC = /^(?:REDIS(\d{4})|VALKEY(\d{3}))/;
const MAGIC_BYTES = 9;
/** The first version with a checksum, of Redis 2.6. */
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

/** Why the dump is whole whose last bytes are `end`; `crc` has had all bytes before them. */
function judgeEnd(end: Uint8Array, crc: Crc64, { version, length }: { version: number; length: number }): string {
  const marked = endsWithMark(end) ? end.length - MARK_BYTES : 0;
  crc.push(end.subarray(0, Math.max(0, marked - CHECKSUM_BYTES)));
  if (isClosed(end.subarray(0, marked), crc)) {
    return `version ${version}, ends with its checksum and the mark of a replication stream`;
  }
  const closing = Math.max(0, end.length - CHECKSUM_BYTES);
  crc.push(end.subarray(Math.max(0, marked - CHECKSUM_BYTES), closing));
  if (isClosed(end, crc)) return `version ${version}, ends with its checksum`;
  if (end[closing - 1] === END_OPCODE && end.subarray(closing).every((byte) => byte === 0)) {
    return `version ${version}, ends like a dump without a checksum (rdbchecksum no): its content is not judged`;
  }
  throw new SourceError(
    `ends at byte ${length} without the checksum that closes a dump; an append-only file that only begins like one needs ` +
      "--guard none",
  );
}

function endsWithMark(end: Uint8Array): boolean {
  return /^[0-9a-f]{40}$/.test(latin1(end.subarray(-MARK_BYTES)));
}

/** Whether `end` closes a dump: the opcode, then the checksum over everything before that. */
function isClosed(end: Uint8Array, crc: Crc64): boolean {
  if (end.length <= CHECKSUM_BYTES || end[end.length - CHECKSUM_BYTES - 1] !== END_OPCODE) return false;
  const expected = crc.digest();
  return end.subarray(-CHECKSUM_BYTES).every((byte, i) => byte === expected[i]);
}
