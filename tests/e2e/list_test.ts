/** Ls, chain and selectors: which backups there are, and which one somebody means. */
import assert from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const AT_A_TIME = 3;
const UTC = { TZ: "UTC" };

/** Three nights of `prod/shop`, one backup of `prod/shop/eu`, and one of `dev`. */
async function nights(): Promise<{ box: Sandbox; ids: string[] }> {
  const box = await sandbox();
  const ids: string[] = [];
  for (const day of [1, 2, 3]) {
    ids.push(await box.put("prod/shop", `night ${day}`, "--time", `2026-03-0${day}T04:00:00Z`, "--host", "db1"));
  }
  ids.push(await box.put("prod/shop/eu", "eu", "--time", "2026-03-02T05:00:00Z", "--tag", "eu", "--host", "db1"));
  ids.push(await box.put("dev", "dev", "--time", "2026-03-04T05:00:00Z", "--host", "db2", "--tag", "eu,test"));
  return { box, ids };
}

Deno.test("which backups there are, and which one a selector means", async (test) => {
  const { box: opened, ids } = await nights();
  await using box = opened;

  await test.step("ls lists backups, oldest first, and can be narrowed down", async () => {
    const listed = async (...args: string[]) =>
      (await box.json(["ls", ...args])).map(({ id }) => ids.indexOf(String(id)));
    assert.deepEqual(await listed(), [0, 1, 3, 2, 4]);
    assert.deepEqual(await listed("prod/shop"), [0, 1, 3, 2], "a series and those below it");
    assert.deepEqual(await listed("prod/shop/eu", "--host", "db2"), [], "nothing fits, and nothing is mistyped");
    assert.deepEqual(await listed("--latest", "1"), [3, 2, 4], "the newest of each series and host");
    assert.deepEqual(await listed("--latest", "2", "prod/shop"), [1, 3, 2]);
    assert.deepEqual(await listed("--host", "db2"), [4]);
    assert.deepEqual(await listed("--tag", "eu", "prod"), [3], "an option takes one value");
    assert.deepEqual(await listed("--tag", "eu", "--tag", "test"), [4]);
  });

  await test.step("ls --json gives the documented fields", async () => {
    const [, second] = await box.json(["ls", "prod/shop"]);
    const { id, series, host, started, level, runType, parent, size } = second!;
    assert.deepEqual({ id, series, host, started, level, runType, parent, size }, {
      id: ids[1],
      series: "prod/shop",
      host: "db1",
      started: "2026-03-02T04:00:00Z",
      level: 1,
      runType: null,
      parent: ids[0],
      size: 7,
    });
  });

  await test.step("ls is a table on standard output and a count on standard error", async () => {
    const { stdout, stderr } = await box.agent(["ls"], { env: UTC });
    const [head, first, ...rows] = stdout.trimEnd().split("\n");
    assert.match(head!, /^ID +SERIES +HOST +STARTED +LEVEL +RUN +SIZE +NEW +STORED +GUARD +TAGS$/);
    assert.match(first!, /^[0-9a-f]{8} +prod\/shop +db1 +2026-03-01 04:00:00 \+00:00 +0 +- +7 B .* none +-$/);
    assert.match(stdout, / none +eu,test$/m);
    assert.equal(rows.length, 4);
    assert.equal(stderr, "5 backups in 3 series\n");
    const nothing = await box.agent(["ls", "--tag", "none"]);
    assert.deepEqual(nothing, { exitCode: ExitCode.done, stdout: "", stderr: "None of 5 backups fits\n" });
  });

  await test.step("a series or a host that does not exist is a slip, and the nearest one is named", async () => {
    const fails = async (args: readonly string[], message: RegExp) =>
      assertFails(await box.agent(args), ExitCode.usage, message);
    const shop = /no backup of "prod\/shpo"; did you mean "prod\/shop"\?\n/;
    for (const command of ["ls", "show", "chain", "get", "verify", "hold", "release", "rotate"]) {
      await fails([command, "prod/shpo"], shop);
    }
    await fails(["forget", "--keep-last", "1", "prod/shpo"], shop);
    await fails(["rm", "prod/shpo@latest"], shop);
    const host = /no backup of the host "dbb1"; did you mean "db1"\?\n/;
    for (const args of [["ls"], ["status"], ["forget", "--keep-last", "1"], ["rotate", "prod/shop"]]) {
      await fails([...args, "--host", "dbb1"], host);
    }
  });

  await test.step("a selector means the latest, an id, or the newest as of a time", async () => {
    const meant: readonly (readonly [selector: string, content: string])[] = [
      ["prod/shop", "night 3"],
      ["prod/shop@latest", "night 3"],
      ["prod/shop@2026-03-02", "night 2"],
      ["prod/shop@2026-03-02T03:59:59Z", "night 1"],
      ["prod/shop@2026-03-02T04:00", "night 2"],
      ["prod/shop@2026-03-02T05:59+02:00", "night 1"],
      ["prod/shop@2026-03-02 06:00:00 +02:00", "night 2"],
      [`prod/shop@${ids[0]}`, "night 1"],
      [`prod/shop@${ids[0]!.slice(0, 8)}`, "night 1"],
      [`@${ids[4]!.slice(0, 8)}`, "dev"],
    ];
    await mapConcurrently(meant, AT_A_TIME, async ([selector, content]) => {
      assert.equal(await box.ok(["get", "-q", selector], { env: UTC }), content, selector);
    });
    const [{ snapshot } = {}] = await box.json(["ls", "dev"]);
    assert.equal(await box.ok(["get", "-q", `@${String(snapshot).slice(0, 8)}`]), "dev", "restic's id works as well");
  });

  await test.step("a selector that means nothing says what there is", async () => {
    const fails = async (selector: string, message: RegExp) =>
      assertFails(await box.agent(["get", selector], { env: UTC }), ExitCode.usage, message);
    await fails("elsewhere", /no backup of "elsewhere"; there are "dev", "prod\/shop", "prod\/shop\/eu"/);
    await fails(
      "prod/shop@2026-02-28",
      /as old as 2026-02-28 23:59:59 \+00:00: the oldest began 2026-03-01 04:00:00 \+00:00/,
    );
    await fails(`dev@${ids[0]!.slice(0, 12)}`, /no backup "dev@/);
    await fails("prod/shop@2026-13-01", /no such time/);
  });

  await test.step("chain shows the way from the level 0 to a backup", async () => {
    const rows = await box.json(["chain", "prod/shop@2026-03-02"]);
    assert.deepEqual(rows.map(({ id, level, gone }) => [id, level, gone]), [[ids[0], 0, false], [ids[1], 1, false]]);
    const lines = (await box.ok(["chain", "prod/shop"])).trimEnd().split("\n");
    assert.deepEqual(lines.slice(1).map((line) => /^ *(?:└─ )?level (\d) +([0-9a-f]{8}) /.exec(line)?.slice(1)), [
      ["0", ids[0]!.slice(0, 8)],
      ["1", ids[1]!.slice(0, 8)],
      ["2", ids[2]!.slice(0, 8)],
    ]);
  });
});

programTest({
  name: "what restic backed up is listed, shown and restored, as far as it goes",
  needs: ["restic"],
  async fn({ restic }) {
    await using box = await sandbox();
    const args = ["-r", box.repo, "--no-cache", "-p", box.join("password"), "-q"];
    await using backup = box.startProgram(restic, ["backup", ...args, "--stdin", "--stdin-filename", "db.sql"]);
    await backup.write("from restic\n");
    await backup.closeInput();
    assert.equal((await backup.outcome()).exitCode, 0);
    const [row] = await box.json(["ls"]);
    assert.deepEqual([row!["series"], row!["level"]], ["db.sql", null]);
    assert.equal(await box.ok(["get", "-q", `@${String(row!["id"]).slice(0, 8)}`]), "from restic\n");
    assert.match(await box.ok(["show", "db.sql"]), /^made by +(restic|another tool).*, no manifest$/m);
    assert.match(await box.ok(["verify", "db.sql"]), /^OK db\.sql: 12 B .* no manifest to compare with/);
    assertFails(await box.agent(["show", "db.sql", "--md5sums"]), ExitCode.usage, /agent verify computes them/);
    await box.ok(["check"]);
  },
});

programTest({
  name: "names that play with the terminal are shown by escapes, and say the same in JSON",
  needs: ["restic"],
  async fn({ restic }) {
    await using box = await sandbox();
    const args = ["-r", box.repo, "--no-cache", "-p", box.join("password"), "-q"];
    const host = "db\x1b[2J\u202e\u009b1m\u200b漢字";
    await using backup = box.startProgram(restic, [
      "backup",
      ...args,
      "--host",
      host,
      "--stdin",
      "--stdin-filename",
      "db.sql",
    ]);
    await backup.write("from restic\n");
    await backup.closeInput();
    assert.equal((await backup.outcome()).exitCode, 0);
    const shown = "db\\x1b[2J\\u202e\\u009b1m\\u200b漢字";
    for (const command of [["ls"], ["show", "db.sql"], ["status"]]) {
      const text = await box.ok(command);
      assert.ok(text.includes(shown), text);
    }
    const json = await box.ok(["ls", "--json"]);
    assert.match(json, /^[\x20-\x7e漢字\n]+$/);
    assert.equal(JSON.parse(json).host, host);
  },
});
