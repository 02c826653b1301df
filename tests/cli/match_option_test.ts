/** A series that is named by its beginning: asked about on a terminal, taken with `--match prefix`, else refused. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { Desk } from "./desk.ts";

Deno.test("without a terminal, a beginning is refused, with the name that it may mean", async () => {
  await Desk.with(async (desk) => {
    await desk.put("warehouse", "stock");
    for (const command of [["get", "ware"], ["show", "ware@latest"], ["rm", "ware@latest"], ["files", "ware"]]) {
      const { exitCode, stderr, questions } = await desk.run(command);
      equal(exitCode, ExitCode.usage);
      match(stderr, /no backup of "ware"; did you mean "warehouse"\? If so, --match prefix takes it$/m);
      deepEqual(questions, []);
    }
    equal((await desk.ids()).length, 1);
  });
});

Deno.test("--match prefix takes the only series that begins so, with whatever follows the @, and says which", async () => {
  await Desk.with(async (desk) => {
    const first = await desk.put("warehouse", "monday");
    const second = await desk.put("warehouse", "tuesday");
    const get = async (name: string) => await desk.run(["get", name, "--match", "prefix"]);
    const newest = await get("ware");
    equal(newest.stdout, "tuesday");
    match(newest.stderr, /note: "ware" is taken for the series "warehouse"/);
    equal((await get(`ware@${first.slice(0, 8)}`)).stdout, "monday");
    equal((await get("warehouse")).stdout, "tuesday");
    for (const command of ["show", "chain", "files", "verify", "diff"]) {
      const { exitCode, stderr } = await desk.run([command, "ware", "--match", "prefix"]);
      equal(exitCode, ExitCode.done, `${command}: ${stderr}`);
    }
    const quiet = await desk.run(["get", "ware", "--match", "prefix", "--quiet"]);
    deepEqual([quiet.stdout, quiet.stderr], ["tuesday", ""]);
    equal((await desk.run(["rm", `ware@${first.slice(0, 8)}`, "--match", "prefix"])).exitCode, ExitCode.done);
    deepEqual(await desk.ids(), [second]);
  });
});

Deno.test("both backups of a comparison may be named so", async () => {
  await Desk.with(async (desk) => {
    await desk.put("warehouse", "stock");
    await desk.put("shop", "orders");
    const { exitCode, stderr } = await desk.run(["diff", "ware", "sh", "--match", "prefix"]);
    equal(exitCode, ExitCode.done, stderr);
  });
});

Deno.test("a beginning that fits several series is refused, and what is exact never means another", async () => {
  await Desk.with(async (desk) => {
    await desk.put("shop-eu", "eu");
    await desk.put("shop-us", "us");
    const several = await desk.run(["get", "shop", "--match", "prefix"]);
    equal(several.exitCode, ExitCode.usage);
    equal(several.stdout, "");
    match(several.stderr, /2 series begin with "shop": "shop-eu", "shop-us"; write more of the name/);
    const asked = await desk.run(["rm", "shop@latest"], { terminal: 80, answers: ["y"] });
    deepEqual([asked.exitCode, asked.questions], [ExitCode.usage, []]);
    await desk.put("shop", "own");
    equal((await desk.run(["get", "shop", "--match", "prefix"])).stdout, "own");
    const end = await desk.run(["get", "hop-eu", "--match", "prefix"]);
    equal(end.exitCode, ExitCode.usage);
    equal((await desk.ids()).length, 3);
  });
});

Deno.test("a terminal asks, and only a yes counts", async () => {
  await Desk.with(async (desk) => {
    await desk.put("warehouse", "stock");
    const question = 'There is no series "ware". Take "warehouse" instead?';
    const yes = await desk.run(["get", "ware", "-o", "-"], { terminal: 80, answers: ["y"] });
    equal(yes.exitCode, ExitCode.done, yes.stderr);
    deepEqual(yes.questions, [question]);
    equal(yes.stdout, "stock");
    const no = await desk.run(["rm", "ware@latest", "--allow-last"], { terminal: 80, answers: ["n"] });
    deepEqual([no.exitCode, no.questions], [ExitCode.usage, [question]]);
    match(no.stderr, /did you mean "warehouse"\?$/m);
    doesNotMatch(no.stderr, /--match/);
    for (const option of ["--json", "--quiet", "--match=exact"]) {
      const { exitCode, questions } = await desk.run(["show", "ware", option], { terminal: 80, answers: ["y"] });
      deepEqual([exitCode, questions], [ExitCode.usage, []]);
    }
    equal((await desk.ids()).length, 1);
  });
});

Deno.test("a password that was typed is not asked for a second time", async () => {
  await Desk.with(async (desk) => {
    await desk.put("warehouse", "stock");
    const password = await Deno.readTextFile(`${desk.directory}/password`);
    const { stdout, questions } = await desk.run(["get", "ware", "--match", "prefix"], {
      env: { AGENT_PASSWORD_FILE: undefined },
      answers: [password.trim()],
    });
    equal(stdout, "stock");
    equal(questions.length, 1);
  });
});
