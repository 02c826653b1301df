/** Keys that restic and the agent add, change and remove open the repository for both, and chunks stay the same ones. */
import { deepEqual, equal } from "node:assert/strict";
import { runAgentHere } from "../helpers/agent_here.ts";
import { sandbox } from "../helpers/executable.ts";
import { everyResticTest, Restic } from "../helpers/restic.ts";
import { noise } from "../helpers/world.ts";

runAgentHere();

const STREAM = noise(400_000, "stream");
const LOCKED_OUT = 12;

everyResticTest("keys go to and fro between restic and the agent", async (program, test) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await box.put("prod/shop", STREAM);
  const withPassword = async (password: string) => ({
    AGENT_PASSWORD_FILE: await box.file(`${password}.password`, `${password}\n`),
    RESTIC_PASSWORD_FILE: box.join(`${password}.password`),
  });
  const [theirs, changed, ours] = [
    await withPassword("theirs"),
    await withPassword("changed"),
    await withPassword("ours"),
  ];

  await test.step("a key that restic adds opens for the agent", async () => {
    await restic.ok(["key", "add", "--new-password-file", theirs.RESTIC_PASSWORD_FILE]);
    equal((await box.json(["key", "list"], { env: theirs })).length, 2);
  });

  await test.step("after restic changed a password the same stream adds nothing", async () => {
    const args = ["key", "passwd", "--new-password-file", changed.RESTIC_PASSWORD_FILE];
    await restic.ok(args, { env: theirs });
    equal((await box.agent(["ls"], { env: theirs })).exitCode, LOCKED_OUT);
    const [again] = await box.json(["put", "prod/shop"], { stdin: STREAM, env: changed });
    deepEqual([again!.level, again!.bytesAdded], [1, 0]);
  });

  await test.step("a key that the agent adds opens for restic, and no more once it is removed", async () => {
    await box.ok(["key", "add", "--new-password-file", ours.AGENT_PASSWORD_FILE], { env: changed });
    equal((await restic.snapshots()).length, 2);
    await restic.ok(["snapshots"], { env: ours });
    const keys = await box.json(["key", "list"], { env: ours });
    const own = keys.find(({ current }) => current === true)!;
    await box.ok(["key", "remove", String(own.id)]);
    const { exitCode } = await restic.attempt(["snapshots"], { env: ours });
    equal(exitCode, restic.minor >= 17 ? LOCKED_OUT : 1);
  });

  await test.step("after the agent changed a password restic opens with the new one, and all is whole", async () => {
    await box.ok(["key", "passwd", "--new-password-file", ours.AGENT_PASSWORD_FILE]);
    equal((await box.agent(["ls"])).exitCode, LOCKED_OUT);
    const { stdout } = await restic.attempt(["check", "--read-data"], { env: ours });
    equal(/no errors were found/.test(stdout), true, stdout);
    const [again] = await box.json(["put", "prod/shop"], { stdin: STREAM, env: ours });
    deepEqual([again!.level, again!.bytesAdded], [2, 0]);
  });
});
