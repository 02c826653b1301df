/** Get, verify, show: what comes back, and that nothing which looks good ever comes from damage. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { okHere, putHere } from "../helpers/agent_here.ts";
import {
  assertFails,
  assertFailsAfterOutput,
  bulkNoise,
  EXECUTABLE,
  jsonRows,
  sandbox,
} from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { sqlDump } from "../helpers/world.ts";

const DUMP = sqlDump(3000, "get");
const TEXT = new TextDecoder().decode(DUMP);

Deno.test("get writes the stream to standard output and says on standard error what it compared", async () => {
  await using box = await sandbox();
  await putHere(box, "prod/shop", DUMP);
  const { stdout, stderr, exitCode } = await box.agent(["get", "prod/shop"]);
  assert.equal(exitCode, ExitCode.done);
  assert.ok(stdout === TEXT, "the same bytes");
  assert.match(
    stderr,
    /^Backup \w{8} of \S+, begun 20.* [+-]\d\d:\d\d\nprod\/shop\/data: \d+ KiB in .*\/s; SHA-256 as in the manifest\n$/,
  );
  const toDash = await box.agent(["get", "prod/shop", "-q", "-o", "-"]);
  assert.ok(toDash.stdout === TEXT && toDash.stderr === "");
  const json = await box.agent(["get", "prod/shop", "--json"]);
  assert.ok(json.stdout === TEXT, "the object does not mix with the stream");
  assert.deepEqual(Object.keys(jsonRows(json.stderr)[0]!), [
    "id",
    "path",
    "size",
    "md5",
    "sha256",
    "compared",
    "session",
  ]);
});

Deno.test("get -o makes a private file, and replaces one only when told to", async () => {
  await using box = await sandbox();
  await putHere(box, "s", DUMP);
  const [row] = await box.json(["get", "s", "-o", "shop.sql"]);
  assert.equal(row!["compared"], true);
  assert.equal(await Deno.readTextFile(box.join("shop.sql")), TEXT);
  assert.equal((await Deno.stat(box.join("shop.sql"))).mode! & 0o777, 0o600);
  await putHere(box, "s", "newer", "--guard", "none");
  assertFails(
    await box.agent(["get", "s", "-o", "shop.sql"]),
    ExitCode.usage,
    /"shop.sql" is there already: --overwrite/,
  );
  assert.equal(await Deno.readTextFile(box.join("shop.sql")), TEXT);
  await box.ok(["get", "s", "-o", "shop.sql", "--overwrite"]);
  assert.equal(await Deno.readTextFile(box.join("shop.sql")), "newer");
});

Deno.test("get -o refuses what it cannot replace", async () => {
  await using box = await sandbox();
  await putHere(box, "s", "x");
  assertFails(await box.agent(["get", "s", "-o", "repo"]), ExitCode.usage, /"repo" is a directory/);
  for (const name of ["repo/", "new/", ""]) {
    assertFails(await box.agent(["get", "s", "-o", name]), ExitCode.usage, /is a directory: name a file/);
  }
  assertFails(
    await box.agent(["get", "s", "-o", "no/file"]),
    ExitCode.failed,
    /Cannot create "no\/file": No such file/,
  );
});

Deno.test("get -o writes to devices and pipes as they are, and a failure there is told", async () => {
  await using box = await sandbox();
  await putHere(box, "s", DUMP);
  assert.equal(await box.ok(["get", "s", "-q", "-o", "/dev/null"]), "");
  const { isCharDevice } = await Deno.stat("/dev/null");
  assert.equal(isCharDevice, true, "it is still there");
  assert.ok(await box.ok(["get", "s", "-q", "-o", "/dev/stdout"]) === TEXT);
  const appended = await box.shell('echo before >out; "$AGENT" get s -q -o /dev/stdout >>out; head -n 1 out');
  assert.equal(appended.stdout, "before\n", "standard output is not opened anew");
  const full = await box.agent(["get", "s", "-o", "/dev/full"]);
  assertFails(full, ExitCode.failed, /Cannot write "\/dev\/full": No space left on device/);
  const fifo = await box.shell('mkfifo pipe; cat pipe >read & "$AGENT" get s -q -o pipe && wait && test -p pipe');
  assert.equal(fifo.exitCode, 0, fifo.stderr);
  assert.equal(await Deno.readTextFile(box.join("read")), TEXT);
  const linked = await box.shell('ln -s /dev/null null && "$AGENT" get s -q -o null && test -L null');
  assert.equal(linked.exitCode, 0, linked.stderr);
  const gone = await box.shell('"$AGENT" get s -o pipe & exec 3<pipe; exec 3<&-; wait $!');
  assert.equal(gone.stdout, "");
  await okHere(box, ["check"]);
});

Deno.test("get -o --overwrite takes the place of a file whatever its permissions, never of what a link leads to", async () => {
  await using box = await sandbox();
  await putHere(box, "s", "restored");
  for (const mode of [0o000, 0o444, 0o777]) {
    const path = await box.file("odd", "before");
    await Deno.chmod(path, mode);
    await box.ok(["get", "s", "-o", "odd", "--overwrite"]);
    assert.equal(await Deno.readTextFile(path), "restored");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600, "nobody else reads what was restored");
    await Deno.remove(path);
  }
  await box.file("target", "precious");
  for (const [name, target] of [["link", "target"], ["dangling", "nowhere"]] as const) {
    await Deno.symlink(target, box.join(name));
    const outcome = await box.agent(["get", "s", "-o", name, "--overwrite"]);
    assertFails(outcome, ExitCode.usage, /is a symbolic link: name the file itself/);
  }
  assert.equal(await Deno.readTextFile(box.join("target")), "precious");
  const longest = "n".repeat(255);
  await box.ok(["get", "s", "-o", longest]);
  assert.equal(await Deno.readTextFile(box.join(longest)), "restored");
});

Deno.test("get --target writes to nothing but files that it makes", async () => {
  await using box = await sandbox();
  await putHere(box, "s", "restored");
  await Deno.mkdir(box.join("all/s"), { recursive: true });
  await Deno.symlink("/dev/null", box.join("all/s/data"));
  const outcome = await box.agent(["get", "s", "--target", "all", "--overwrite"]);
  assertFails(outcome, ExitCode.usage, /"all\/s\/data" is not a regular file/);
});

programTest({
  name: "get does where a filesystem cannot flush folders, and tell where flushing one fails",
  needs: ["strace"],
  async fn({ strace }) {
    await using box = await sandbox();
    await putHere(box, "s", "restored");
    const run = async (error: string, name: string) => {
      const inject = ["-f", "-qq", "-o", "/dev/null", "-P", box.path, "-e", `inject=fsync:error=${error}`];
      await using running = box.startProgram(strace, [...inject, EXECUTABLE, "get", "s", "-q", "-o", name]);
      await running.closeInput();
      return await running.outcome();
    };
    for (const error of ["EINVAL", "EOPNOTSUPP", "ENOSYS", "ENOTTY"]) {
      const { exitCode, stderr } = await run(error, error);
      assert.deepEqual([exitCode, stderr], [ExitCode.done, ""], error);
      assert.equal(await Deno.readTextFile(box.join(error)), "restored");
    }
    assertFails(await run("EIO", "out"), ExitCode.failed, /Cannot finish "out": Input\/output error/);
  },
});

Deno.test("a warning is a line for people, or an object for programs", async () => {
  await using box = await sandbox();
  await putHere(box, "s", "x", "--time", "2999-01-01T00:00:00Z");
  const text = await box.agent(["get", "s", "-o", "text", "--quiet"]);
  assert.match(
    text.stderr,
    /^agent: warning: The latest backup of "s", [0-9a-f]{8}, claims to have begun in the future/,
  );
  const json = await box.agent(["get", "s", "-o", "json", "--json"]);
  const [warning, ...others] = jsonRows(json.stderr);
  assert.deepEqual([json.exitCode, others, Object.keys(warning!)], [0, [], ["message_type", "message"]]);
  assert.equal(`agent: warning: ${warning!["message"]}\n`, text.stderr);
});

programTest({
  name: "the lists of show are what md5sum and sha256sum check restored files against",
  needs: ["md5sum", "sha256sum"],
  async fn() {
    await using box = await sandbox();
    await putHere(box, "prod/shop", DUMP, "--filename", "shop dump.sql");
    await box.ok(["get", "prod/shop", "--target", "restored"]);
    const sums = '"$AGENT" show prod/shop --md5sums | (cd restored && md5sum -c -) && ' +
      '"$AGENT" show prod/shop --sha256sums | (cd restored && sha256sum -c --strict -)';
    const { exitCode, stdout, stderr } = await box.shell(`set -o pipefail; ${sums}`);
    assert.equal(exitCode, 0, stderr);
    assert.equal(stdout, "prod/shop/shop dump.sql: OK\n".repeat(2));
    const again = await box.agent(["get", "prod/shop", "--target", "restored"]);
    assertFails(again, ExitCode.usage, /"restored\/prod\/shop\/shop dump.sql" is there already/);
  },
});

Deno.test("verify reads everything again and judges it again", async () => {
  await using box = await sandbox();
  await putHere(box, "s", DUMP);
  assert.match(
    await box.ok(["verify", "s"]),
    /^OK s\/data: .*; MD5 and SHA-256 as in the manifest; mysqldump whole\nOK chain of s: .*\n$/,
  );
  const [row] = await box.json(["verify", "s"]);
  assert.equal((row!["guard"] as { complete: unknown }).complete, true);
  assert.equal(await box.ok(["verify", "s", "--quiet"]), "");
});

Deno.test("a damaged pack: exit code 4 names blob, pack and what to do, and no file is left behind", async () => {
  await using box = await sandbox();
  await putHere(box, "s", bulkNoise(300_000, "damaged"));
  const pack = await box.damageLargestPack();
  const named = new RegExp(`blob [0-9a-f]{64}.* pack ${pack}: .*; "agent check --read-data" tells .* an older one may`);
  assertFails(await box.agent(["get", "s", "-o", "out"]), ExitCode.integrity, named);
  assertFails(await box.agent(["verify", "s"]), ExitCode.integrity, named);
  assertFails(await box.agent(["get", "s", "--target", "all"]), ExitCode.integrity, named);
  assertFailsAfterOutput(await box.agent(["get", "s"]), ExitCode.integrity, named);
  const left = (await Array.fromAsync(Deno.readDir(box.path))).map(({ name }) => name).sort();
  assert.deepEqual(left, ["all", "password", "repo"]);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(box.join("all/s")))).map(({ name }) => name), []);
});

Deno.test("a lost pack and one cut short are found, too", async () => {
  await using box = await sandbox();
  await putHere(box, "s", bulkNoise(300_000, "lost"));
  const [largest] = await box.packs();
  await box.replace(largest!, (await Deno.readFile(largest!)).subarray(0, 100_000));
  assertFails(await box.agent(["verify", "s"]), ExitCode.integrity, new RegExp(basename(largest!)));
  await Deno.remove(largest!);
  assertFails(await box.agent(["verify", "s"]), ExitCode.integrity, new RegExp(basename(largest!)));
});

Deno.test("a reader that closes the pipe early ends get without a stack, and not as done", async () => {
  await using box = await sandbox();
  await putHere(box, "s", bulkNoise(5_000_000, "pipe"));
  const { stdout, stderr } = await box.shell(
    '"$AGENT" get s 2>words | head -c 1 | wc -c; echo "${PIPESTATUS[0]}"; cat words',
  );
  assert.match(stdout, /^1\n[1-9]\d*\nagent: The reader of standard output went away before everything was written\n$/);
  assert.equal(stderr, "");
  assert.deepEqual(await box.names("locks"), []);
});

Deno.test("a standard output that is full ends get with one line", async () => {
  await using box = await sandbox();
  await putHere(box, "s", DUMP);
  const outcome = await box.shell('exec "$AGENT" get s >/dev/full');
  assertFails(outcome, ExitCode.failed, /Standard output cannot be written: No space left/);
});
