/** Runs of rows: written, found, merged, and damaged. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import { mergeRuns } from "../../../src/store/sorted/merge_runs.ts";
import { BLOCK_BYTES, KEY_WORDS, ROWS_PER_BLOCK } from "../../../src/store/sorted/row_layout.ts";
import { runBytes } from "../../../src/store/sorted/run_file.ts";
import { type RunPlace, RunReader } from "../../../src/store/sorted/run_reader.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { keyOf, type MadeRow, newPlace, rowOf, writeRun, written } from "./runs.ts";

/** The number of the row with this key; undefined if there is none. */
function numberOf(reader: RunReader, key: readonly number[]): number | undefined {
  const at = reader.find(Uint32Array.from(key), 0);
  return at < 0 ? undefined : reader.words[at + KEY_WORDS];
}

/** Keys of which many share their first words, so that these reach over the borders of blocks. */
const crowdedKeys = fc.array(
  fc.tuple(fc.constantFrom(0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(40), fc.nat(3), fc.nat(1)),
  { minLength: 0, maxLength: 900 },
);

/** The rows by their keys: the first one of each key counts. */
function firstOfEach(rows: readonly MadeRow[]): Map<string, number> {
  const first = new Map<string, number>();
  for (const { key, value } of rows) if (!first.has(key.join())) first.set(key.join(), value[0]!);
  return first;
}

function assertHolds(place: RunPlace, rows: ReadonlyMap<string, number>, asked: readonly (readonly number[])[]): void {
  using reader = RunReader.open(place);
  assert.equal(place.rows, rows.size);
  for (const key of asked) assert.equal(numberOf(reader, key), rows.get(key.join()), `key ${key.join()}`);
}

Deno.test("a run finds what a map finds, however many keys begin with the same word", async () => {
  await using directory = new TestDirectory();
  await fc.assert(
    fc.asyncProperty(crowdedKeys, crowdedKeys, async (keys, others) => {
      const rows = keys.map(rowOf);
      const place = await writeRun(directory.path, rows);
      assertHolds(place, firstOfEach(rows), [...keys, ...others]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("keys with one first word are found in every block that holds them", async () => {
  await using directory = new TestDirectory();
  for (const before of [0, 1, ROWS_PER_BLOCK - 1, ROWS_PER_BLOCK]) {
    const rows = [
      ...Array.from({ length: before }, (_, i) => rowOf(keyOf(5, i), i)),
      ...Array.from({ length: 3 * ROWS_PER_BLOCK + 1 }, (_, i) => rowOf(keyOf(7, i), 1000 + i)),
      rowOf(keyOf(9), 9),
    ];
    const absent = [keyOf(0), keyOf(6), keyOf(7, 5, 1), keyOf(7, 100_000), keyOf(8), keyOf(10)];
    assertHolds(await writeRun(directory.path, rows), firstOfEach(rows), [...rows.map(({ key }) => key), ...absent]);
  }
});

Deno.test("a merge has every key once, with the row of the first run that has it", async () => {
  await using directory = new TestDirectory();
  await fc.assert(
    fc.asyncProperty(fc.array(crowdedKeys, { maxLength: 5 }), async (runs) => {
      const rows = runs.map((keys, run) => keys.map((key, i) => rowOf(key, run * 1000 + i)));
      const places = await Promise.all(rows.map((each) => writeRun(directory.path, each)));
      const merged = await written(newPlace(directory.path), (writer) => mergeRuns(places, writer, undefined));
      assertHolds(merged, firstOfEach(rows.flat()), runs.flat());
    }),
    { numRuns: 30 },
  );
});

Deno.test("a run of many blocks is written and merged piece by piece", async () => {
  await using directory = new TestDirectory();
  const rows = Array.from({ length: 20_000 }, (_, i) => rowOf(keyOf(Math.imul(i, 0x9e3779b1) >>> 0), i));
  const [even, odd] = [rows.filter((_, i) => i % 2 === 0), rows.filter((_, i) => i % 2 === 1)];
  const places = [await writeRun(directory.path, even), await writeRun(directory.path, odd)];
  const merged = await written(newPlace(directory.path), (writer) => mergeRuns(places, writer, undefined));
  assertHolds(merged, firstOfEach(rows), [...rows.map(({ key }) => key), keyOf(1), keyOf(2)]);
  assert.equal((await Deno.stat(merged.path)).size, runBytes(rows.length));
});

Deno.test("a merge ends when it is aborted", async () => {
  await using directory = new TestDirectory();
  const rows = Array.from({ length: 10_000 }, (_, i) => rowOf(keyOf(i), i));
  const place = await writeRun(directory.path, rows);
  const reason = new Error("stopped");
  const merge = written(newPlace(directory.path), (writer) => mergeRuns([place], writer, AbortSignal.abort(reason)));
  await assert.rejects(merge, reason);
});

Deno.test("every flipped byte of a run is noticed before anything wrong is found", async () => {
  await using directory = new TestDirectory();
  const rows = Array.from({ length: 300 }, (_, i) => rowOf(keyOf(i * 1000), i));
  const place = await writeRun(directory.path, rows);
  const whole = await Deno.readFile(place.path);
  for (let at = 0; at < whole.length; at += 61) {
    const flipped = whole.slice();
    flipped[at]! ^= 1 << (at % 8);
    await Deno.writeFile(place.path, flipped);
    const block = Math.floor(at / BLOCK_BYTES);
    if (block >= 3) {
      assert.throws(() => RunReader.open(place), IntegrityError);
      continue;
    }
    using reader = RunReader.open(place);
    const row = block * ROWS_PER_BLOCK + 1;
    assert.throws(() => numberOf(reader, rows[row]!.key), IntegrityError, `byte ${at}`);
    assert.throws(() => numberOf(reader, rows[row]!.key), IntegrityError, "a second look-up trusts the block");
    const other = (row + 2 * ROWS_PER_BLOCK) % 300;
    if (Math.floor(other / ROWS_PER_BLOCK) !== block) assert.equal(numberOf(reader, rows[other]!.key), other);
    await assert.rejects(
      written(newPlace(directory.path), (writer) => mergeRuns([place], writer, undefined)),
      IntegrityError,
    );
  }
});

Deno.test("a run that was cut off or grew is refused", async () => {
  await using directory = new TestDirectory();
  const place = await writeRun(directory.path, Array.from({ length: 300 }, (_, i) => rowOf(keyOf(i), i)));
  const { size } = await Deno.stat(place.path);
  for (const length of [size + 1, size - 1, size - 33, 2 * BLOCK_BYTES, 1, 0]) {
    await Deno.truncate(place.path, length);
    assert.throws(() => RunReader.open(place), IntegrityError, `${length} bytes`);
  }
});

Deno.test("a run that is cut off while it is open is noticed", async () => {
  await using directory = new TestDirectory();
  const place = await writeRun(directory.path, Array.from({ length: 300 }, (_, i) => rowOf(keyOf(i), i)));
  using reader = RunReader.open(place);
  await Deno.truncate(place.path, BLOCK_BYTES + 100);
  assert.equal(numberOf(reader, keyOf(5)), 5);
  assert.throws(() => numberOf(reader, keyOf(200)), IntegrityError);
});

Deno.test("a block of another place, run or secret is refused", async () => {
  await using directory = new TestDirectory();
  const rows = Array.from({ length: 300 }, (_, i) => rowOf(keyOf(i * 1000), i));
  const place = await writeRun(directory.path, rows);
  const whole = await Deno.readFile(place.path);
  const swapped = whole.slice();
  swapped.set(whole.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES), 0);
  await Deno.writeFile(place.path, swapped);
  using reader = RunReader.open(place);
  assert.throws(() => numberOf(reader, rows[1]!.key), IntegrityError);
  const twin = await writeRun(directory.path, rows);
  assert.throws(() => RunReader.open({ ...twin, name: place.name }), IntegrityError);
  assert.throws(() => RunReader.open({ ...twin, secret: new Uint8Array(32) }), IntegrityError);
});

Deno.test("another thread opens a run by its view, and goes on when the file has lost its name", async () => {
  await using directory = new TestDirectory();
  const rows = Array.from({ length: 300 }, (_, i) => rowOf(keyOf(i), i));
  const place = await writeRun(directory.path, rows);
  using reader = RunReader.open(place);
  using other = RunReader.openView(structuredClone(reader.view));
  await Deno.remove(place.path);
  for (const { key, value } of rows) {
    assert.equal(numberOf(other, key), value[0]);
    assert.equal(numberOf(reader, key), value[0]);
  }
  assert.throws(() => RunReader.openView(reader.view), Deno.errors.NotFound);
});
