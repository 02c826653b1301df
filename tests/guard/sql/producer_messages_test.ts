/** What dump programs say on standard error, in a stream. */
import { strict as assert } from "node:assert";
import { messageOfAnyProgram, messageOfDumpProgram } from "../../../src/guard/sql/producer_messages.ts";
import { bytesOf, judge } from "../judging.ts";
import { MYSQLDUMP, PG_DUMP, SQLITE } from "../samples.ts";

const ERRORS = [
  'mysqldump: Got error: 2002: "Can\'t connect to local server" when trying to connect',
  "mysqldump: Error 2013: Lost connection to MySQL server during query when dumping table `t` at row: 1",
  "mysqldump: Couldn't execute 'SHOW CREATE TABLE `t`': Table doesn't exist (1146)",
  "mariadb-dump: Error 1105: out of memory",
  "/usr/bin/mariadb-dump: Got error: 1049: \"Unknown database 'x'\" when selecting the database",
  "./bin/mysqldump: unknown option '--x'",
  "mysqldump.exe: Got error: 1045",
  "C:\\Program Files (x86)\\MySQL\\bin\\mysqldump.exe: Got error: 1045",
  "MYSQLDUMP.EXE: Got error: 1045",
  "/opt/mysql/bin/mysqldump-8.0: Got error: 1045",
  "mysqldump80: Got error: 1045",
  "mysqldump.bin: Got error: 1045",
  "pg_dump: error: query failed: server closed the connection unexpectedly",
  "pg_dump: [archiver (db)] connection to database failed",
  '/usr/lib/postgresql/15/bin/pg_dumpall: error: pg_dump failed on database "shop", exiting',
  "sqlite3: Error: unable to open database",
];
const OTHER_ERRORS = [
  "sh: 1: mysqldump: not found",
  "bash: line 1: mysqldump: command not found",
  "ERROR 1045 (28000): Access denied for user 'root'@'localhost'",
  "ssh: connect to host db port 22: Connection refused",
  "Error response from daemon: No such container: db",
  "psql: error: connection to server failed",
  "Permission denied, please try again.",
  "Host key verification failed.",
];
const WARNINGS = [
  "mysqldump: [Warning] Using a password on the command line interface can be insecure.",
  "Warning: A partial dump from a server that has GTIDs will by default include the GTIDs",
  "WARNING: --master-data is deprecated and will be removed in a future version. Use --source-data instead.",
  "-- Warning: Skipping the data of table mysql.event. Specify the --events option explicitly.",
  "mysqldump: Deprecated program name. It will be removed in a future release, use '/usr/bin/mariadb-dump' instead",
  "/usr/bin/mysqldump: Deprecated program name. It will be removed in a future release",
  "pg_dump: warning: there are circular foreign-key constraints on this table:",
];
const PROGRESS = [
  "pg_dump: last built-in OID is 16383",
  'pg_dump: dumping contents of table "public.t"',
  "pg_dump: detail: t",
];
const NO_MESSAGES = [
  "INSERT INTO t VALUES (0, '/usr/bin/mysqldump: Error');",
  "-- mysqldump: a comment",
  " mysqldump: Got error: indented",
  "mysqldump",
  "my mysqldump: Got error",
  "pg_dumper: error",
];

Deno.test("messages: errors, warnings and progress of dump programs are told apart, and from all other lines", () => {
  for (const line of ERRORS) assert.equal(messageOfDumpProgram(line), "error", line);
  for (const line of WARNINGS) assert.equal(messageOfDumpProgram(line), "warning", line);
  for (const line of PROGRESS) assert.equal(messageOfDumpProgram(line), "progress", line);
  for (const line of NO_MESSAGES) assert.equal(messageOfDumpProgram(line), null, line);
});

Deno.test("messages: programs around a dump program fail in words of their own", () => {
  for (const line of OTHER_ERRORS) assert.equal(messageOfAnyProgram(line), "error", line);
});

/** The places outside data where a message may stand. */
function placesIn(dump: string, inside: string, line: string): string[] {
  const behindText = `SET a=1;\n${line}${dump}`;
  return [line + dump, behindText, dump.replace(inside, line + inside), dump + line];
}

for (
  const [dump, inside] of [[MYSQLDUMP, "INSERT INTO"], [PG_DUMP, "SET statement"], [SQLITE, "CREATE TABLE"]] as const
) {
  Deno.test(`messages: with an error nothing is whole, a warning is told (${dump.slice(0, 30).trim()})`, async () => {
    for (const line of ERRORS) {
      for (const text of placesIn(dump, inside, `${line}\n`)) {
        const { complete, reason } = await judge(bytesOf(text));
        assert.equal(complete, false, text);
        assert.match(reason, /a program reports an error at byte \d+/);
      }
    }
    for (const line of WARNINGS) {
      for (const text of placesIn(dump, inside, `${line}\n`)) {
        const { complete, notes, reason } = await judge(bytesOf(text));
        assert.equal(complete, true, reason);
        assert.match(notes[0]!, /^remove this line before loading, a message at byte \d+/);
      }
    }
  });
}

Deno.test("messages: an error of a program around the dump program counts behind other text, too", async () => {
  for (const line of OTHER_ERRORS) {
    const { complete, reason } = await judge(bytesOf(`SET a=1;\n${line}\n${MYSQLDUMP}`));
    assert.equal(complete, false, line);
    assert.match(reason, /a program reports an error at byte 9: /);
  }
});

Deno.test("messages: an error says more of a dump that is not closed than its last line does", async () => {
  const cut = MYSQLDUMP.slice(0, MYSQLDUMP.indexOf("-- Dump completed on"));
  const { complete, reason } = await judge(bytesOf(cut + ERRORS[1]));
  assert.equal(complete, false);
  assert.match(reason, /^a program reports an error at byte \d+: "mysqldump: Error 2013: Lost connection/);
});

Deno.test("messages: of several that have to be removed the number is told", async () => {
  const { notes } = await judge(bytesOf(`${WARNINGS[0]}\n${MYSQLDUMP}${WARNINGS[4]}\n`));
  assert.match(
    notes.join(),
    /^remove 2 lines of messages before loading, the first at byte 0: "mysqldump: \[Warning\]/,
  );
});

Deno.test("messages: a stream of nothing else is refused", async () => {
  for (const line of [...ERRORS, ...WARNINGS, ...OTHER_ERRORS]) {
    const { format, complete } = await judge(bytesOf(`\n${line}\n\n`));
    assert.deepEqual([format, complete], ["none", false], line);
  }
});

Deno.test("messages: an error of a dump program in any text is what is left of a dump, one within a line is not", async () => {
  for (const line of ERRORS) {
    for (const text of [`SET a=1;\n${line}\n`, `INSERT INTO t VALUES (1);\n${line}`, `hello\n\n${line}\nhello\n`]) {
      const { format, complete, reason } = await judge(bytesOf(text));
      assert.deepEqual([format, complete], ["none", false], text);
      assert.match(reason, /a program reports an error at byte \d+/);
    }
    assert.equal((await judge(bytesOf(`2026-11-28 ${line}\n`))).complete, null);
  }
  for (const line of [...WARNINGS, ...OTHER_ERRORS]) {
    assert.equal((await judge(bytesOf(`2026-11-28 a log\n${line}\n`))).complete, null, line);
  }
});
