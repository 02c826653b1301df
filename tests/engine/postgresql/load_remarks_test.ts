/** What is kept of the words of psql and pg_restore. */
import assert from "node:assert/strict";
import { LoadRemarks } from "../../../src/engine/postgresql/load/load_remarks.ts";
import { firstError } from "../../../src/engine/postgresql/remarks.ts";

async function remarksOf(text: string): Promise<LoadRemarks> {
  const remarks = new LoadRemarks(undefined);
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 7) await remarks.take(bytes.slice(at, at + 7));
  return remarks;
}

Deno.test("errors of psql have their line, state and context", async () => {
  const { errors } = await remarksOf(
    'psql:<stdin>:7: NOTICE:  nothing\npsql:<stdin>:14: ERROR:  42710: role "x" already exists\nLOCATION:  a, b.c:1\n' +
      'psql:<stdin>:99: ERROR:  invalid "two"\nLINE 1: x\nCONTEXT:  COPY z, line 1\npsql:<stdin>:100: error: backslash ' +
      "commands are restricted\npsql:/tmp/agent-private-1/commit.sql:1: ERROR:  violates foreign key\n",
  );
  const error = { task: null, isHarmless: false, state: null };
  assert.deepEqual(errors, [
    { ...error, line: 14, state: "42710", reason: 'role "x" already exists' },
    { ...error, line: 99, reason: 'invalid "two" (COPY z, line 1)' },
    { ...error, line: 100, reason: "backslash commands are restricted" },
    { ...error, line: null, reason: "violates foreign key" },
  ]);
});

Deno.test("an error of pg_restore has its table, whatever that is called", async () => {
  const { errors: [first, second] } = await remarksOf(
    'pg_restore: error: COPY failed for table "a ""b""": ERROR:  relation "d" does not exist\nCONTEXT:  COPY a, line 1\n' +
      "pg_restore: error: could not execute query: ERROR:  cannot drop inherited constraint\n" +
      `Command was: ALTER TABLE IF EXISTS ONLY "S ""ü'".p DROP CONSTRAINT IF EXISTS k;\n`,
  );
  assert.deepEqual([first!.task, first!.reason], ['COPY "a ""b"""', 'relation "d" does not exist (COPY a, line 1)']);
  assert.deepEqual([second!.task, second!.isHarmless], [
    `ALTER TABLE IF EXISTS ONLY "S ""ü'".p DROP CONSTRAINT IF EXISTS k`,
    true,
  ]);
});

Deno.test("an error of pg_restore is grave unless it only could not drop", async () => {
  const drop = "pg_restore: error: could not execute query: ERROR:  cannot drop\n" +
    "Command was: ALTER TABLE IF EXISTS ONLY public.p DROP CONSTRAINT IF EXISTS k;\n\n";
  const setting = "pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter\n" +
    "Command was: SET transaction_timeout = 0;\n";
  assert.equal((await remarksOf(setting)).grave, null);
  const remarks = await remarksOf(`pg_restore: while PROCESSING TOC:\n${drop}`);
  const grave = () => remarks.grave;
  assert.equal(grave(), null);
  assert.deepEqual(remarks.errors.map(({ isHarmless }) => isHarmless), [true]);
  await remarks.take(new TextEncoder().encode("pg_restore: error: could not execute query: ERROR:  there\n"));
  assert.equal(grave(), null);
  await remarks.take(new TextEncoder().encode("Command was: CREATE TABLE public.t (\n    i int\n);\n"));
  assert.equal(grave()?.task, "CREATE TABLE public.t");
  for (let i = 0; i < 200; i++) await remarks.take(new TextEncoder().encode(drop));
  assert.equal(grave()?.reason, "there");
  assert.equal(remarks.errors.length, 101);
  const copy = await remarksOf(
    'pg_restore: from TOC entry 7; 0 16 TABLE DATA t postgres\npg_restore: error: COPY failed for table "t": ERROR:  bad\n',
  );
  assert.deepEqual([copy.grave?.task, copy.grave?.reason], ["TABLE DATA t postgres", "bad"]);
});

Deno.test("the first error of a program is told without its name, and without where its password was", () => {
  assert.equal(
    firstError(["psql: error: connection failed: FATAL:  no", "DETAIL: x"]),
    "connection failed: FATAL: no; x",
  );
  assert.equal(
    firstError(["x", '/usr/bin/pg_dump: error: FATAL:  password failed password retrieved from file "/tmp/a"']),
    "FATAL: password failed",
  );
  assert.equal(
    firstError([
      "server closed the connection unexpectedly",
      "\tThis probably means the server terminated abnormally",
      "\tbefore or while processing the request.",
    ]),
    "server closed the connection unexpectedly",
  );
  assert.equal(firstError([]), "it gave no reason");
});
