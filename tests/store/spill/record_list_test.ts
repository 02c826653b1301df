/** Records come back as they were added, whether they stay in memory or spill. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { AgentError } from "../../../src/base/errors.ts";
import { RecordList } from "../../../src/store/spill/record_list.ts";
import { Spill, type SpillLimits } from "../../../src/store/spill/spill.ts";
import { checkProperty } from "../../format/codec_checks.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { preparedSpill, spillPlace, TINY_SPILL } from "./spills.ts";

const SHAPES = [
  { make: (count: number) => new Int32Array(count), fields: 8, segmentRecords: 64 },
  { make: (count: number) => new Int32Array(count), fields: 5, segmentRecords: 64 },
  { make: (count: number) => new Uint32Array(count), fields: 1, segmentRecords: 16 },
  { make: (count: number) => new Uint16Array(count), fields: 3, segmentRecords: 32 },
] as const;

type Fields = Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
type AnyList = RecordList<Fields>;

function listsOf(spill?: Spill): AnyList[] {
  return SHAPES.map(({ make, ...shape }) =>
    new RecordList<Fields>({ ...shape, make: (count): Fields => make(count) }, spill)
  );
}

/** The numbers of a record; all differ. */
function numbersOf(list: number, record: number): number[] {
  return Array.from({ length: SHAPES[list]!.fields }, (_, field) => (record * 8 + field) % 65_521);
}

function addTo(lists: readonly AnyList[], at: number): void {
  const list = lists[at]!;
  const numbers = numbersOf(at, list.size);
  const where = list.add();
  list.view.set(numbers, where);
}

function readFrom(list: AnyList, record: number, fields: number): number[] {
  const at = list.seek(record);
  return [...list.view.subarray(at, at + fields)];
}

const limits = fc.record({
  memoryBytes: fc.nat(4000),
  mostSegmentRecords: fc.constantFrom(1, 2, 8, 32),
  blockBytes: fc.constantFrom(1, 16, 32, 100, 4096),
}, { noNullPrototype: true });
/** Which list is added to, or read at which place, from the first to the last record. */
const steps = fc.array(
  fc.record({
    list: fc.nat(SHAPES.length - 1),
    adds: fc.nat(40),
    reads: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 8 }),
  }),
  { maxLength: 40 },
);

Deno.test("several lists that share a spill hold what lists in memory hold", async () => {
  await using directory = new TestDirectory();
  await fc.assert(
    fc.asyncProperty(limits, steps, async (limits: SpillLimits, steps) => {
      using spill = await preparedSpill(directory.path, limits);
      const lists = listsOf(spill);
      for (const { list, adds, reads } of steps) {
        for (let i = 0; i < adds; i++) addTo(lists, list);
        for (const read of reads) {
          const record = Math.floor(read * lists[list]!.size);
          if (lists[list]!.size === 0) continue;
          assert.deepEqual(readFrom(lists[list]!, record, SHAPES[list]!.fields), numbersOf(list, record));
        }
      }
      for (const [i, list] of lists.entries()) {
        for (let record = 0; record < list.size; record++) {
          assert.deepEqual(readFrom(list, record, SHAPES[i]!.fields), numbersOf(i, record));
        }
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("without a spill, all stays in memory", () => {
  checkProperty(fc.property(fc.nat(3), fc.nat(300), (at, count) => {
    const lists = listsOf();
    for (let i = 0; i < count; i++) addTo(lists, at);
    for (let record = 0; record < count; record++) {
      assert.deepEqual(readFrom(lists[at]!, record, SHAPES[at]!.fields), numbersOf(at, record));
    }
  }));
});

/** Adds a thousand records to each list and reads them all. */
function fillAndRead(spill: Spill): void {
  const lists = listsOf(spill);
  for (let i = 0; i < 1000; i++) for (const at of lists.keys()) addTo(lists, at);
  for (const [i, list] of lists.entries()) {
    for (let record = 0; record < list.size; record++) {
      assert.deepEqual(readFrom(list, record, SHAPES[i]!.fields), numbersOf(i, record));
    }
  }
}

Deno.test("nothing touches the disk before it is prepared, and below the limit nothing is written", async () => {
  await using directory = new TestDirectory();
  const path = `${directory.path}/cache`;
  {
    using spill = new Spill(spillPlace(path), TINY_SPILL);
    fillAndRead(spill);
  }
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  const writes = countingWrites();
  try {
    using spill = await preparedSpill(path, { ...TINY_SPILL, memoryBytes: 1 << 20 });
    fillAndRead(spill);
    assert.equal(writes.count, 0);
  } finally {
    writes.end();
  }
});

/** Counts what is written to open files. */
function countingWrites() {
  const { writeSync } = Deno.FsFile.prototype;
  const counted = { count: 0, end: () => void (Deno.FsFile.prototype.writeSync = writeSync) };
  Deno.FsFile.prototype.writeSync = function (bytes) {
    counted.count++;
    return writeSync.call(this, bytes);
  };
  return counted;
}

Deno.test("where no file can be made, all stays in memory, and a problem is told", async () => {
  await using directory = new TestDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "");
  const problems: AgentError[] = [];
  using spill = new Spill(spillPlace(path, { onProblem: (problem) => problems.push(problem) }), TINY_SPILL);
  await spill.prepare();
  await spill.prepare();
  fillAndRead(spill);
  assert.equal(problems.length, 1);
});

Deno.test("when the disk is full in the middle, the rest stays in memory", async () => {
  await using directory = new TestDirectory();
  const { writeSync } = Deno.FsFile.prototype;
  const problems: AgentError[] = [];
  using spill = new Spill(spillPlace(directory.path, { onProblem: (problem) => problems.push(problem) }), TINY_SPILL);
  await spill.prepare();
  let writes = 0;
  try {
    Deno.FsFile.prototype.writeSync = function (bytes) {
      if (++writes > 100) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      return writeSync.call(this, bytes);
    };
    fillAndRead(spill);
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
  }
  assert.equal(writes, 101);
  assert.equal(problems.length, 1);
});

Deno.test("a block that was changed on disk ends the work", async () => {
  await using directory = new TestDirectory();
  const { readSync } = Deno.FsFile.prototype;
  using spill = await preparedSpill(directory.path);
  try {
    Deno.FsFile.prototype.readSync = function (target) {
      const count = readSync.call(this, target);
      target[0]! ^= 1;
      return count;
    };
    assert.throws(() => fillAndRead(spill), (error) => error instanceof AgentError && error.code === "failed");
  } finally {
    Deno.FsFile.prototype.readSync = readSync;
  }
  assert.throws(() => fillAndRead(spill), (error) => error instanceof AgentError && error.code === "failed");
});
