/** get --archive: what goes where, what is refused, and that no archive of damage looks whole. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { putHere } from "../helpers/agent_here.ts";
import { assertFails, bulkNoise, jsonRows, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { fakeWorld, sqlDump } from "../helpers/world.ts";
import { plant } from "../ops/archive_fixture.ts";

const DUMP = sqlDump(3000, "archive");
const MEMBERS = ["prod/", "prod/shop/", "prod/shop/data", "prod/shop.manifest.json"];

async function withDump(): Promise<Sandbox> {
  const box = await sandbox();
  await putHere(box, "prod/shop", DUMP);
  await box.file("dump.sql", DUMP);
  return box;
}

Deno.test("get --archive tar streams stream and manifest to standard output, for tar or into a file", async () => {
  await using box = await withDump();
  const piped = await box.shell(
    `set -o pipefail; "$AGENT" get prod/shop --archive tar | tar --extract --file=- && cmp dump.sql prod/shop/data &&
    "$AGENT" get prod/shop -q --archive tar -o - | tar --list --file=-`,
  );
  assert.equal(piped.exitCode, 0, piped.stderr);
  assert.deepEqual(piped.stdout.trim().split("\n"), MEMBERS);
  assert.match(
    piped.stderr,
    /^Backup \w{8} of \S+, begun 20.*\ntar: 4 members, \d+ KiB in .*\/s; SHA-256 of 1 stream as in the manifest\n$/,
  );
  const [row] = await box.json(["get", "prod/shop", "--archive", "tar", "-o", "shop.tar"]);
  const { stdout: sum } = await box.shell("sha256sum <shop.tar; stat -c %s,%a shop.tar");
  assert.equal(sum, `${row!["sha256"]}  -\n${row!["size"]},600\n`);
  assert.deepEqual([row!["format"], row!["members"], row!["compared"], row!["leftOut"]], ["tar", 4, 1, 0]);
  const onPipe = await box.shell('"$AGENT" get prod/shop --json --archive tar | cmp - shop.tar');
  assert.deepEqual([onPipe.exitCode, onPipe.stdout], [0, ""], "the object does not mix with the archive");
  const { id: _, session, ...facts } = jsonRows(onPipe.stderr)[0]!;
  assert.deepEqual({ id: row!["id"], ...facts, session: row!["session"] }, row);
  assert.notEqual(session, row!["session"]);
});

programTest({
  name: "get --archive zip is a zip archive, also from a pipe",
  needs: ["unzip"],
  async fn() {
    await using box = await withDump();
    const { exitCode, stdout, stderr } = await box.shell(
      `set -e; "$AGENT" get prod/shop -q --archive zip | cat >shop.zip
      unzip -q shop.zip; cmp dump.sql prod/shop/data; unzip -Z1 shop.zip`,
    );
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(stdout.trim().split("\n"), MEMBERS);
  },
});

Deno.test("what contradicts itself or is there already is refused", async () => {
  await using box = await withDump();
  await box.file("there", "precious");
  for (
    const [args, message] of [
      [["--archive", "tar", "--target", "out"], /^agent: Give --archive or --target, not both/],
      [["--archive", "rar"], /argument 'rar' is invalid\. Allowed choices are tar, zip/],
      [["--archive", "tar", "-o", "there"], /^agent: "there" is there already: --overwrite replaces it/],
      [
        ["--archive", "tar", "--file", "no.sql"],
        /^agent: The backup holds no file "no.sql"; it holds prod\/shop\/data/,
      ],
    ] as const
  ) {
    const { exitCode, stderr, stdout } = await box.agent(["get", "prod/shop", ...args]);
    assert.deepEqual([exitCode, stdout], [ExitCode.usage, ""], args.join(" "));
    assert.match(stderr, message);
  }
  assert.equal(await Deno.readTextFile(box.join("there")), "precious");
  await box.ok(["get", "prod/shop", "--archive", "tar", "-o", "there", "--overwrite", "--file", "data"]);
  assert.equal((await box.shell("tar --list --file=there")).stdout, "prod/shop/data\n");
});

programTest({
  name: "an archive is not written to a terminal",
  needs: ["script"],
  async fn({ script }) {
    await using box = await withDump();
    const command = ["-qec", '"$AGENT" get prod/shop --archive tar', "/dev/null"];
    await using running = box.startProgram(script, command);
    const { exitCode, stdout } = await running.outcome();
    assert.equal(exitCode, ExitCode.usage);
    assert.match(stdout, /agent: Refusing to write an archive to a terminal: use -o FILE, or a pipe\r\n$/);
  },
});

Deno.test("a reader that goes away and a full device fail the command", async () => {
  await using box = await sandbox();
  await putHere(box, "s", bulkNoise(3_000_000, "archive"));
  for (const format of ["tar", "zip"]) {
    const script = `{ "$AGENT" get s -q --archive ${format}; echo "exit $?" >&2; } | head -c 100 | wc -c`;
    const { stdout, stderr } = await box.shell(script);
    assert.equal(stdout, "100\n");
    assert.match(stderr, /^agent: The reader of standard output went away before everything was written\nexit 1\n$/);
    const full = await box.agent(["get", "s", "--archive", format, "-o", "/dev/full"]);
    assertFails(full, ExitCode.failed, /Cannot write "\/dev\/full": No space left on device/);
  }
});

Deno.test("damage ends with exit code 4; tar refuses what came, and no file is left behind", async () => {
  await using box = await sandbox();
  await putHere(box, "s", bulkNoise(3_000_000, "damaged archive"));
  await box.damageLargestPack();
  for (const format of ["tar", "zip"]) {
    const outcome = await box.agent(["get", "s", "--archive", format, "-o", "copy"]);
    assertFails(outcome, ExitCode.integrity, /Cannot open blob \w{64} in pack \w{64}: .* does not match/);
    const piped = await box.shell(`"$AGENT" get s -q --archive ${format} >piped; echo $?`);
    assert.equal(piped.stdout, "4\n");
  }
  const names = await Array.fromAsync(Deno.readDir(box.path), ({ name }) => name);
  assert.deepEqual(names.filter((name) => name.includes("copy")), []);
  const listed = await box.shell(`"$AGENT" get s -q --archive tar | tar --list --file=-; echo "\${PIPESTATUS[*]}"`);
  assert.match(listed.stderr, /Unexpected EOF in archive|does not look like a tar archive/);
  assert.match(listed.stdout, /4 2\n$/);
});

Deno.test("entries that the format cannot hold are named, and the rest is whole: exit code 6", async () => {
  await using box = await sandbox();
  await putHere(box, "blog", "text", "--guard", "none");
  const store = openLocalStore(box.repo, { random: systemRandomBytes });
  const world = { ...fakeWorld(), randomBytes: systemRandomBytes };
  const entries = [{ name: "data", chunks: [bulkNoise(100, "in part")] }, { name: "pipe", type: "fifo" } as const];
  const id = await plant({ store, repository: await box.open(), world }, entries);
  await box.ok(["get", `@${id}`, "--archive", "tar", "-o", "whole.tar"]);
  const { exitCode, stderr } = await box.agent(["get", `@${id}`, "-q", "--archive", "zip", "-o", "part.zip"]);
  assert.equal(exitCode, ExitCode.partial);
  assert.equal(
    stderr,
    'agent: warning: Left out: "pipe" is a named pipe, which zip cannot hold\n' +
      "agent: The archive is whole but for 1 entry that zip cannot hold, named above\n",
  );
  assert.ok((await Deno.stat(box.join("part.zip"))).size > 100, "the archive is kept");
  const json = await box.agent(["get", `@${id}`, "--json", "--archive", "zip", "-o", "-"]);
  const [warning, result, failure] = jsonRows(json.stderr);
  assert.deepEqual([warning!["message_type"], result!["leftOut"], failure!["code"]], ["warning", 1, 6]);
});
