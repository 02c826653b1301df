/** The configuration file on its way to the disk: for its owner alone, whole or as before, with a copy. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { AgentError } from "../../../src/base/errors.ts";
import { ConfigurationDraft } from "../../../src/cli/configure/configuration_file.ts";
import { TrustedDirectory, trustedTest } from "../../helpers/trusted_directory.ts";
import { FakeClock, seededRandom } from "../../helpers/world.ts";

const read = (path: string) =>
  ConfigurationDraft.read(path, {
    uid: Deno.uid(),
    now: () => new FakeClock().now(),
    randomBytes: seededRandom("draft"),
  });
const modeOf = async (path: string) => (await Deno.stat(path)).mode! & 0o777;
const namesIn = async (path: string) => (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();

trustedTest("a file that is not there is made with its folders, for its owner alone", async () => {
  using folder = new TrustedDirectory();
  const directory = folder.path;
  const path = join(directory, "config", "agent", "agent.toml");
  const draft = await read(path);
  equal(draft.text, undefined);
  deepEqual(await namesIn(directory), [], "reading makes nothing");
  equal(await draft.write("version = 1\n"), undefined);
  equal(await Deno.readTextFile(path), "version = 1\n");
  equal(await modeOf(path), 0o600);
  equal(await modeOf(join(directory, "config", "agent")), 0o700);
  deepEqual(await namesIn(join(directory, "config", "agent")), ["agent.toml"]);
});

trustedTest("a copy of what was there is kept, both for the owner alone", async () => {
  using folder = new TrustedDirectory();
  const directory = folder.path;
  const path = join(directory, "agent.toml");
  await Deno.writeTextFile(path, "# first\n", { mode: 0o644 });
  const copy = await (await read(path)).write("# second\n");
  equal(copy, `${path}.bak-20260102T030405Z`);
  const texts = await Promise.all([path, copy].map((name) => Deno.readTextFile(name)));
  deepEqual(texts, ["# second\n", "# first\n"]);
  deepEqual(await Promise.all([path, copy].map(modeOf)), [0o600, 0o600]);
});

trustedTest("a link stays one: what it leads to is written", async () => {
  using folder = new TrustedDirectory();
  const directory = folder.path;
  const [path, link] = [join(directory, "real.toml"), join(directory, "agent.toml")];
  await Deno.writeTextFile(path, "# old\n");
  await Deno.symlink(path, link);
  const draft = await read(link);
  equal(draft.path, await Deno.realPath(path));
  await draft.write("# new\n");
  equal(await Deno.readTextFile(path), "# new\n");
  equal((await Deno.lstat(link)).isSymlink, true);
});

trustedTest("a file that somebody else changed meanwhile is left as it is", async () => {
  using folder = new TrustedDirectory();
  const directory = folder.path;
  const path = join(directory, "agent.toml");
  for (const text of ["# old\n", undefined]) {
    if (text !== undefined) await Deno.writeTextFile(path, text);
    const draft = await read(path);
    await Deno.writeTextFile(path, "of another\n");
    await rejects(draft.write("# new\n"), /has changed meanwhile and was left as it is/);
    equal(await Deno.readTextFile(path), "of another\n");
    await Deno.remove(path);
  }
});

trustedTest("what cannot be read or written is named", async () => {
  using folder = new TrustedDirectory();
  const directory = folder.path;
  await rejects(read(directory), { name: "AgentError", message: /^Cannot read ".*": / });
  await Deno.writeTextFile(join(directory, "file"), "");
  const draft = await read(join(directory, "sub", "agent.toml"));
  await Deno.writeTextFile(join(directory, "sub"), "no folder");
  await rejects(
    draft.write("# x\n"),
    (error) => error instanceof AgentError && /^Cannot (read|write) "/.test(error.message),
  );
});
