/** The file of a new password: private, never over another one, and there as long as its password may open something. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { type AgentError, ExitCode, TemporaryError, UsageError } from "../../../src/base/errors.ts";
import { writePasswordFile } from "../../../src/cli/password/new_file.ts";
import { seededRandom } from "../../helpers/world.ts";

const random = () => seededRandom("password file");

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "agent-password-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

Deno.test("the file holds the password and is its owner's alone", () =>
  withFolder(async (folder) => {
    const { path, password, isRandom } = await writePasswordFile(`${folder}/new`, random());
    equal(await Deno.readTextFile(path), `${new TextDecoder().decode(password as Uint8Array)}\n`);
    equal((password as Uint8Array).length, 43);
    ok(isRandom);
    equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    deepEqual(await namesIn(folder), ["new"]);
  }));

Deno.test("nothing is written over a file, a folder or a link that leads nowhere", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "another password");
    await Deno.mkdir(`${folder}/folder`);
    await Deno.symlink(`${folder}/nowhere`, `${folder}/link`);
    for (const name of ["file", "folder", "link"]) {
      await rejects(writePasswordFile(`${folder}/${name}`, random()), UsageError, name);
    }
    equal(await Deno.readTextFile(`${folder}/file`), "another password");
    deepEqual(await namesIn(folder), ["file", "folder", "link"]);
    await rejects(
      writePasswordFile(`${folder}/absent/new`, random()),
      /^AgentError: Cannot write the password file .*: No such file/,
    );
  }));

Deno.test("the file goes when its password opens nothing, and an error stays as it is", () =>
  withFolder(async (folder) => {
    const file = await writePasswordFile(`${folder}/new`, random());
    await file.onUnused!();
    deepEqual(await namesIn(folder), []);
    const error = new TemporaryError("down");
    equal(file.explain(error), error);
    await file.onUnused!(); // what is gone already is no failure
  }));

Deno.test("where its password may open something, the error says that the file stays", () =>
  withFolder(async (folder) => {
    const file = await writePasswordFile(`${folder}/new`, random());
    const explained = file.explain(new TemporaryError("no answer")) as AgentError;
    match(
      explained.message,
      /^no answer; the new password may still open the repository, so it stays in ".*\/new"$/,
    );
    deepEqual([explained.code, explained.exitCode], ["store-temporary", ExitCode.failed]);
    deepEqual(await namesIn(folder), ["new"]);
  }));
