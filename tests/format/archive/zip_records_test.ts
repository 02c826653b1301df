import assert from "node:assert/strict";
import fc from "fast-check";
import type { ArchiveMember } from "../../../src/format/archive/member.ts";
import {
  zipCentralHeader,
  type ZipContent,
  zipDescriptor,
  zipEnd,
  zipLocalHeader,
  ZipMethod,
} from "../../../src/format/archive/zip_records.ts";
import { formatNanoseconds, type Rfc3339, timestampToNanoseconds } from "../../../src/format/time.ts";
import { unixPermissions } from "../../../src/format/tree/file_mode.ts";
import { isNodeName, makeNode } from "../../../src/format/tree/node.ts";
import { node, text } from "../arbitraries.ts";
import { checkProperty } from "../codec_checks.ts";
import { readCentralHeader } from "./zip_reader.ts";

const TYPES = { file: 0o100000, dir: 0o040000, symlink: 0o120000 } as const;
type ZipType = keyof typeof TYPES;

const size = fc.oneof(fc.nat(2 ** 31), fc.bigInt(2n ** 32n - 3n, 2n ** 32n + 3n).map(Number), fc.maxSafeNat());
const content: fc.Arbitrary<ZipContent> = fc.record({
  method: fc.constantFrom(ZipMethod.stored, ZipMethod.deflated),
  crc32: fc.nat({ max: 2 ** 32 - 1 }),
  size,
  storedBytes: size,
});
const member: fc.Arbitrary<ArchiveMember> = fc.tuple(
  fc.array(text.filter(isNodeName), { minLength: 1, maxLength: 3 }),
  node,
  fc.constantFrom<ZipType>("file", "dir", "symlink"),
).map(([names, node, type]) => ({ path: names.join("/"), node: { ...node, type }, linkTo: null }));

Deno.test("any member comes back from the central directory", () => {
  checkProperty(
    fc.property(member, content, size, fc.boolean(), (member, content, offset, hasDescriptor) => {
      const bytes = zipCentralHeader(member, content, { offset, hasDescriptor });
      const { entry, next } = readCentralHeader(bytes, 0);
      const { path, node } = member;
      assert.equal(next, bytes.length);
      assert.equal(entry.name, node.type === "dir" ? `${path}/` : path);
      assert.equal(entry.flags, hasDescriptor ? 0x808 : 0x800, "UTF-8, and a descriptor if there is one");
      assert.deepEqual([entry.size, entry.storedBytes, entry.offset], [content.size, content.storedBytes, offset]);
      assert.deepEqual([entry.method, entry.crc32], [content.method, content.crc32]);
      assert.deepEqual([entry.uid, entry.gid], [node.uid, node.gid]);
      assert.equal(entry.unixMode, TYPES[node.type as ZipType] | unixPermissions(node.mode));
      assert.equal(entry.isDosDirectory, node.type === "dir");
      const seconds = Number(floorDivide(timestampToNanoseconds(node.mtime), 10n ** 9n));
      assert.equal(entry.seconds, seconds === (seconds | 0) ? seconds : undefined);
    }),
    500,
  );
});

function floorDivide(a: bigint, b: bigint): bigint {
  return a < 0n && a % b !== 0n ? a / b - 1n : a / b;
}

const at = (mtime: Rfc3339): ArchiveMember => ({
  path: "f",
  node: makeNode({ name: "f", type: "file", mode: 0o644, mtime }),
  linkTo: null,
});
const EMPTY: ZipContent = { method: ZipMethod.stored, crc32: 0, size: 0, storedBytes: 0 };

Deno.test("the old field of the time is in UTC, and at its border where it cannot be right", () => {
  const dosTime = (text: string) => {
    const bytes = zipCentralHeader(at(text as Rfc3339), EMPTY, { offset: 0, hasDescriptor: false });
    const { dosTime } = readCentralHeader(bytes, 0).entry;
    const [date, time] = [dosTime >>> 16, dosTime & 0xffff];
    return [(date >> 9) + 1980, date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2];
  };
  assert.deepEqual(dosTime("2026-11-29T13:14:15.9+02:00"), [2026, 11, 29, 11, 14, 14]);
  assert.deepEqual(dosTime("1969-12-31T23:59:59Z"), [1980, 1, 1, 0, 0, 0]);
  assert.deepEqual(dosTime("2108-01-01T00:00:00Z").slice(0, 3), [2107, 12, 31]);
});

Deno.test("a content of 4 GiB, or almost, has sizes of eight bytes in its descriptor and says so before it", () => {
  for (const [size, isLong] of [[0, false], [4_000_000_000, false], [2 ** 32 - 1, true], [2 ** 40, true]] as const) {
    const header = zipLocalHeader(at(formatNanoseconds(0n)), { size });
    const view = new DataView(header.buffer);
    assert.equal(view.getUint16(4, true), isLong ? 45 : 20);
    assert.equal(view.getUint32(22, true), isLong ? 0xffff_ffff : 0);
    const descriptor = zipDescriptor({ method: ZipMethod.deflated, crc32: 7, size, storedBytes: size });
    assert.equal(descriptor.length, isLong ? 24 : 16);
    const sizes = new DataView(descriptor.buffer);
    const read = isLong ? Number(sizes.getBigUint64(16, true)) : sizes.getUint32(12, true);
    assert.equal(read, size);
  }
});

Deno.test("the end has eight bytes for each number as soon as one does not fit", () => {
  assert.equal(zipEnd({ entries: 65_534, offset: 2 ** 32 - 2, bytes: 100 }).length, 22);
  for (
    const directory of [
      { entries: 65_535, offset: 10, bytes: 100 },
      { entries: 1, offset: 2 ** 32 - 1, bytes: 100 },
      { entries: 70_000, offset: 2 ** 40, bytes: 2 ** 33 },
    ]
  ) {
    const end = zipEnd(directory);
    assert.equal(end.length, 56 + 20 + 22);
    const view = new DataView(end.buffer);
    const { entries, offset, bytes } = directory;
    assert.deepEqual(
      [24, 32, 40, 48].map((at) => Number(view.getBigUint64(at, true))),
      [entries, entries, bytes, offset],
    );
    assert.equal(Number(view.getBigUint64(56 + 8, true)), offset + bytes, "the locator finds it");
    assert.equal(view.getUint32(56 + 20 + 16, true), Math.min(offset, 0xffff_ffff));
  }
});
