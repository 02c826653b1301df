/** What commands put out: lines, JSON and tables, whatever names are in them. */
import { strict as assert } from "node:assert";
import type { Output } from "../../../src/cli/terminal/input_output.ts";
import { writeExact, writeJson, writeLine, writeTable, writeText } from "../../../src/cli/terminal/write.ts";

/** What a name can do: clear the screen, begin a line of its own, turn the text around, be half a character. */
const HOSTILE = "shop\x1b[2J\n\x9b1m\u202eOK\ud800";
const SHOWN = "shop\\x1b[2J\\x0a\\u009b1m\\u202eOK\\ud800";

async function written(use: (output: Output) => Promise<unknown>, isTerminal = false): Promise<string> {
  let text = "";
  await use({
    isTerminal,
    columns: () => 20,
    write: (bytes) => Promise.resolve(void (text += new TextDecoder().decode(bytes))),
  });
  return text;
}

Deno.test("a line is one line and printable", async () => {
  assert.equal(await written((output) => writeLine(output, `of ${HOSTILE}`)), `of ${SHOWN}\n`);
  assert.equal(await written((output) => writeText(output, "a\nb\x1b")), "a\nb\\x1b\n");
});

Deno.test("JSON is safe to look at and says the same", async () => {
  const value = { series: HOSTILE, [HOSTILE]: "\x7f" };
  const text = await written((output) => writeJson(output, value));
  assert.match(text, /^[\x20-\x7e]+\n$/);
  assert.deepEqual(JSON.parse(text), value);
});

Deno.test("what programs compare to the byte is escaped on a terminal only", async () => {
  assert.equal(await written((output) => writeExact(output, "\x1b\u202e\n")), "\x1b\u202e\n");
  assert.equal(await written((output) => writeExact(output, "\x1b\u202e\n"), true), "\\x1b\\u202e\n");
});

const COLUMNS = [{ title: "SERIES", align: "left" }, { title: "SIZE", align: "right" }, {
  title: "HOST",
  align: "left",
}] as const;

Deno.test("a table is aligned by cells, and hostile cells stay in their row", async () => {
  const table = await written((output) =>
    writeTable(output, COLUMNS, [["漢字", "1 B", "👍🏽"], [HOSTILE, "12 B", "db1"]])
  );
  assert.equal(
    table,
    [
      `SERIES${" ".repeat(SHOWN.length - 6)}  SIZE  HOST`,
      `漢字${" ".repeat(SHOWN.length - 4)}   1 B  👍🏽`,
      `${SHOWN}  12 B  db1`,
      "",
    ].join("\n"),
  );
});

Deno.test("a name of a megabyte does not make a table of megabytes", async () => {
  const rows = [["x".repeat(2 ** 20), "1 B", "a\u0301".repeat(2 ** 20)], ...Array(100).fill(["shop", "2 B", "db1"])];
  const lines = (await written((output) => writeTable(output, COLUMNS, rows))).split("\n");
  assert.equal(lines.length, 103);
  for (const line of lines) assert.ok(line.length < 1000, String(line.length));
  assert.match(lines[1]!, /^x{254}…/);
});
