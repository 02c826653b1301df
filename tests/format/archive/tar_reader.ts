/** A small reader of tar archives, independent of the writer: it knows ustar, pax and base 256. */
import assert from "node:assert/strict";
import { textOf } from "../codec_checks.ts";

/** A member as its headers describe it. */
interface ReadMember {
  readonly path: Uint8Array;
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds as decimal text. */
  readonly mtime: string;
  readonly linkPath: Uint8Array;
  readonly user: Uint8Array;
  readonly group: Uint8Array;
  readonly deviceMajor: bigint;
  readonly deviceMinor: bigint;
  readonly attributes: readonly (readonly [name: string, value: Uint8Array])[];
  readonly content: Uint8Array;
}

const BLOCK = 512;
const DIGITS = /^[0-7]+[ \0]+$/;

/** The members of an archive, whose end must be whole. */
export function readTar(archive: Uint8Array): ReadMember[] {
  assert.equal(archive.length % (20 * BLOCK), 0, "whole records");
  const members: ReadMember[] = [];
  let at = 0;
  let records = new Map<string, Uint8Array>();
  for (; archive[at] !== 0; at += BLOCK) {
    const block = archive.subarray(at, at + BLOCK);
    assertChecksum(block);
    const size = Number(textOf(records.get("size") ?? new TextEncoder().encode(String(number(block, 124, 12)))));
    const flag = textOf(block.subarray(156, 157));
    const content = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (flag === "x") {
      records = readRecords(content);
    } else {
      members.push(memberOf(block, records, content));
      records = new Map();
    }
    at += Math.ceil(content.length / BLOCK) * BLOCK;
  }
  const end = archive.subarray(at);
  assert.ok(end.length >= 2 * BLOCK && end.every((byte) => byte === 0), "two zero blocks, and nothing behind them");
  return members;
}

/** Whether a program would take these bytes for a whole archive: tar does so if they end between two members. */
export function looksWhole(archive: Uint8Array): boolean {
  let at = 0;
  while (at + BLOCK <= archive.length && archive[at] !== 0) {
    const block = archive.subarray(at, at + BLOCK);
    assertChecksum(block);
    at += BLOCK + Math.ceil(Number(number(block, 124, 12)) / BLOCK) * BLOCK;
  }
  return at === archive.length || archive[at] === 0;
}

/** The member of one header without content, which may be larger than any archive in memory. */
export function readHeader(header: Uint8Array): ReadMember {
  const first = header.subarray(0, BLOCK);
  assertChecksum(first);
  if (textOf(first.subarray(156, 157)) !== "x") return memberOf(first, new Map(), new Uint8Array());
  const records = readRecords(header.subarray(BLOCK, BLOCK + Number(number(first, 124, 12))));
  const last = header.subarray(-BLOCK);
  assertChecksum(last);
  return memberOf(last, records, new Uint8Array());
}

function memberOf(block: Uint8Array, records: Map<string, Uint8Array>, content: Uint8Array): ReadMember {
  const decimal = (keyword: string, at: number, length: number) => {
    const text = records.get(keyword);
    return text === undefined ? String(number(block, at, length)) : textOf(text);
  };
  const bytes = (keyword: string, at: number, length: number) => records.get(keyword) ?? cString(block, at, length);
  assert.equal(textOf(block.subarray(257, 265)), "ustar\u000000");
  return {
    path: bytes("path", 0, 100),
    flag: textOf(block.subarray(156, 157)),
    mode: Number(number(block, 100, 8)),
    uid: Number(decimal("uid", 108, 8)),
    gid: Number(decimal("gid", 116, 8)),
    size: Number(decimal("size", 124, 12)),
    mtime: decimal("mtime", 136, 12),
    linkPath: bytes("linkpath", 157, 100),
    user: bytes("uname", 265, 32),
    group: bytes("gname", 297, 32),
    deviceMajor: block[329] === 0 ? 0n : number(block, 329, 8),
    deviceMinor: block[337] === 0 ? 0n : number(block, 337, 8),
    attributes: [...records].filter(([keyword]) => keyword.startsWith("SCHILY.xattr."))
      .map(([keyword, value]) => [decodeURIComponentOfTar(keyword.slice("SCHILY.xattr.".length)), value] as const),
    content,
  };
}

function decodeURIComponentOfTar(name: string): string {
  return name.replaceAll("%3D", "=").replaceAll("%25", "%");
}

function assertChecksum(block: Uint8Array): void {
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  assert.equal(Number(number(block, 148, 8)), sum, "the checksum");
}

function number(block: Uint8Array, at: number, length: number): bigint {
  const field = block.subarray(at, at + length);
  if (field[0]! & 0x80) {
    return field.reduce((total, byte, i) => total * 256n + BigInt(i === 0 ? byte & 0x7f : byte), 0n);
  }
  const text = String.fromCharCode(...field);
  assert.match(text, DIGITS);
  return BigInt(parseInt(text, 8));
}

function cString(block: Uint8Array, at: number, length: number): Uint8Array {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

function readRecords(bytes: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(textOf(bytes.subarray(at, space)));
    const equals = bytes.indexOf(0x3d, space);
    assert.equal(bytes[at + length - 1], 0x0a, "a record ends with a line feed");
    records.set(textOf(bytes.subarray(space + 1, equals)), bytes.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}
