/** The configuration file on its way to the disk: for its owner alone, whole or as before, with a copy. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { AgentError } from "../../../src/base/errors.ts";
import { ConfigurationDraft } from "../../../src/cli/configure/configuration_file.ts";
import { FakeClock, seededRandom } from "../../helpers/world.ts";

/** Runs a test in a directory of its own. */
async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "agent-configure-" });
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const read = (path: string) =>
  ConfigurationDraft.read(path, { now: () => new FakeClock().now(), randomBytes: seededRandom("draft") });
const modeOf = async (path: string) => (await Deno.stat(path)).mode! & 0o777;
const namesIn = async (path: string) => (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();

Deno.test("a file that is not there is made with its folders, for its owner alone", () =>
  withDirectory(async (directory) => {
    const path = join(directory, "config", "agent", "agent.toml");
    const draft = await read(path);
    equal(draft.text, undefined);
    deepEqual(await namesIn(directory), [], "reading makes nothing");
    equal(await draft.write("version = 1\n"), undefined);
    equal(await Deno.readTextFile(path), "version = 1\n");
    equal(await modeOf(path), 0o600);
    equal(await modeOf(join(directory, "config", "agent")), 0o700);
    deepEqual(await namesIn(join(directory, "config", "agent")), ["agent.toml"]);
  }));

Deno.test("a copy of what was there is kept, both for the owner alone", () =>
  withDirectory(async (directory) => {
    const path = join(directory, "agent.toml");
    await Deno.writeTextFile(path, "# first\n", { mode: 0o644 });
    const copy = await (await read(path)).write("# second\n");
    equal(copy, `${path}.bak-20260102T030405Z`);
    const texts = await Promise.all([path, copy].map((name) => Deno.readTextFile(name)));
    deepEqual(texts, ["# second\n", "# first\n"]);
    deepEqual(await Promise.all([path, copy].map(modeOf)), [0o600, 0o600]);
  }));

Deno.test("a link stays one: what it leads to is written", () =>
  withDirectory(async (directory) => {
    const [path, link] = [join(directory, "real.toml"), join(directory, "agent.toml")];
    await Deno.writeTextFile(path, "# old\n");
    await Deno.symlink(path, link);
    const draft = await read(link);
    equal(draft.path, await Deno.realPath(path));
    await draft.write("# new\n");
    equal(await Deno.readTextFile(path), "# new\n");
    equal((await Deno.lstat(link)).isSymlink, true);
  }));

Deno.test("a file that somebody else changed meanwhile is left as it is", () =>
  withDirectory(async (directory) => {
    const path = join(directory, "agent.toml");
    for (const text of ["# old\n", undefined]) {
      if (text !== undefined) await Deno.writeTextFile(path, text);
      const draft = await read(path);
      await Deno.writeTextFile(path, "of another\n");
      await rejects(draft.write("# new\n"), /has changed meanwhile and was left as it is/);
      equal(await Deno.readTextFile(path), "of another\n");
      await Deno.remove(path);
    }
  }));

Deno.test("what cannot be read or written is named", () =>
  withDirectory(async (directory) => {
    await rejects(read(directory), { name: "AgentError", message: /^Cannot read ".*": / });
    await Deno.writeTextFile(join(directory, "file"), "");
    const draft = await read(join(directory, "sub", "agent.toml"));
    await Deno.writeTextFile(join(directory, "sub"), "no folder");
    await rejects(draft.write("# x\n"), (error) =>
      error instanceof AgentError && /^Cannot (read|write) "/.test(error.message));
  }));
