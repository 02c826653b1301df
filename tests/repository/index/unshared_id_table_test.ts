/** The table of digests of one thread: agrees with a Map, whatever collides, and while it grows. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ID_BYTES } from "../../../src/base/id.ts";
import { KEPT_ID_BYTES } from "../../../src/base/id_table.ts";
import { UnsharedIdTable } from "../../../src/repository/index/unshared_id_table.ts";
import type { Spill } from "../../../src/store/spill/spill.ts";
import { preparedSpill } from "../../store/spill/spills.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { checkProperty } from "../../format/codec_checks.ts";
import { noise } from "../../helpers/world.ts";

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Ids that are equal in the bytes of hash and tag but for a few, and differ in one other byte. */
const collidingId = fc.tuple(fc.nat(2), fc.nat(2), fc.integer({ min: 8, max: 31 }), fc.nat(2)).map(
  ([head, tag, at, value]) => {
    const bytes = new Uint8Array(32);
    [bytes[0], bytes[7], bytes[at]] = [head, tag, value];
    return bytes;
  },
);

/** How many ids are expected, and after how many of them that is said. */
const expectation = fc.record({ count: fc.oneof(fc.nat(20_000), fc.constant(4095)), at: fc.nat(300) });

function agreesWithMap(idBytes: typeof ID_BYTES | typeof KEPT_ID_BYTES, spill?: Spill): void {
  const added = fc.array(fc.oneof(id, collidingId), { maxLength: 300 });
  checkProperty(
    fc.property(added, fc.array(id), expectation, (added, others, expected) => {
      const table = new UnsharedIdTable(idBytes, spill);
      const map = new Map<string, number>();
      const nameOf = (bytes: Uint8Array) => bytes.subarray(0, idBytes).join();
      for (const [i, bytes] of added.entries()) {
        if (i === expected.at) table.expect(expected.count);
        const number = map.get(nameOf(bytes)) ?? map.size;
        map.set(nameOf(bytes), number);
        assert.equal(table.add(bytes), number);
      }
      assert.equal(table.size, map.size);
      for (const bytes of [...added, ...others]) assert.equal(table.find(bytes), map.get(nameOf(bytes)) ?? -1);
    }),
  );
}

Deno.test("finds what a Map finds, and numbers entries in the order of adding", () => agreesWithMap(ID_BYTES));

Deno.test("a table of existence tells ids apart by the bytes that it keeps", () => agreesWithMap(KEPT_ID_BYTES));

for (const idBytes of [ID_BYTES, KEPT_ID_BYTES] as const) {
  Deno.test(`a table of ${idBytes} bytes an id finds the same if ids spill`, async () => {
    await using directory = new TestDirectory();
    using spill = await preparedSpill(directory.path);
    agreesWithMap(idBytes, spill);
  });
}

for (
  const [expected, words, spills] of [
    [0, "grows", false],
    [40_000, "is as large as expected", false],
    [9_000, "outgrows what was expected", false],
    [9_000, "outgrows what was expected and memory", true],
  ] as const
) {
  Deno.test(`every id keeps its number while the table ${words}, and is copied out again`, async () => {
    const count = 40_000;
    const ids = noise(count * ID_BYTES, "many ids");
    await using directory = new TestDirectory();
    using spill = await preparedSpill(directory.path, {
      memoryBytes: 500_000,
      mostSegmentRecords: 64,
      blockBytes: 256,
    });
    const table = new UnsharedIdTable(ID_BYTES, spills ? spill : undefined);
    table.expect(expected);
    for (let i = 0; i < count; i++) assert.equal(table.add(ids, i * ID_BYTES), i);
    const copy = new Uint8Array(ID_BYTES + 1);
    for (let i = 0; i < count; i++) {
      assert.equal(table.find(ids, i * ID_BYTES), i);
      table.copyId(i, copy, 1);
      if (copy.subarray(1).toHex() !== ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES).toHex()) assert.fail(`id ${i}`);
    }
    assert.equal(table.size, count);
    assert.equal(table.find(ids, 5), -1);
  });
}

Deno.test("an entry that is not there, or of which not all is kept, cannot be copied", () => {
  const table = new UnsharedIdTable();
  table.add(noise(32, "one"));
  for (const entry of [-1, 1]) assert.throws(() => table.copyId(entry, new Uint8Array(32)), { code: "bug" });
  const kept = new UnsharedIdTable(KEPT_ID_BYTES);
  kept.add(noise(32, "one"));
  assert.throws(() => kept.copyId(0, new Uint8Array(32)), { code: "bug" });
});
