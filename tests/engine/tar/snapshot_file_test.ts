/** Snapshot files of GNU tar: what is changed in them as they pass. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import { type EditRecord, SnapshotEditor } from "../../../src/engine/tar/snapshot_file.ts";
import { concat } from "../../helpers/world.ts";

interface Directory {
  readonly device: number;
  readonly name: string;
  readonly entries: readonly string[];
}

/** A name of bytes other than NUL, a character a byte. */
const name = fc.uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => latin1(bytes.map((byte) => byte || 1)));
const directory: fc.Arbitrary<Directory> = fc.record({
  device: fc.nat(99_999),
  name,
  entries: fc.array(fc.tuple(fc.constantFrom("Y", "N", "D"), name).map((parts) => parts.join("")), { maxLength: 4 }),
});
const directories = fc.array(directory, { maxLength: 6 });
const cuts = fc.array(fc.nat(400), { maxLength: 8 });

function fileOf(all: readonly Directory[]): Uint8Array<ArrayBuffer> {
  const records = all.map(({ device, name, entries }) => {
    return `0\0${1795920331}\x00999\0${device}\x0042\0${name}\0${entries.map((entry) => `${entry}\0`).join("")}\0\0`;
  });
  return bytesOf(`GNU tar-1.34-2\n1795920331\x00238\0${records.join("")}`);
}

/** Pushes the bytes in pieces that end at the cuts, from memory that changes afterwards. */
function edit(bytes: Uint8Array, cuts: readonly number[], change: EditRecord): Uint8Array {
  const editor = new SnapshotEditor(change);
  const ends = [...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
  const parts = ends.map((end, i) => {
    const piece = bytes.slice(ends[i - 1] ?? 0, end);
    const part = editor.push(piece).slice();
    piece.fill(0x58);
    return part;
  });
  return concat([...parts, editor.finish()]);
}

Deno.test("a snapshot file that is not changed passes byte for byte, however it is cut", () => {
  fc.assert(
    fc.property(directories, cuts, (all, at) => {
      assert.deepEqual(edit(fileOf(all), at, ({ bytes }) => bytes), fileOf(all));
    }),
    { seed: 1 },
  );
});

Deno.test("directories are forgotten by name, and lose their devices, and nothing else", () => {
  fc.assert(
    fc.property(directories, cuts, (all, at) => {
      const forgotten = all[0]?.name;
      const changed = edit(fileOf(all), at, (record) => record.name === forgotten ? null : record.withoutDevice());
      const rest = all.filter(({ name }) => name !== forgotten).map((one) => ({ ...one, device: 0 }));
      assert.deepEqual(changed, fileOf(rest));
    }),
    { seed: 2 },
  );
});

Deno.test("the time of the backup is put back, and nothing before 1970", () => {
  for (const [seconds, expected] of [[10, 1795920321], [2e9, 0]] as const) {
    const editor = new SnapshotEditor(({ bytes }) => bytes, { earlierSeconds: seconds });
    const whole = fileOf([{ device: 5, name: ".", entries: ["Ya"] }]);
    const text = latin1(concat([editor.push(whole), editor.finish()]));
    assert.equal(text, latin1(whole).replace("-2\n1795920331", `-2\n${expected}`));
  }
});

Deno.test("half a snapshot file is refused, wherever it breaks off within a record", () => {
  const whole = fileOf([{ device: 5, name: ".", entries: ["Ya", "Db"] }, { device: 5, name: "./b", entries: [] }]);
  const complete = [fileOf([]), fileOf([{ device: 5, name: ".", entries: ["Ya", "Db"] }]), whole].map(({ length }) =>
    length
  );
  for (let length = 0; length <= whole.length; length++) {
    const work = () => edit(whole.subarray(0, length), [], ({ bytes }) => bytes);
    if (complete.includes(length)) work();
    else assert.throws(work, IntegrityError, `${length} bytes`);
  }
});

Deno.test("what is no snapshot file is refused", () => {
  const texts = [
    "x".repeat(100),
    "GNU tar-1.34-1\n1\x002\0",
    "GNU tar-1.34-2\nx\x002\0",
    "1795920331\n+0 ",
    "\n",
    "GNU tar-1.34-2\n1\x002\x000\x001\x002\x003\x004\0.\0\0X",
  ];
  for (const text of texts) {
    assert.throws(() => edit(bytesOf(text), [], ({ bytes }) => bytes), IntegrityError, text);
  }
});

Deno.test("a record of many entries that comes in small pieces takes no time", () => {
  const entries = Array.from({ length: 100_000 }, (_, i) => `Yfile-${i}`);
  const whole = fileOf([{ device: 5, name: ".", entries }]);
  const at = Array.from({ length: whole.length / 512 }, (_, i) => i * 512);
  assert.deepEqual(edit(whole, at, ({ bytes }) => bytes), whole);
});

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
