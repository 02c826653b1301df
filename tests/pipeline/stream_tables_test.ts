/** The list of the tables of a stream takes bounded memory, and exists for whole dumps alone. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { decodePieces, MOST_TABLE_LIST_BYTES } from "../../src/format/table_list.ts";
import type { DumpPiece } from "../../src/guard/tables/piece.ts";
import { TableCollector } from "../../src/pipeline/stream_tables.ts";

function piece(kind: DumpPiece["kind"], name: string | null): DumpPiece {
  return { kind, bytes: 10, database: null, schema: null, name, of: null };
}

Deno.test("a list has every piece, and names as the bytes that they are", () => {
  const collector = new TableCollector();
  collector.piece(piece("head", null));
  collector.piece(piece("structure", "\xc3\xbc")); // ü in UTF-8, one character for each byte
  const tables = collector.finish();
  ok(tables !== undefined && "lines" in tables);
  deepEqual(decodePieces(tables.lines, "x").map(({ kind, name }) => [kind, name]), [["head", null], [
    "structure",
    "ü",
  ]]);
});

Deno.test("a stream without tables has no list", () => {
  const collector = new TableCollector();
  collector.piece(piece("other", null));
  equal(collector.finish(), undefined);
  equal(new TableCollector().finish(), undefined);
});

Deno.test("a dump with a million tables has no list, and it is told why", () => {
  const collector = new TableCollector();
  const name = "n".repeat(60);
  for (let i = 0; i < 1_000_000; i++) collector.piece(piece("structure", name));
  ok(MOST_TABLE_LIST_BYTES < 1_000_000 * 60);
  deepEqual(collector.finish(), { problem: "it has too many tables for a list" });
});

Deno.test("what the guard gives up has no list, with its reason or without one", () => {
  for (const [problem, expected] of [["it is in UTF-16", { problem: "it is in UTF-16" }], [null, undefined]] as const) {
    const collector = new TableCollector();
    collector.piece(piece("structure", "a"));
    collector.giveUp(problem);
    collector.piece(piece("structure", "b"));
    deepEqual(collector.finish(), expected);
  }
});
