/** Trees that begin with a directory instead of the root of the file system. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { selectionBelow } from "../../../src/engine/files/roots/below_base.ts";
import { ruleOfArgument } from "../../../src/engine/files/selection/pattern.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { filesRequest, readTrial } from "./files_trial.ts";

function dumps(): TestDirectory {
  const directory = new TestDirectory();
  directory.write("dump.sql", "CREATE TABLE a");
  directory.write("log/old.txt", "yesterday");
  directory.write("log/sub/new.txt", "x".repeat(20_000));
  return directory;
}

/** The same selection of PATHs below a directory. */
function below(base: string, rules: Parameters<typeof filesRequest>[1] = {}, roots = [base]) {
  const { selection } = filesRequest(roots, rules);
  return { roots: [], options: { request: { base }, rules: selectionBelow(base.slice(1), selection) } };
}

async function pathsBelow(base: string, rules?: Parameters<typeof filesRequest>[1], roots?: string[]) {
  const { options } = below(base, rules, roots);
  const { entries, problems } = await readTrial([], options);
  assert.deepEqual(problems, []);
  return entries.map(({ path }) => path);
}

Deno.test("a tree that begins with a directory has the paths below it, small and large files alike", async () => {
  await using directory = dumps();
  const { entries, problems } = await readTrial([], below(directory.path).options);
  assert.deepEqual(entries.map(({ path }) => path), ["dump.sql", "log/old.txt", "log/sub/new.txt", "log/sub", "log"]);
  assert.equal(new TextDecoder().decode(entries[0]!.content as Uint8Array), "CREATE TABLE a");
  assert.equal((entries[2]!.content as Uint8Array).length, 20_000);
  assert.deepEqual(problems, []);
});

Deno.test("rules and PATHs of such a tree are below its directory, and what is to stay empty stays so", async () => {
  await using directory = dumps();
  const { path } = directory;
  const anchored = { rules: { excluded: [ruleOfArgument("/log/sub")] } };
  assert.deepEqual(await pathsBelow(path, anchored), ["dump.sql", "log/old.txt", "log"]);
  assert.deepEqual(await pathsBelow(path, {}, [`${path}/log/sub`]), ["log/sub/new.txt", "log/sub", "log"]);
  const emptied = { rules: { emptied: [{ path: `${path.slice(1)}/log`, file: null, why: "the repository" }] } };
  assert.deepEqual(await pathsBelow(path, emptied), ["dump.sql", "log"]);
  assert.throws(() => below(`${path}/log`, {}, [`${path}/dump.sql`]), UsageError);
  assert.throws(() => below(`${path}/log`, {}, [`${path}/logs`]), /does not lie in/);
});

Deno.test("a directory with nothing in it is no tree to begin with", async () => {
  await using directory = new TestDirectory();
  await assert.rejects(readTrial([], below(directory.path).options), /Nothing could be read/);
});
