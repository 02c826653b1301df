/** Made dumps: what MySQL's and MariaDB's programs would write, the same each time, changed nightly as asked. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { DEFAULT_DUMP, type DumpOptions, dumpStream, generateDump } from "../../scripts/dumps/dump.ts";
import { readDump } from "./sql_rows.ts";

const TABLES = ["articles", "attachments", "customers", "order_items", "orders", "sessions"];

/** The dump as Latin-1 text, one character a byte. */
function dump(options: Partial<DumpOptions>): string {
  const pieces = [...generateDump({ ...DEFAULT_DUMP, bytes: 4e6, ...options })];
  return Buffer.concat(pieces).toString("latin1");
}

function md5(text: string): string {
  return createHash("md5").update(text, "latin1").digest("hex");
}

Deno.test("generateDump() gives equal bytes for equal options, and others for another seed", () => {
  assert.equal(md5(dump({ night: 2, bytes: 1e6 })), md5(dump({ night: 2, bytes: 1e6 })));
  assert.notEqual(md5(dump({ night: 2, bytes: 1e6 })), md5(dump({ night: 2, bytes: 1e6, seed: 2 })));
});

Deno.test("generateDump() stays the same from release to release, so that measurements can be compared", () => {
  assert.equal(md5(dump({ bytes: 1e6 })), "8ffc1c7e450331e3e8791605cb1ea66f");
  assert.equal(md5(dump({ bytes: 1e6, night: 2, flavour: "mariadb" })), "cc259c92e76c34951f3b0d4fd14f86ef");
});

for (const flavour of ["mysql", "mariadb"] as const) {
  Deno.test(`generateDump() gives what ${flavour}'s program writes: head, six tables of whole rows, trailer`, () => {
    const text = dump({ flavour, night: 3 });
    const name = {
      mysql: "-- MySQL dump 10.13",
      mariadb: "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump",
    };
    assert.ok(text.startsWith(name[flavour]));
    assert.match(text, /\n-- Dump completed on 2026-03-03 {2}3:07:42\n$/);
    assert.deepEqual([...readDump(text).rows.keys()], TABLES);
    for (const table of TABLES) {
      assert.match(
        text,
        new RegExp(`LOCK TABLES \`${table}\` WRITE;[^]*?;\n/\\*!40000 ALTER TABLE \`${table}\` ENABLE KEYS`),
      );
    }
  });
}

Deno.test("generateDump() is about as long as asked for", () => {
  for (const bytes of [1e6, 4e6, 12e6]) {
    const length = dump({ bytes }).length;
    assert.ok(Math.abs(length / bytes - 1) < 0.05, `${length} bytes instead of ${bytes}`);
  }
});

Deno.test("generateDump() breaks statements where mysqldump does: as late as possible below 1046528 bytes", () => {
  const { statementBytes } = readDump(dump({ bytes: 12e6 }));
  const full = statementBytes.filter((bytes) => bytes > 1_040_000);
  assert.ok(full.length >= 5);
  for (const bytes of statementBytes) assert.ok(bytes < 1_046_528 + 16);
});

Deno.test("generateDump() keeps keys unique and counts them in AUTO_INCREMENT", () => {
  const text = dump({ night: 2 });
  for (const [table, rows] of readDump(text).rows) {
    const keys = new Set(rows.map(keyOf));
    assert.equal(keys.size, rows.length, table);
    if (table !== "sessions") {
      const next = new RegExp(`CREATE TABLE \`${table}\` [^]*?AUTO_INCREMENT=(\\d+)`).exec(text)?.[1];
      assert.equal(Number(next), rows.length + 1, table);
    }
  }
});

Deno.test("generateDump() of a second night changes and appends the shares asked for, and nothing else", () => {
  const first = readDump(dump({})).rows;
  const second = readDump(dump({ night: 2, changed: 0.05, appended: 0.1 })).rows;
  let rows = 0, changed = 0, lengthsChanged = 0, appended = 0;
  for (const table of TABLES) {
    const before = first.get(table)!, after = second.get(table)!;
    rows += before.length;
    appended += after.length - before.length;
    before.forEach((row, i) => {
      assert.equal(keyOf(after[i]!), keyOf(row));
      if (after[i] !== row) changed++;
      if (after[i]!.length !== row.length) lengthsChanged++;
    });
  }
  assert.ok(Math.abs(changed / rows - 0.05) < 0.005, `${changed} of ${rows} rows changed`);
  assert.ok(Math.abs(appended / rows - 0.1) < 0.001, `${appended} of ${rows} rows appended`);
  assert.ok(lengthsChanged > changed / 10 && lengthsChanged < changed);
});

Deno.test("generateDump() of a later night keeps what earlier nights changed", () => {
  const second = readDump(dump({ night: 2, changed: 0.05, appended: 0 })).rows.get("customers")!;
  const third = readDump(dump({ night: 3, changed: 0.05, appended: 0 })).rows.get("customers")!;
  const differing = second.filter((row, i) => row !== third[i]).length;
  assert.ok(differing > 0 && differing < second.length * 0.08, `${differing} of ${second.length} rows differ`);
});

Deno.test("generateDump() holds what dumps hold: other scripts, negatives, escapes, binary strings", () => {
  const text = Buffer.from(dump({}), "latin1").toString("utf8");
  for (const part of ["東京", "Müller", "O\\'Brien", ",-1,", "\\n\\n", "_binary '", "NULL", '{\\"cart\\": [']) {
    assert.ok(text.includes(part), part);
  }
});

Deno.test("dumpStream() gives the same bytes in pieces that fit into memory", async () => {
  const md5OfStream = createHash("md5");
  let longest = 0;
  for await (const piece of dumpStream({ ...DEFAULT_DUMP, bytes: 12e6 })) {
    md5OfStream.update(piece);
    longest = Math.max(longest, piece.length);
  }
  assert.equal(md5OfStream.digest("hex"), md5(dump({ bytes: 12e6 })));
  assert.ok(longest < 1.1 * 2 ** 20, `a piece of ${longest} bytes`);
});

function keyOf(row: string): string {
  return row.slice(1, row.indexOf(","));
}
