/** A small reader of zip archives, independent of the writer: it begins at the end, as programs do. */
import assert from "node:assert/strict";
import { crc32 as crc32Of, inflateRawSync } from "node:zlib";
import { textOf } from "../codec_checks.ts";

/** A member as the central directory describes it. */
interface ReadEntry {
  readonly name: string;
  readonly method: number;
  readonly crc32: number;
  readonly storedBytes: number;
  readonly size: number;
  readonly offset: number;
  readonly unixMode: number;
  readonly isDosDirectory: boolean;
  readonly dosTime: number;
  /** Seconds since 1970; undefined if the entry has none. */
  readonly seconds: number | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly flags: number;
}

/** One entry of a central directory, and where the next begins. */
export function readCentralHeader(bytes: Uint8Array, at: number): { entry: ReadEntry; next: number } {
  const view = viewOf(bytes);
  assert.equal(view.getUint32(at, true), 0x02014b50);
  assert.equal(bytes[at + 5], 3, "made by Unix");
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const extra = readExtra(bytes.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes));
  const large = extra.get(0x0001);
  let taken = 0;
  const long = (short: number) => {
    if (short !== 0xffff_ffff) return short;
    taken += 8;
    return Number(viewOf(large!).getBigUint64(taken - 8, true));
  };
  const size = long(view.getUint32(at + 24, true));
  const storedBytes = long(view.getUint32(at + 20, true));
  const offset = long(view.getUint32(at + 42, true));
  assert.equal(taken, large?.length ?? 0, "zip64 holds what does not fit, and nothing else");
  const attributes = view.getUint32(at + 38, true);
  const time = extra.get(0x5455);
  const owner = viewOf(extra.get(0x7875)!);
  const entry = {
    name: textOf(bytes.subarray(at + 46, at + 46 + nameBytes)),
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    dosTime: view.getUint32(at + 12, true),
    crc32: view.getUint32(at + 16, true),
    storedBytes,
    size,
    offset,
    unixMode: attributes >>> 16,
    isDosDirectory: (attributes & 0x10) !== 0,
    seconds: time === undefined ? undefined : viewOf(time).getInt32(1, true),
    uid: owner.getUint32(2, true),
    gid: owner.getUint32(7, true),
  };
  return { entry, next: at + 46 + nameBytes + extraBytes };
}

/** The members of an archive and their contents. Local headers and descriptors must say the same as the directory. */
export function readZip(archive: Uint8Array): (ReadEntry & { readonly content: Uint8Array })[] {
  const view = viewOf(archive);
  const end = archive.length - 22;
  assert.equal(view.getUint32(end, true), 0x06054b50);
  let at = view.getUint32(end + 16, true);
  const count = view.getUint16(end + 10, true);
  const entries = [];
  for (let i = 0; i < count; i++) {
    const { entry, next } = readCentralHeader(archive, at);
    entries.push({ ...entry, content: contentOf(archive, entry) });
    at = next;
  }
  assert.equal(at, end);
  return entries;
}

function contentOf(archive: Uint8Array, entry: ReadEntry): Uint8Array {
  const { offset, storedBytes, size, method, crc32, flags, name } = entry;
  const view = viewOf(archive);
  assert.equal(view.getUint32(offset, true), 0x04034b50);
  assert.equal(view.getUint16(offset + 6, true), flags);
  assert.equal(view.getUint16(offset + 8, true), method);
  const nameBytes = view.getUint16(offset + 26, true);
  assert.equal(textOf(archive.subarray(offset + 30, offset + 30 + nameBytes)), name);
  const from = offset + 30 + nameBytes + view.getUint16(offset + 28, true);
  const stored = archive.subarray(from, from + storedBytes);
  const facts = flags & 8
    ? [view.getUint32(from + storedBytes + 4, true), view.getUint32(from + storedBytes + 12, true)]
    : [view.getUint32(offset + 14, true), view.getUint32(offset + 22, true)];
  assert.deepEqual(facts, [crc32, size], `what stands beside ${name} is what the directory says`);
  const content = method === 0 ? stored : new Uint8Array(inflateRawSync(stored));
  assert.deepEqual([crc32Of(content), content.length], [crc32, size], name);
  return content;
}

function readExtra(bytes: Uint8Array): Map<number, Uint8Array> {
  const fields = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint16(at + 2, true);
    fields.set(view.getUint16(at, true), bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
