/** Whom a file is taken from: root and the user alone, all the way up. */
import assert from "node:assert/strict";
import { AgentError } from "../../src/base/errors.ts";
import { readTrustedFile, trustedPath } from "../../src/config/trusted_file.ts";
import { rootTest } from "../helpers/as_root.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { TrustedDirectory, trustedTest } from "../helpers/trusted_directory.ts";

const ME = { uid: Deno.uid() };
const SOMEBODY = 12345;
const FILE = { what: "configuration file", mostBytes: 100 };

trustedTest("a file in folders of one's own is read", async () => {
  using directory = new TrustedDirectory();
  assert.equal(await readTrustedFile(directory.write("a/b.toml", "x = 1"), FILE, ME), "x = 1");
});

trustedTest("a file or a folder that others may write is refused by name", async () => {
  for (
    const [changed, mode, who] of [
      ["a/b.toml", 0o666, "everybody"],
      ["a/b.toml", 0o620, "its group"],
      ["a", 0o770, "its group"],
      [".", 0o707, "everybody"],
      ["a", 0o1777, "everybody"],
    ] as const
  ) {
    using directory = new TrustedDirectory();
    const path = directory.write("a/b.toml", "");
    await Deno.chmod(directory.at(changed), mode);
    const at = changed === "." ? directory.path : directory.at(changed);
    const advice = mode === 0o1777 ? "put it into a folder of your own" : `run chmod go-w "${at}"`;
    await assert.rejects(
      readTrustedFile(path, FILE, ME),
      {
        message:
          `Refusing the configuration file "${path}": "${at}" may be written by ${who}, so that somebody else may decide what it says; ${advice}`,
      },
    );
  }
});

Deno.test("a file in the directory for temporary files is refused, although that one is sticky", async () => {
  await using directory = new TestDirectory();
  directory.write("agent.toml", "");
  const isShared = ((await Deno.stat("/tmp")).mode! & 0o002) !== 0 && directory.path.startsWith("/tmp/");
  if (!isShared) return;
  await assert.rejects(readTrustedFile(directory.at("agent.toml"), FILE, ME), /"\/tmp" may be written by everybody/);
});

rootTest("a file or a folder of somebody else is refused", async () => {
  for (const changed of ["a/b.toml", "a"]) {
    using directory = new TrustedDirectory();
    const path = directory.write("a/b.toml", "");
    await Deno.chown(directory.at(changed), SOMEBODY, SOMEBODY);
    await assert.rejects(
      readTrustedFile(path, FILE, ME),
      /belongs to the user 12345, neither to root nor to you \(0\)/,
    );
  }
});

rootTest("root's files and one's own are both trusted", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write("a/b.toml", "x");
  await Deno.chown(path, SOMEBODY, SOMEBODY);
  assert.equal(await readTrustedFile(path, FILE, { uid: SOMEBODY }), "x");
});

trustedTest("where there are no users, nothing is trusted", async () => {
  using directory = new TrustedDirectory();
  await assert.rejects(readTrustedFile(directory.write("a", ""), FILE, { uid: null }), /no owner on this system/);
});

trustedTest("a link is followed, and judged where it leads", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write("real/agent.toml", "x");
  await Deno.symlink("real", directory.at("folder"));
  await Deno.symlink("folder/../folder/agent.toml", directory.at("link"));
  await Deno.symlink(path, directory.at("absolute"));
  for (const link of ["link", "absolute", "folder/agent.toml", "real/./../link"]) {
    assert.equal(await trustedPath(directory.at(link), { what: "file", kind: "file" }, ME), path);
  }
  await Deno.chmod(directory.at("real"), 0o777);
  await assert.rejects(readTrustedFile(directory.at("link"), FILE, ME), /real" may be written by everybody/);
});

rootTest("a link of somebody else is refused, and so is one that lies where others may write", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write("real/agent.toml", "x");
  await Deno.symlink(path, directory.at("link"));
  await new Deno.Command("chown", { args: ["-h", `${SOMEBODY}`, directory.at("link")] }).output();
  await assert.rejects(readTrustedFile(directory.at("link"), FILE, ME), /link" belongs to the user 12345/);
  directory.write("open/other", "");
  await Deno.symlink(path, directory.at("open/link"));
  await Deno.chmod(directory.at("open"), 0o1777);
  await assert.rejects(readTrustedFile(directory.at("open/link"), FILE, ME), /open" may be written by everybody/);
});

trustedTest("links in a circle, folders, pipes, long files and other encodings are refused", async () => {
  using directory = new TrustedDirectory();
  await Deno.symlink("circle", directory.at("circle"));
  await assert.rejects(readTrustedFile(directory.at("circle"), FILE, ME), /too many links/);
  directory.write("folder/x", "");
  await assert.rejects(readTrustedFile(directory.at("folder"), FILE, ME), /it is not a file/);
  await assert.rejects(trustedPath(directory.at("folder/x"), { what: "x", kind: "folder" }, ME), /it is not a folder/);
  await new Deno.Command("mkfifo", { args: ["-m", "600", directory.at("pipe")] }).output();
  await assert.rejects(readTrustedFile(directory.at("pipe"), FILE, ME), /it is not a file/);
  await assert.rejects(readTrustedFile(directory.write("long", "x".repeat(101)), FILE, ME), /more than 100 bytes/);
  await Deno.writeFile(directory.write("latin", ""), new Uint8Array([0xe4]));
  await assert.rejects(readTrustedFile(directory.at("latin"), FILE, ME), /is not UTF-8/);
});

trustedTest("a link that leads nowhere is named with where it leads", async () => {
  using directory = new TrustedDirectory();
  await Deno.symlink("nowhere", directory.at("link"));
  await assert.rejects(
    readTrustedFile(directory.at("link"), FILE, ME),
    (error: Error) =>
      error instanceof AgentError &&
      error.message === `Cannot read the configuration file "${directory.at("link")}", a link to ` +
          `"${directory.at("nowhere")}": No such file or directory`,
  );
});

trustedTest("nobody is told to change the rights of a device", async () => {
  using directory = new TrustedDirectory();
  await Deno.symlink("/dev/zero", directory.at("link"));
  await assert.rejects(readTrustedFile(directory.at("link"), FILE, ME), /link": it is not a file; name a file$/);
});

trustedTest("what is missing is reported as the system does", async () => {
  using directory = new TrustedDirectory();
  await assert.rejects(readTrustedFile(directory.at("no/file"), FILE, ME), Deno.errors.NotFound);
});
