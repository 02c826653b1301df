/** Holds are a tag that restic keeps, too. */
import { deepEqual, equal } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { assertFails, sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { sqlDump } from "../helpers/world.ts";

runAgentHere();

resticTest(
  "what agent holds restic keeps, what restic tags agent keeps, and both find the repository sound",
  async (program) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, program);
    const ids: string[] = [];
    for (const night of [1, 2, 3, 4]) {
      const time = `2026-03-0${night}T04:00:00Z`;
      ids.push(
        await box.put("prod/shop", sqlDump(500, `${night}`), "--time", time, "--tag", "nightly", "--host", "db1"),
      );
    }
    const [held] = await box.json(["hold", "prod/shop@2026-03-02"]);
    deepEqual([held!.id, held!.tags], [ids[1], ["nightly", "hold"]]);
    const listed = async () => (await box.json(["ls"])).map(({ id }) => ids.indexOf(String(id)));
    deepEqual(await listed(), [0, 1, 2, 3], "at its place");
    const [, snapshot] = await restic.snapshots();
    deepEqual([snapshot!.id, snapshot!.tags], [held!.snapshot, ["nightly", "hold"]]);
    await restic.check();
    await box.ok(["check"]);
    await box.ok(["verify", `@${ids[1]}`]);
    await box.ok(["verify", "prod/shop"]);

    await restic.ok(["forget", "--keep-last", "2", "--keep-tag", "hold"]);
    deepEqual(await listed(), [1, 2, 3]);
    assertFails(await box.agent(["rm", `@${ids[1]}`]), ExitCode.usage, /on hold: "agent release/);
    const third = (await restic.snapshots())[1]!.id;
    await restic.ok(["tag", "--add", "hold", third]);
    await box.ok(["forget", "--keep-last", "1", "--prune"]);
    deepEqual(await listed(), [1, 2, 3]);
    await box.ok(["verify", `@${ids[1]}`]);

    equal((await box.agent(["release", `@${ids[1]}`])).exitCode, 0);
    await box.ok(["release", `@${ids[2]}`]);
    await box.ok(["forget", "--keep-last", "1"]);
    deepEqual(await listed(), [3]);
    await restic.check();
  },
);
