/** Lists of tables: what was encoded is decoded, what nobody wrote is refused, and what changes changes little. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../src/base/errors.ts";
import { bytesOfByteString, byteStringOf } from "../../src/format/byte_string.ts";
import {
  decodePieces,
  decodeTableList,
  encodeTableList,
  type ListedPiece,
  MOST_TABLE_LIST_BYTES,
  PieceEncoder,
} from "../../src/format/table_list.ts";

const encoder = new TextEncoder();

/** A name as one character for each byte, and as a byte string. */
const name = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => String.fromCharCode(...bytes));
const hard = fc.oneof(name, fc.constantFrom("a\tb", "\\", "\\t", "line\nfeed", "c\r", '"', "stream", "."));
const piece: fc.Arbitrary<ListedPiece> = fc.record({
  kind: fc.constantFrom("head" as const, "structure" as const, "data" as const, "foreign-key" as const),
  bytes: fc.integer({ min: 1, max: 2 ** 50 }),
  database: fc.option(hard),
  schema: fc.option(hard),
  name: fc.option(hard),
  of: fc.option(fc.record({ schema: fc.option(hard), name: hard })),
});

function byteString(text: string): string {
  return byteStringOf(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function asListed({ database, schema, name, of, ...rest }: ListedPiece): ListedPiece {
  const told = (text: string | null) => text === null ? null : byteString(text);
  return {
    ...rest,
    database: told(database),
    schema: told(schema),
    name: told(name),
    of: of && { schema: told(of.schema), name: byteString(of.name) },
  };
}

Deno.test("table list: what is encoded is decoded, whatever bytes names have", () => {
  const streams = fc.uniqueArray(fc.tuple(hard, fc.array(piece, { maxLength: 5 })), {
    selector: ([path]) => byteString(path),
    maxLength: 4,
  });
  fc.assert(
    fc.property(streams, (given) => {
      const encoded = given.map(([path, pieces]) => {
        const encoder = new PieceEncoder();
        for (const one of pieces) assert.equal(encoder.add(one), true);
        const lines = encoder.finish();
        assert.deepEqual(decodePieces(lines, "x"), pieces.map(asListed));
        return { path: byteString(path), lines };
      });
      assert.deepEqual(
        decodeTableList(encodeTableList(encoded), "x"),
        given.map(([path, pieces]) => ({ path: byteString(path), pieces: pieces.map(asListed) })),
      );
    }),
    { seed: 14, numRuns: 500 },
  );
});

Deno.test("table list: what nobody wrote is refused", () => {
  const refused: readonly [string, RegExp][] = [
    ["", /not a list of tables/],
    ["agent-tables/2\n", /newer version/],
    ["agent-tables/1\nhead\t1\n", /belongs to no stream/],
    ["agent-tables/1\nstream\n", /no path of its own/],
    ["agent-tables/1\nstream\ta\nstream\ta\n", /no path of its own/],
    ["agent-tables/1\nstream\ta\tb\n", /no path of its own/],
    ["agent-tables/1\nstream\ta\nhead\t0\n", /no length/],
    ["agent-tables/1\nstream\ta\nhead\t-1\n", /no length/],
    ["agent-tables/1\nstream\ta\nhead\t1e3\n", /no length/],
    ["agent-tables/1\nstream\ta\nhead\t9999999999999999\n", /no length/],
    ["agent-tables/1\nstream\ta\nhead\t1\t\n", /too many fields/],
    ["agent-tables/1\nstream\ta\nhead\t1\ta\ta\ta\ta\ta\ta\n", /too many fields/],
    ["agent-tables/1\nstream\ta\nheads\t1\n", /"heads" is no kind/],
    ["agent-tables/1\nstream\ta\ndata\t1\t\\x\n", /not escaped/],
    ["agent-tables/1\nstream\ta\ndata\t1\ta", /last line is not whole/],
  ];
  for (const [text, message] of refused) {
    assert.throws(() => decodeTableList(encoder.encode(text), "x"), (error) => {
      assert.ok(error instanceof IntegrityError, text);
      assert.match(error.message, message, text);
      return true;
    });
  }
});

Deno.test("table list: as many streams as fit are read before the test would end", () => {
  const lines = Array.from({ length: 200_000 }, (_, i) => `stream\t${i}\n`);
  assert.equal(decodeTableList(encoder.encode(`agent-tables/1\n${lines.join("")}`), "x").length, lines.length);
});

Deno.test("table list: a table that grows changes one line, and a list that grows too long ends", () => {
  const lines = (rows: number) => {
    const encoder = new PieceEncoder();
    for (const table of ["a", "b", "c"]) {
      encoder.add({ kind: "structure", bytes: 100, database: "shop", schema: null, name: table, of: null });
      encoder.add({
        kind: "data",
        bytes: table === "b" ? rows : 7,
        database: "shop",
        schema: null,
        name: table,
        of: null,
      });
    }
    return new TextDecoder().decode(encoder.finish()).split("\n");
  };
  const [before, after] = [lines(1000), lines(2000)];
  assert.equal(before.filter((line, i) => line !== after[i]).length, 1);
  assert.equal(before[0], "structure\t100\tshop\t\ta");
  const long = new PieceEncoder();
  const big: ListedPiece = {
    kind: "data",
    bytes: 1,
    database: null,
    schema: null,
    name: "n".repeat(1_000_000),
    of: null,
  };
  let added = 0;
  while (long.add(big)) added++;
  assert.equal(added, Math.floor(MOST_TABLE_LIST_BYTES / 1_000_010));
  assert.equal(bytesOfByteString("x").length, 1);
});
