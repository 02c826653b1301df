/** A disk that gets full in the middle of a put. Needs root, who may mount a small one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../fault/small_disk.ts";
import { jsonHere, okHere } from "../helpers/agent_here.ts";
import { assertFails, bulkNoise, sandbox } from "../helpers/executable.ts";

const MEBIBYTE = 1024 * 1024;
const reason = await whyNoSmallDisk();

Deno.test({
  name: `a full disk ends a put with one line, and once there is room it works${reason ? ` (skipped: ${reason})` : ""}`,
  ignore: reason !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(56 * MEBIBYTE);
    await using box = await sandbox();
    const repo = join(disk.path, "repo");
    const env = { AGENT_REPOSITORY: repo };
    await box.ok(["init"], { env });
    const first = (await box.ok(["put", "s", "-q"], { stdin: "before", env })).trim();
    const ballast = join(disk.path, "ballast");
    await Deno.writeFile(ballast, new Uint8Array(40 * MEBIBYTE));

    const stream = bulkNoise(32 * MEBIBYTE, "full");
    const full = await box.agent(["put", "s"], { stdin: stream, env });
    assertFails(full, ExitCode.failed, /Cannot store ".*\/data\/.*": no space is left; free some or use a larger disk/);
    await okHere(box, ["check", "--read-data", "--no-lock"], { env });

    await Deno.remove(ballast);
    await okHere(box, ["check", "--read-data"], { env });
    assert.deepEqual((await jsonHere(box, ["ls"], { env })).map(({ id }) => id), [first]);
    await box.ok(["put", "s"], { stdin: stream, env });
    await okHere(box, ["verify", "s"], { env });
  },
});

Deno.test({
  name: `a full disk ends get -o and leaves nothing behind${reason ? ` (skipped: ${reason})` : ""}`,
  ignore: reason !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(MEBIBYTE);
    await using box = await sandbox();
    await box.put("s", bulkNoise(3 * MEBIBYTE, "full"));
    for (const archive of [[], ["--archive", "tar"], ["--archive", "zip"]]) {
      const outcome = await box.agent(["get", "s", "-o", join(disk.path, "copy"), ...archive]);
      assertFails(outcome, ExitCode.failed, /Cannot write ".*copy": No space left on device/);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(disk.path)), []);
    }
  },
});
