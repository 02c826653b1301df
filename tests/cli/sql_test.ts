/** `agent sql`: how answers are written, and what it needs. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { backup } from "../backup/backups.ts";
import { CataloguePlace, SHOP } from "../catalogue/opened.ts";
import { runInProcess } from "../helpers/command_line.ts";

async function asked(args: readonly string[], { terminal }: { readonly terminal?: number } = {}) {
  await using place = new CataloguePlace();
  {
    using catalogue = await place.open();
    const made = backup("a", { series: "prod/shop" });
    const strange = backup("b", { series: 'wiki "\u001b[31m' });
    await catalogue.changeBackups(SHOP, { added: [{ backup: made }, { backup: strange }] });
  }
  const { exitCode, stdout, stderr } = await runInProcess(["sql", ...args], {
    env: { AGENT_CATALOGUE: place.path },
    ...terminal !== undefined && { terminal },
  });
  return { exitCode, stdout, stderr };
}

const VALUES =
  `SELECT 1 AS n, 9007199254740993 AS big, NULL AS absent, '' AS empty, 'a,"b' AS t, x'00ff' AS b, 1e999 AS r`;

Deno.test("answers are tables, JSON objects or CSV, each with exact values", async () => {
  assert.deepEqual(await asked([VALUES]), {
    exitCode: ExitCode.done,
    stdout:
      `n               big  absent  empty  t     b               r\n1  9007199254740993       -         a,"b  x'00ff'  Infinity\n`,
    stderr: "",
  });
  assert.equal(
    (await asked(["--json", VALUES])).stdout,
    `{"n":1,"big":"9007199254740993","absent":null,"empty":"","t":"a,\\"b","b":"x'00ff'","r":"Infinity"}\n`,
  );
  assert.equal(
    (await asked(["--csv", VALUES])).stdout,
    `n,big,absent,empty,t,b,r\r\n1,9007199254740993,,"","a,""b",x'00ff',Infinity\r\n`,
  );
});

Deno.test("an answer has one form", async () => {
  const { exitCode, stdout, stderr } = await asked(["--csv", "--json", "SELECT 1"]);
  assert.deepEqual([exitCode, stdout], [ExitCode.usage, ""]);
  assert.match(stderr, /--json or --csv, not both/);
});

Deno.test("an answer without rows is said to be none, beside the output", async () => {
  const sql = "SELECT series FROM backups WHERE 0";
  assert.deepEqual(await asked([sql]), { exitCode: ExitCode.done, stdout: "", stderr: "The answer has no rows\n" });
  assert.deepEqual(await asked(["--json", sql]), { exitCode: ExitCode.done, stdout: "", stderr: "" });
});

Deno.test("control characters of names do nothing to a terminal", async () => {
  const sql = "SELECT series FROM backups WHERE series LIKE 'wiki%'";
  for (const form of [[], ["--csv"], ["--json"]]) {
    const { stdout } = await asked([...form, sql], { terminal: 80 });
    assert.match(stdout, /wiki/);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
  }
  assert.equal((await asked(["--csv", sql])).stdout, 'series\r\n"wiki ""\u001b[31m"\r\n');
});

Deno.test("an answer of many rows comes whole, and a table of too many is refused", async () => {
  const rows =
    "SELECT a.value AS n FROM json_each('[' || rtrim(replace(hex(zeroblob(LENGTH)), '00', '1,'), ',') || ']') a";
  const { stdout } = await asked(["--csv", rows.replace("LENGTH", "25000")]);
  assert.equal(stdout.split("\r\n").length, 25_002);
  const { exitCode, stderr } = await asked([rows.replace("LENGTH", "100001")]);
  assert.equal(exitCode, ExitCode.usage);
  assert.match(stderr, /more than 100000 rows: add LIMIT/);
});

Deno.test("without a statement, the tables and columns are shown", async () => {
  const { stdout } = await asked([]);
  assert.match(stdout, /^TABLE +COLUMN +TYPE\nrepositories +repository +INTEGER\n +repository_id +TEXT\n/);
  const { stdout: json } = await asked(["--json"]);
  assert.deepEqual(JSON.parse(json.split("\n")[0]!), { table: "repositories", column: "repository", type: "INTEGER" });
});

Deno.test("what writes is refused with exit code 2, and the catalogue may be missing or off", async () => {
  const { exitCode, stdout, stderr } = await asked(["DELETE FROM backups"]);
  assert.deepEqual([exitCode, stdout], [ExitCode.usage, ""]);
  assert.match(stderr, /only reads the catalogue/);
  await using place = new CataloguePlace();
  for (
    const [value, words] of [[place.path, /There is no catalogue ".*" yet/], ["off", /AGENT_CATALOGUE is off/]] as const
  ) {
    const missing = await runInProcess(["sql", "SELECT 1"], { env: { AGENT_CATALOGUE: value } });
    assert.equal(missing.exitCode, ExitCode.failed);
    assert.match(missing.stderr, words);
  }
});
