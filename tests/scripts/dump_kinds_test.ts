/** Made dumps of other kinds than the shop's: whole, the same each time, and changed nightly as real tables are. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { type DumpKind, generateKind } from "../../scripts/dumps/kinds.ts";
import { RowLives } from "../../scripts/dumps/lives.ts";
import { createGuard } from "../../src/guard/formats.ts";
import { readDump } from "./sql_rows.ts";

function dump(kind: DumpKind, night: number, bytes = 2e6, seed = 1): Buffer {
  return Buffer.concat([...generateKind(kind, { bytes, night, seed })]);
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** The lines of a log's events by their numbers. */
function eventsOf(bytes: Buffer): Map<string, string> {
  const lines = bytes.toString().split("\n").filter((line) => /^\d+\t/.test(line));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("\t")), line]));
}

/** The rows of a wide table by their keys. */
function documentsOf(bytes: Buffer): Map<string, string> {
  const rows = readDump(bytes.toString("latin1")).rows.get("documents")!;
  return new Map(rows.map((row) => [row.slice(2, 38), row]));
}

const DIGESTS = { wide: "5931e733e456fa44c0d019c606802d2f", log: "1bb6d554387414ac78f63a0b1d745419" };

for (const kind of ["wide", "log"] as const) {
  Deno.test(`generateKind() gives the same ${kind} dump in every release, and another one for another seed`, () => {
    assert.equal(md5(dump(kind, 3, 1e6)), DIGESTS[kind]);
    assert.notEqual(md5(dump(kind, 3, 1e6, 2)), DIGESTS[kind]);
  });

  Deno.test(`generateKind() gives a ${kind} dump that is about as long as asked for, and whole to its guard`, async () => {
    const bytes = dump(kind, 2);
    assert.ok(Math.abs(bytes.length / 2e6 - 1) < 0.08, `${bytes.length} bytes`);
    const guard = createGuard("auto");
    await guard.push(bytes);
    const { format, complete } = await guard.finish();
    assert.deepEqual([format, complete], [kind === "wide" ? "mysqldump" : "pg_dump", true]);
  });
}

Deno.test("the kinds of dumps compress differently", () => {
  const ratio = (kind: DumpKind) => {
    const bytes = dump(kind, 1);
    return bytes.length / zstdCompressSync(bytes).length;
  };
  const [shop, wide, log] = [ratio("shop"), ratio("wide"), ratio("log")];
  assert.ok(shop * 1.1 < wide && wide * 1.1 < log, `${shop}, ${wide}, ${log}`);
});

Deno.test("a wide table's rows come, go and change anywhere in it, in the order of their UUIDs", () => {
  const [first, second] = [documentsOf(dump("wide", 1, 8e6)), documentsOf(dump("wide", 8, 8e6))];
  const keys = [...second.keys()];
  assert.deepEqual(keys, keys.toSorted());
  for (const key of keys) assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const gone = [...first.keys()].filter((key) => !second.has(key)).length / first.size;
  const come = keys.filter((key) => !first.has(key)).length / first.size;
  const changed = [...first].filter(([key, row]) => second.has(key) && second.get(key) !== row).length / first.size;
  assert.ok(Math.abs(gone - 0.014) < 0.008, `${gone} gone`);
  assert.ok(Math.abs(come - 0.07) < 0.02, `${come} come`);
  assert.ok(Math.abs(changed - 0.028) < 0.012, `${changed} changed`);
});

Deno.test("a log only grows at its end and loses its oldest lines", () => {
  const [first, second] = [eventsOf(dump("log", 1)), eventsOf(dump("log", 2))];
  const stayed = [...first.keys()].filter((key) => second.has(key));
  assert.ok(stayed.every((key) => first.get(key) === second.get(key)));
  assert.deepEqual(stayed, [...second.keys()].slice(0, stayed.length));
  assert.ok(Math.abs((first.size - stayed.length) / first.size - 1 / 40) < 0.001);
  assert.ok(Math.abs((second.size - stayed.length) / first.size - 1 / 30) < 0.001);
});

Deno.test("a row that is gone does not come back, and keeps what it changed to", () => {
  const turnover = { changed: 0.2, inserted: 0.1, deleted: 0.1 };
  const nights = Array.from({ length: 9 }, (_, i) => new RowLives(1, 100, i + 1, turnover));
  for (let place = 0; place < 200; place++) {
    const lives = nights.map((night) => night.isRow(place) ? { ...night.life } : undefined);
    const text = lives.map((life) => life ? "x" : "-").join("");
    assert.match(text, /^-*x*-*$/);
    lives.forEach((life, i) => {
      if (life === undefined) return;
      assert.ok(life.bornNight <= life.changedNight && life.changedNight <= i + 1);
      const next = lives[i + 1];
      if (next !== undefined) assert.ok(next.changedNight === life.changedNight || next.changedNight === i + 2);
    });
  }
});
