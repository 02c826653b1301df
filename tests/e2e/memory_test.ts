/** A series has a memory: what the commands say of streams that are less than those before, and by which exit code. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, type JsonRow, jsonRows, sandbox } from "../helpers/executable.ts";
import { noise, sqlDump } from "../helpers/world.ts";

const DUMP = sqlDump(400, "memory");
const SMALL = sqlDump(100, "memory");
const RUBBISH = "no such service\n";

Deno.test("what is left of a failed dump is refused with exit code 3, and the message says what to do", async () => {
  await using box = await sandbox();
  const id = await box.put("prod/shop", DUMP);
  const before = await box.ok(["ls", "--json"]);
  const refused = await box.agent(["put", "prod/shop"], { stdin: RUBBISH });
  assertFails(
    refused,
    ExitCode.source,
    new RegExp(
      `Refusing to back up "prod/shop": the stream is of no format a guard knows, that of backup ${id.slice(0, 8)} ` +
        `\\(20[^)]*\\) was mysqldump; --guard none accepts it, --guard FORMAT insists on a format; nothing was committed`,
    ),
  );
  assert.equal(await box.ok(["ls", "--json"]), before);
  await box.put("prod/shop", RUBBISH, "--guard", "none");
  assertFails(await box.agent(["put", "prod/shop", "-q"], { stdin: RUBBISH }), ExitCode.source, /was mysqldump/);
  assertFails(
    await box.agent(["put", "prod/shop"], { stdin: gzipSync(noise(3000, "unknown")) }),
    ExitCode.source,
    /nobody can judge what is in the gzip stream/,
  );
});

Deno.test("another format is told in a line that --quiet swallows and --json has in its object", async () => {
  await using box = await sandbox();
  await box.put("s", DUMP);
  const packed = gzipSync(DUMP);
  const line =
    /^agent: note: the stream is recognised as gzip\+mysqldump, that of backup \w{8} \([^)]*\) was mysqldump$/m;
  const told = await box.agent(["put", "s"], { stdin: packed });
  assert.equal(told.exitCode, ExitCode.done);
  assert.match(told.stderr, line);
  assert.equal((await box.agent(["put", "s", "-q"], { stdin: DUMP })).stderr, "");
  const json = await box.agent(["put", "s", "--json"], { stdin: packed });
  assert.equal(json.stderr, "");
  const { notes, warnings } = JSON.parse(json.stdout) as { notes: string[]; warnings: string[] };
  assert.match(notes[0]!, /^the stream is recognised as gzip\+mysqldump, .* was mysqldump$/);
  assert.deepEqual([notes.length, warnings], [1, []]);
  const [again] = await box.json(["put", "s"], { stdin: packed });
  assert.deepEqual(again!["notes"], []);
});

Deno.test("a stream below half is committed, warned of whatever --quiet says, and marked everywhere", async () => {
  await using box = await sandbox();
  const first = await box.put("s", DUMP);
  const quiet = await box.agent(["put", "s", "-q"], { stdin: SMALL });
  assert.equal(quiet.exitCode, ExitCode.done);
  assert.match(
    quiet.stderr,
    new RegExp(
      `^agent: warning: "s" shrank: the stream has [^;]* KiB, below 50 % of the [^;]* KiB of backup ` +
        `${first.slice(0, 8)} \\([^)]*\\); is everything in it\\?\\n$`,
    ),
  );
  const id = quiet.stdout.trim();
  assert.match(await box.ok(["ls"]), /mysqldump, shrunk/);
  assert.deepEqual((await box.json(["ls"])).map((row) => row["shrunk"]), [false, true]);
  assert.match(
    await box.ok(["show", "s"]),
    new RegExp(`^ {2}shrunk +from .* KiB of backup ${first.slice(0, 8)}$`, "m"),
  );
  const [shown] = await box.json(["show", "s"]);
  assert.equal(shown!["shrunk"], true);
  const [file] = (shown!["manifest"] as JsonRow)["files"] as JsonRow[];
  assert.deepEqual(file!["shrunk"], { from: DUMP.length, of: first });
  assert.match(await box.ok(["status"]), /ok, shrunk/);
  const [status] = await box.json(["status"]);
  assert.deepEqual((status!["runs"] as JsonRow[]).map((run) => [run["id"], run["shrunk"]]), [[id, true]]);
  assert.match(await box.ok(["chain", "s"]), /mysqldump whole, shrunk/);
  assert.deepEqual((await box.json(["chain", "s"])).map((row) => row["shrunk"]), [false, true]);
  const [second] = await box.json(["put", "s"], { stdin: SMALL });
  assert.deepEqual([second!["shrunk"], second!["warnings"]], [false, []]);
  assert.ok(!(await box.ok(["status"])).includes("shrunk"));
});

Deno.test("put --json has the warning in its object and on standard error", async () => {
  await using box = await sandbox();
  await box.put("s", DUMP);
  const { stdout, stderr } = await box.agent(["put", "s", "--json"], { stdin: SMALL });
  const row = JSON.parse(stdout) as JsonRow;
  assert.equal(row["shrunk"], true);
  assert.equal((row["warnings"] as string[]).length, 1);
  const [warning, ...others] = jsonRows(stderr);
  assert.deepEqual([warning!["message_type"], others], ["warning", []]);
  assert.match(String(warning!["message"]), /^"s" shrank: /);
});

Deno.test("--min-of-parent refuses with exit code 3, or compares nothing", async () => {
  await using box = await sandbox();
  await box.put("s", DUMP);
  for (const share of ["50%", "50", "99%"]) {
    const refused = await box.agent(["put", "s", "--min-of-parent", share], { stdin: SMALL });
    assertFails(
      refused,
      ExitCode.source,
      /below \d\d % of the .*; --min-of-parent off accepts it; nothing was committed/,
    );
  }
  assert.equal((await box.json(["ls"])).length, 1);
  await box.put("s", SMALL, "--min-of-parent", "10%");
  const off = await box.agent(["put", "s", "-q", "--min-of-parent", "off"], { stdin: sqlDump(1, "memory") });
  assert.deepEqual([off.exitCode, off.stderr], [ExitCode.done, ""]);
  assert.deepEqual((await box.json(["ls"])).map((row) => row["shrunk"]), [false, false, false]);
  for (const share of ["0", "101%", "half"]) {
    assertFails(
      await box.agent(["put", "s", "--min-of-parent", share], { stdin: DUMP }),
      ExitCode.usage,
      /Not a share/,
    );
  }
});
