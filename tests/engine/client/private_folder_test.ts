/** Private folders: who may look into them, and what becomes of those that a killed process left behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentError } from "../../../src/base/errors.ts";
import { PrivateFolder } from "../../../src/engine/client/private_folder.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

const names = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

/** A folder whose process is gone: nobody holds its lock. */
async function leftBehind(parent: string, name = "agent-private-gone"): Promise<string> {
  const path = join(parent, name);
  await Deno.mkdir(path, { mode: 0o700 });
  await Deno.writeTextFile(join(path, ".lock"), "");
  await Deno.writeTextFile(join(path, "password"), "secret");
  return path;
}

Deno.test("nobody else may read a private folder and its files, and nothing of it stays", async () => {
  await using directory = new TestDirectory();
  {
    await using folder = await PrivateFolder.make(directory.path);
    const file = await folder.write("password", "secret");
    assert.equal((await Deno.stat(folder.path)).mode! & 0o777, 0o700);
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    assert.equal(await Deno.readTextFile(file), "secret");
    await assert.rejects(folder.write("password", "again"), AgentError);
    await folder[Symbol.asyncDispose]();
    assert.deepEqual(names(directory.path), []);
  }
  assert.deepEqual(names(directory.path), []);
});

Deno.test("whoever gives a folder up, while another does, hears of it when the folder is gone", async () => {
  await using directory = new TestDirectory();
  for (let round = 0; round < 100; round++) {
    const folder = await PrivateFolder.make(directory.path);
    await folder.write("password", "secret");
    const first = folder[Symbol.asyncDispose]();
    // As late as a restore that is interrupted, which gives up its target twice.
    for (let turn = 0; turn < round; turn++) await null;
    await folder[Symbol.asyncDispose]();
    assert.deepEqual(names(directory.path), []);
    await first;
  }
});

Deno.test("what a killed process left behind is swept, and nothing else", async () => {
  await using directory = new TestDirectory();
  await using inUse = await PrivateFolder.make(directory.path);
  const gone = await leftBehind(directory.path);
  const open = await leftBehind(directory.path, "agent-private-open");
  await Deno.chmod(open, 0o755);
  await Deno.mkdir(join(directory.path, "elsewhere"), { mode: 0o700 });
  const outside = await leftBehind(join(directory.path, "elsewhere"));
  await Deno.symlink(outside, join(directory.path, "agent-private-link"));
  await using another = await PrivateFolder.make(directory.path);
  await assert.rejects(Deno.stat(gone), Deno.errors.NotFound);
  assert.deepEqual(names(outside), [".lock", "password"]);
  assert.deepEqual(names(open), [".lock", "password"]);
  for (const folder of [inUse, another]) assert.deepEqual(names(folder.path), [".lock"]);
});

Deno.test("folders are made side by side", async () => {
  await using directory = new TestDirectory();
  const folders = await Promise.all(Array.from({ length: 20 }, () => PrivateFolder.make(directory.path)));
  assert.equal(names(directory.path).length, folders.length);
  for (const folder of folders) {
    await folder.write("x", "y");
    await folder[Symbol.asyncDispose]();
  }
  assert.deepEqual(names(directory.path), []);
});

Deno.test("a folder that cannot be made is an error that says what to do", async () => {
  await assert.rejects(PrivateFolder.make("/nowhere/at/all"), /private temporary folder: .*TMPDIR/);
});
