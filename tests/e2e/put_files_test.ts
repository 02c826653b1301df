/** `agent put SERIES PATH...` as a black box: what is stored, kept, named and left out. */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { sandbox } from "../helpers/executable.ts";

Deno.test("put backs up files and directories, keeps what did not change, and names what is not there", async (test) => {
  await using box = await sandbox();
  const top = box.join("top");
  await Deno.mkdir(join(top, "deep/er"), { recursive: true });
  for (let i = 0; i < 50; i++) await Deno.writeTextFile(join(top, `deep/f${i}`), `content ${i}`);
  await Deno.writeFile(join(top, "large"), new Uint8Array(3_000_000).fill(7));
  await Deno.symlink("deep", join(top, "link"));
  const put = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await box.agent(["put", "etc/host", ...args, "--json"]);
    return { exitCode, stderr, result: exitCode === 0 || exitCode === 6 ? JSON.parse(stdout) : null };
  };
  await test.step("a dry run stores nothing", async () => {
    const { exitCode, result } = await put(top, "--dry-run");
    deepEqual([exitCode, result.dryRun], [0, true]);
    deepEqual(await box.names("snapshots"), []);
    deepEqual(await box.packs(), []);
    const shown = await box.agent(["put", "etc/host", top, "--dry-run"]);
    equal(shown.stdout, "");
    match(shown.stderr, /would be: 51 files in .* directories, 1 other/);
  });
  await test.step("the first backup reads everything", async () => {
    const { exitCode, result } = await put(top);
    deepEqual([exitCode, result.problems], [0, []]);
    equal(result.bytesRead, 3_000_000 + 10 * 9 + 40 * 10);
  });
  await test.step("the second one reads what changed", async () => {
    await Deno.writeTextFile(join(top, "deep/f7"), "changed");
    const { result } = await put(top);
    equal(result.bytesRead, 7);
  });
  await test.step("a PATH that is not there makes it a backup in part", async () => {
    const { exitCode, result } = await put(top, box.join("missing"));
    equal(exitCode, 6);
    match(result.problems.join(), /missing: there is no such file or directory/);
  });
  await test.step("the repository itself is left out", async () => {
    const { exitCode, result } = await put(box.path);
    equal(exitCode, 0);
    match(result.notes.join(), /repo/);
  });
  await test.step("check finds nothing", async () => {
    await box.ok(["check", "--read-data"]);
  });
});
