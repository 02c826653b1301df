/** `agent put SERIES PATH` that is killed at any moment, or whose disk gets full: the repository stays sound. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../fault/small_disk.ts";
import { jsonHere, okHere } from "../helpers/agent_here.ts";
import { assertFails, bulkNoise, type Sandbox, sandbox } from "../helpers/executable.ts";
import { Draws } from "../stress/draws.ts";
import { KillMoments } from "../stress/kill_moments.ts";

const KILLS = 10;
const MEBIBYTE = 1024 * 1024;

/** A directory with files of all sizes; `generation` changes some of them. */
async function fill(directory: string, generation: number): Promise<void> {
  await Deno.mkdir(join(directory, "sub"), { recursive: true });
  for (let i = 0; i < 200; i++) {
    const isChanged = i % 10 === 0;
    await Deno.writeFile(join(directory, "sub", `f${i}`), bulkNoise(i * 50, `f${i} ${isChanged ? generation : 0}`));
  }
  await Deno.writeFile(join(directory, "large"), bulkNoise(6 * MEBIBYTE, `large ${generation}`));
}

async function assertRestores(box: Sandbox, directory: string): Promise<void> {
  const target = box.join(`restored-${crypto.randomUUID()}`);
  await box.ok(["get", "host", "--target", target]);
  for (const name of ["large", "sub/f0", "sub/f199"]) {
    assert.deepEqual(
      await Deno.readFile(join(target, directory, name)),
      await Deno.readFile(join(directory, name)),
      name,
    );
  }
  await Deno.remove(target, { recursive: true });
}

Deno.test("a put of files that is killed at any moment leaves a sound repository, and the next one succeeds", async () => {
  await using box = await sandbox();
  const directory = box.join("source");
  await fill(directory, 0);
  await box.ok(["put", "host", directory, "-q"]);
  const moments = new KillMoments(box.repo, new Draws("killed put of files"));
  await using _watching = moments;
  let killed = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    await fill(directory, kill);
    await using running = box.start(["put", "host", directory, "-q"]);
    await running.closeInput();
    const { isKilled, exitCode, stderr } = await moments.end("put", running);
    if (isKilled) killed++;
    else assert.equal(exitCode, ExitCode.done, stderr);
    await okHere(box, ["check", "--no-lock", "-q"]);
  }
  assert.ok(killed > 0, "some were killed");
  await box.ok(["put", "host", directory, "-q"]);
  await okHere(box, ["check", "--read-data"]);
  await okHere(box, ["verify", "host"]);
  await assertRestores(box, directory);
});

const reason = await whyNoSmallDisk();

Deno.test({
  name: `a full disk ends a put of files with one line, and once there is room it works${
    reason ? ` (skipped: ${reason})` : ""
  }`,
  ignore: reason !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(24 * MEBIBYTE);
    await using box = await sandbox();
    const directory = box.join("source");
    await fill(directory, 0);
    const env = { AGENT_REPOSITORY: join(disk.path, "repo") };
    await box.ok(["init"], { env });
    const first = (await box.ok(["put", "host", directory, "-q"], { env })).trim();
    await fill(directory, 1);
    const ballast = join(disk.path, "ballast");
    await Deno.writeFile(ballast, new Uint8Array(14 * MEBIBYTE));
    const full = await box.agent(["put", "host", directory], { env });
    assertFails(full, ExitCode.failed, /Cannot store ".*": no space is left; free some or use a larger disk/);
    await okHere(box, ["check", "--read-data", "--no-lock"], { env });
    await Deno.remove(ballast);
    assert.deepEqual((await jsonHere(box, ["ls"], { env })).map(({ id }) => id), [first]);
    await box.ok(["put", "host", directory], { env });
    await okHere(box, ["verify", "host"], { env });
  },
});
