/** `agent put SERIES PATH...` as a black box: what is stored, kept, named and left out. */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { okHere } from "../helpers/agent_here.ts";
import { type JsonRow, sandbox } from "../helpers/executable.ts";

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
  await test.step("a second repository gets the same files, and what it holds already is not read", async () => {
    await using second = await sandbox();
    const also = ["--also", second.repo, "--also-password-file", second.join("password")];
    const first = await put(top, ...also);
    deepEqual([first.exitCode, first.result.bytesRead], [0, 3_000_000 + 7 + 9 * 9 + 40 * 10]);
    const { exitCode, result } = await put(top, ...also);
    deepEqual([exitCode, result.bytesRead, result.warnings], [0, 0, []]);
    deepEqual(result.repositories.map(({ level, error }: JsonRow) => [level, error]), [[result.level, null], [
      1,
      null,
    ]]);
    const target = second.join("restored");
    await second.ok(["get", "etc/host", "--target", target]);
    equal(await Deno.readTextFile(join(target, top, "deep/f7")), "changed");
    match(await second.ok(["show", "etc/host"]), /^source +all read$/m);
    match(await second.ok(["verify", "etc/host"]), /^OK etc\/host: 51 files/);
    await second.ok(["check", "--read-data"]);
  });
  await test.step("what lies too deep is told with the ends of its path", async () => {
    const half = "d/".repeat(1000);
    const { exitCode } = await box.shell(`mkdir -p deep/${half} && cd deep/${half} && mkdir -p ${half}`);
    equal(exitCode, 0);
    const { exitCode: partial, stderr } = await box.agent(["put", "deep", box.join("deep")]);
    equal(partial, 6);
    const told = stderr.split("\n").find((line) => /directories deep/.test(line))!;
    equal(told.length < 500, true, told);
    match(told, /"\/.*\/deep(\/d)+\/?…[d/]+d" lies more than \d+ directories deep/);
    match(stderr, /^agent: warning: The backup has no file/m);
    match(await box.ok(["status"]), /^deep .* empty$/m);
  });
  await test.step("check finds nothing", async () => {
    await okHere(box, ["check", "--read-data"]);
  });
});
