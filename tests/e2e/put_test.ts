/** Put: what is committed, what is recorded of it, and what is told. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, bulkNoise, eventually, isGone, type JsonRow, sandbox } from "../helpers/executable.ts";
import { sqlDump } from "../helpers/world.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const ID_LINE = /^[0-9a-f]{64}\n$/;

Deno.test("put gives the id alone on standard output, and a summary for people on standard error", async () => {
  await using box = await sandbox();
  const dump = sqlDump(3000, "a");
  const { exitCode, stdout, stderr } = await box.agent(["put", "prod/shop"], { stdin: dump });
  assert.equal(exitCode, ExitCode.done, stderr);
  assert.match(stdout, ID_LINE);
  assert.match(
    stderr,
    /^prod\/shop level 0 [0-9a-f]{8}: mysqldump, whole; .* s\n {2}\d+ KiB read, .* new .* stored; .*\/s\n$/,
  );
  assert.ok(!stderr.includes("\r"), "no progress where nobody watches");
});

Deno.test("the summary tells the ratio of compression where enough is new to have one", async () => {
  await using box = await sandbox();
  const dump = sqlDump(20_000, "ratio");
  assert.ok(dump.length > 2 ** 20);
  const first = await box.agent(["put", "prod/shop"], { stdin: dump });
  assert.match(first.stderr, / MiB read, .* new .* stored, [2-9]\.\d\d:1; /);
  const second = await box.agent(["put", "prod/shop"], { stdin: dump });
  assert.match(second.stderr, /, 0 B new, .* stored; /);
});

Deno.test("with --quiet put says nothing but the id", async () => {
  await using box = await sandbox();
  const { stdout, stderr } = await box.agent(["put", "a", "--quiet"], { stdin: "x" });
  assert.match(stdout, ID_LINE);
  assert.equal(stderr, "");
});

Deno.test("put --json gives one object with digests and what was stored", async () => {
  await using box = await sandbox();
  const dump = sqlDump(3000, "a");
  await box.put("prod/shop", dump);
  const [row, ...others] = await box.json(["put", "prod/shop"], { stdin: dump });
  assert.equal(others.length, 0);
  const { id, level, parent, size, bytesRead, bytesAdded, bytesStored, stored, blobsNew, blobsReused } = row!;
  assert.match(String(id), /^[0-9a-f]{64}$/);
  assert.deepEqual({ level, size, bytesRead, bytesAdded, blobsNew }, {
    level: 1,
    size: dump.length,
    bytesRead: dump.length,
    bytesAdded: 0,
    blobsNew: 0,
  });
  assert.match(String(parent), /^[0-9a-f]{64}$/);
  assert.ok(Number(blobsReused) > 10);
  const [listed] = (await box.json(["ls"])).slice(-1);
  const [shown] = await box.json(["show", "prod/shop"]);
  assert.ok(Number(stored) > 500, `the manifest and what leads to it took ${stored}`);
  assert.deepEqual([bytesStored, listed!["stored"], shown!["stored"]], [stored, stored, stored]);
  const [file] = row!["files"] as JsonRow[];
  assert.deepEqual(file, {
    path: "data",
    size: dump.length,
    md5: hash("md5", dump),
    sha256: hash("sha256", dump),
    blobs: blobsReused,
    guard: { format: "mysqldump", complete: true },
  });
});

Deno.test("what the options say is recorded in the manifest", async () => {
  await using box = await sandbox();
  const options = ["--tag", "nightly", "--tag", "eu,ssd", "--host", "db7", "--time", "2026-03-04T05:06:07Z"];
  const more = ["--run-type", "weekly", "--filename", "shop.sql", "--chunk-size", "64K", "--guard", "none"];
  const id = await box.put("prod/shop", "hello", ...options, ...more);
  const [shown] = await box.json(["show", "prod/shop"]);
  const manifest = shown!["manifest"] as JsonRow;
  assert.equal(shown!["id"], id);
  assert.deepEqual(manifest["tags"], ["nightly", "eu", "ssd"]);
  assert.equal(manifest["host"], "db7");
  assert.equal(manifest["started"], "2026-03-04T05:06:07Z");
  assert.equal(manifest["runType"], "weekly");
  assert.equal((manifest["chunker"] as JsonRow)["average"], 64 * 1024);
  assert.equal((manifest["engine"] as JsonRow)["name"], "stream");
  const [file] = manifest["files"] as JsonRow[];
  assert.equal(file!["path"], "shop.sql");
  assert.equal(file!["md5"], hash("md5", "hello"));
  const text = await box.ok(["show", "prod/shop"]);
  for (
    const word of [id, "db7", "weekly", "nightly, eu, ssd", "prod/shop/shop.sql", "64.0 KiB", hash("md5", "hello")]
  ) {
    assert.ok(text.includes(word), `show tells ${word}`);
  }
});

Deno.test("a series keeps its chunk size until told otherwise", async () => {
  await using box = await sandbox();
  const averages: unknown[] = [];
  for (const options of [["--chunk-size", "4K"], [], ["--chunk-size", "16K"]]) {
    await box.put("s", "x", ...options);
    const [shown] = await box.json(["show", "s"]);
    averages.push(((shown!["manifest"] as JsonRow)["chunker"] as JsonRow)["average"]);
  }
  assert.deepEqual(averages, [4096, 4096, 16384]);
});

Deno.test("harder compression stores less, no compression stores all", async () => {
  const dump = sqlDump(8000, "a");
  const stored = async (level: string) => {
    await using box = await sandbox();
    const [row] = await box.json(["put", "s", "--compression", level], { stdin: dump });
    assert.equal(await box.ok(["get", "s", "-q"]), new TextDecoder().decode(dump), level);
    return Number(row!["bytesStored"]);
  };
  const levels = ["off", "fastest", "auto", "better", "max"];
  const [off, fastest, auto, better, max] = await Promise.all(levels.map(stored));
  assert.ok(off! > dump.length, `off: ${off}`);
  assert.ok(
    Math.max(fastest!, auto!, better!, max!) < off! / 2 && max! < Math.min(fastest!, auto!, better!),
    `${fastest} ${auto} ${better} ${max}`,
  );
});

Deno.test("a time in the future is warned of before the stream is read", async () => {
  await using box = await sandbox();
  // It gives nothing before the warning is there.
  const source = "until grep -q future words; do sleep 0.02; done; echo read >&2; echo data";
  const outcome = await box.shell(`"$AGENT" put s --time 2999-01-01T00:00Z -- sh -c '${source}' 2>words`);
  const words = await Deno.readTextFile(box.join("words"));
  assert.match(words, /^agent: warning: --time [^\n]+ lies in the future [^\n]+\nread\n/);
  assert.equal(outcome.exitCode, ExitCode.done);
  const past = await box.agent(["put", "other", "-q", "--time", "2026-08-30 03:17:02 +02:00"], { stdin: "x" });
  assert.deepEqual([past.exitCode, past.stderr], [ExitCode.done, ""]);
  const [listed] = await box.json(["ls", "other"]);
  assert.equal(listed!["started"], "2026-08-30T01:17:02Z");
});

Deno.test("an empty stream is a failure of its source, unless it is allowed", async () => {
  await using box = await sandbox();
  assertFails(await box.agent(["put", "s"]), ExitCode.source, /the stream is empty; --allow-empty permits that/);
  assert.deepEqual(await box.json(["ls"]), []);
  await box.put("s", "", "--allow-empty");
  assert.equal(await box.ok(["get", "s", "-q"]), "");
});

Deno.test("a standard input that is closed is no stream", async () => {
  await using box = await sandbox();
  const { exitCode, stderr } = await box.shell('exec "$AGENT" put s <&-');
  // Only the shell header of the self-extracting form sees that it was closed.
  const [code, message] = exitCode === ExitCode.usage
    ? [ExitCode.usage, /Standard input is closed/]
    : [ExitCode.source, /the stream is empty/];
  assert.equal(exitCode, code);
  assert.match(stderr, message);
});

Deno.test("a stream shorter than expected is refused", async () => {
  await using box = await sandbox();
  const tooShort = await box.agent(["put", "s", "--min-size", "1K"], { stdin: "x".repeat(1023) });
  assertFails(tooShort, ExitCode.source, /1023 B, but at least 1\.00 KiB were expected/);
  await box.put("s", "x".repeat(1024), "--min-size", "1K");
  assert.equal((await box.json(["ls"])).length, 1);
});

Deno.test("a command's output is backed up, whatever it writes to standard error", async () => {
  await using box = await sandbox();
  const script = "head -c 3000000 /dev/zero | tr '\\0' 'e' >&2; echo kept";
  const { exitCode, stdout, stderr } = await box.agent(["put", "s", "-q", "--", "sh", "-c", script]);
  assert.equal(exitCode, ExitCode.done);
  assert.match(stdout, ID_LINE);
  assert.equal(stderr, "e".repeat(3_000_000), "standard error is the command's own");
  assert.equal(await box.ok(["get", "s", "-q"]), "kept\n");
});

Deno.test("options behind -- are the command's", async () => {
  await using box = await sandbox();
  await box.ok(["put", "s", "--", "printf", "%s ", "--json", "--guard", "-q"]);
  assert.equal(await box.ok(["get", "s", "-q"]), "--json --guard -q ");
});

const FAILING_COMMANDS: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
  [["sh", "-c", "echo data; exit 7"], /"sh" exited with 7; nothing was committed/],
  [["sh", "-c", "echo data; kill -9 $$"], /"sh" was ended by SIGKILL; nothing was committed/],
  [["sh", "-c", "exit 1"], /"sh" exited with 1; nothing was committed/],
  [["no-such-program-anywhere"], /Cannot start the command "no-such-program-anywhere": there is no such program/],
  [["/etc/passwd"], /Cannot start the command "\/etc\/passwd".*Permission denied/],
];

Deno.test("a command that fails, dies or is not there commits nothing: exit code 3", async () => {
  await using box = await sandbox();
  for (const [argv, message] of FAILING_COMMANDS) {
    assertFails(await box.agent(["put", "s", "--", ...argv]), ExitCode.source, message);
  }
  assert.deepEqual(await box.json(["ls"]), []);
  assert.deepEqual(await box.names("locks"), []);
});

Deno.test("a command ends when its backup cannot begin", async () => {
  await using box = await sandbox();
  const options = ["-r", box.join("nowhere"), "--", "sh", "-c", "echo $$ > pid; exec sleep 600"];
  assertFails(await box.agent(["put", "s", ...options]), ExitCode.noRepository, /There is no repository/);
  const pid = Number(await Deno.readTextFile(box.join("pid")).catch(() => ""));
  if (pid > 0) await eventually("the end of the command", () => isGone(pid) || undefined);
});

Deno.test("backups of one series and host follow each other, those of another host begin anew", async () => {
  await using box = await sandbox();
  const first = await box.put("s", "1");
  const second = await box.put("s", "2");
  await box.put("s", "3", "--host", "elsewhere");
  const rows = await box.json(["ls", "s"]);
  assert.deepEqual(rows.map(({ level, parent }) => [level, parent]), [[0, null], [1, first], [0, null]]);
  assert.equal(rows[1]!["id"], second);
});

Deno.test("a long stream of noise comes back as it was", async () => {
  await using box = await sandbox();
  const stream = bulkNoise(20_000_000, "long");
  await box.put("s", stream);
  await box.ok(["get", "s", "-q", "-o", box.join("copy")]);
  assert.equal(hash("sha256", await Deno.readFile(box.join("copy"))), hash("sha256", stream));
});

Deno.test("a result that cannot be written is a failure, words that cannot are none", async () => {
  await using box = await sandbox();
  const lost = await box.shell('echo x | "$AGENT" put s >/dev/full');
  assertFails(lost, ExitCode.failed, /Standard output cannot be written: No space left on device/);
  const { exitCode, stdout } = await box.shell('echo x | "$AGENT" put s 2>/dev/full');
  assert.equal(exitCode, ExitCode.done);
  assert.match(stdout, ID_LINE);
  assert.equal((await box.shell('"$AGENT" get nothing 2>/dev/full')).exitCode, ExitCode.usage);
});

Deno.test("put refuses a series whose manifest could have no name, and warns of one that is nearly there", async () => {
  await using box = await sandbox();
  const refused = await box.agent(["put", `prod/${"n".repeat(242)}`], { stdin: "x" });
  assertFails(refused, ExitCode.usage, /longer than 241 bytes/);
  await box.put(`prod/${"n".repeat(241)}`, "x");
  await box.put("prod/shop", "x");
  const { exitCode, stderr } = await box.agent(["put", "Prod/shop", "-q"], { stdin: "x" });
  assert.equal(exitCode, ExitCode.done);
  assert.match(stderr, /^agent: warning: There is a series "prod\/shop".*"Prod\/shop" only in case; [^\n]*\n$/);
  const [row] = await box.json(["put", "prod/SHOP"], { stdin: "x" });
  assert.equal((row!["warnings"] as string[]).length, 1);
});
