/** Which pieces of a dump restore some tables, and which are never taken. */
import assert from "node:assert/strict";
import { chooseTables, type TableChoice, tablesOf } from "../../../src/backup/tables/dump_tables.ts";
import { planPieces, withPartitions } from "../../../src/backup/tables/piece_plan.ts";
import { UsedNames } from "../../../src/backup/tables/used_names.ts";
import type { ListedPiece, PieceKind } from "../../../src/format/table_list.ts";

/** A piece as `kind name of`, in a schema `s` unless it has none. */
function pieces(...texts: string[]): ListedPiece[] {
  return texts.map((text) => {
    const [kind, name = null, of] = text.split(" ");
    const schema = /^(?:setting|schema|extension|database)$/.test(kind!) ? null : "s";
    const database = kind === "database" ? name : null;
    return {
      kind: kind as PieceKind,
      bytes: 1,
      database,
      schema: name === null || database !== null ? null : schema,
      name: database === null ? name : null,
      of: of === undefined ? null : { schema: "s", name: of },
    };
  });
}

/** The texts of the pieces that are taken. */
function plan(
  texts: string[],
  choice: Partial<TableChoice>,
  names = "",
): { taken: string[]; notes: readonly string[] } {
  const all = pieces(...texts);
  const used = new UsedNames();
  used.add(names);
  const whole = { tables: [], skipped: [], parts: "all", ...choice } as const;
  const chosen = withPartitions(all, chooseTables(tablesOf(all), whole));
  const { taken, notes } = planPieces({ pieces: all, choice: whole, chosen, used });
  return { taken: texts.filter((_, i) => taken[i]), notes };
}

Deno.test("plan: settings that hold for what is taken come along, the newest of each name", () => {
  const dump = [
    "head",
    "setting a",
    "setting b",
    "structure x",
    "setting a",
    "structure y",
    "setting a",
    "data y",
    "tail",
  ];
  assert.deepEqual(plan(dump, { tables: ["x"] }).taken, ["head", "setting a", "setting b", "structure x", "tail"]);
  const all = pieces(...dump);
  const chosen = chooseTables(tablesOf(all), { tables: ["y"], skipped: [], parts: "structure" });
  const { taken } = planPieces({
    pieces: all,
    choice: { tables: ["y"], skipped: [], parts: "structure" },
    chosen,
    used: new UsedNames(),
  });
  assert.deepEqual(taken.flatMap((isTaken, i) => isTaken ? [i] : []), [0, 2, 4, 5, 8]);
});

Deno.test("plan: of several dumps only those of which something is taken, and nothing around them", () => {
  const dump = [
    "other",
    "head",
    "global",
    "structure x",
    "tail",
    "other",
    "head",
    "global",
    "structure y",
    "tail",
    "other",
  ];
  assert.deepEqual(plan(dump, { tables: ["y"] }).taken, ["head", "structure y", "tail"]);
  assert.deepEqual(plan(dump, { skipped: ["y"] }).taken, ["head", "structure x", "tail"]);
  assert.deepEqual(
    plan(dump, { parts: "structure" }).taken.filter((text) => text === "global" || text === "other"),
    [],
  );
});

Deno.test("plan: databases come with what is taken of them", () => {
  const dump = ["head", "database a", "global", "database a", "definition", "database b", "view v", "tail"];
  assert.deepEqual(plan(dump, { tables: ["v"] }).taken, ["head", "database b", "view v", "tail"]);
});

Deno.test("plan: foreign keys and partitions need both of their tables, and are named otherwise", () => {
  const dump = [
    "head",
    "structure a",
    "structure b",
    "structure c",
    "foreign-key a b",
    "foreign-key a a",
    "partition b c",
    "tail",
  ];
  const a = plan(dump, { tables: ["a"] });
  assert.deepEqual(a.taken, ["head", "structure a", "foreign-key a a", "tail"]);
  assert.deepEqual(a.notes, ["a foreign key of s.a, since it refers to s.b"]);
  assert.deepEqual(plan(dump, { tables: ["b"] }).taken, [
    "head",
    "structure b",
    "structure c",
    "partition b c",
    "tail",
  ]);
  assert.deepEqual(plan(dump, { tables: ["c"] }).notes, ["what makes s.c a partition of s.b"]);
  assert.deepEqual(plan(dump, { tables: ["a", "b"] }).notes, []);
  assert.deepEqual(plan(dump, { tables: ["a"], parts: "data" }).notes, []);
});

Deno.test("plan: rows of a partition that are loaded through its table are missed by name", () => {
  const dump = ["head", "structure b", "structure c", "partition b c", "data b", "tail"];
  assert.deepEqual(plan(dump, { tables: ["b"] }), { taken: dump, notes: [] });
  const isNone = "what makes s.c a partition of s.b";
  const areMissing = "the rows of s.c, since the dump has them as those of s.b";
  assert.deepEqual(plan(dump, { tables: ["c"] }).notes, [isNone, areMissing]);
  assert.deepEqual(plan(dump, { tables: ["c"], parts: "data" }).notes, [areMissing]);
  assert.deepEqual(plan(dump, { tables: ["c"], parts: "structure" }).notes, [isNone]);
  assert.deepEqual(plan([...dump.slice(0, -1), "data c", "tail"], { tables: ["c"] }).notes, [isNone]);
});

Deno.test("plan: a sequence that is a part of a table follows it; what is named in definitions comes too", () => {
  const dump = [
    "head",
    "schema s",
    "extension e",
    "definition f",
    "definition g",
    "sequence q",
    "owned-sequence a q",
    "sequence r",
    "structure a",
    "structure b",
    "sequence-data q",
    "sequence-data r",
    "tail",
  ];
  assert.deepEqual(tablesOf(pieces(...dump)).map(({ name }) => name), ["a", "b", "r"]);
  const a = plan(dump, { tables: ["a"] }, "CREATE TABLE s.a (x s.f DEFAULT nextval('s.r'::regclass))").taken;
  assert.deepEqual(a, dump.filter((text) => !/definition g|structure b/.test(text)));
  const b = plan(dump, { tables: ["b"] }, "CREATE TABLE b ()").taken;
  assert.deepEqual(b, ["head", "extension e", "structure b", "tail"]);
  assert.deepEqual(plan(dump, { skipped: ["a"] }).taken, dump.filter((text) => !/ q$|structure a/.test(text)));
  const data = plan(dump, { parts: "data" }).taken;
  assert.deepEqual(data, ["head", "sequence-data q", "sequence-data r", "tail"]);
});

Deno.test("names: whatever quotes a name, it is found whole", () => {
  const used = new UsedNames();
  used.add('x public."a""b".c, `shop`.`q``r` \'sales.seq\'::regclass, ü.ö');
  for (
    const [schema, name] of [["public", 'a"b'], [null, "c"], ["shop", "q`r"], ["sales", "seq"], ["ü", "ö"]] as const
  ) {
    assert.equal(used.has(schema, name), true, name);
  }
  assert.equal(used.has("public", "a"), false);
  assert.equal(used.has(null, "q"), false);
});
