/** restic on backups of engines: levels that list those below them, and entries of trees. */
import { deepEqual, equal } from "node:assert/strict";
import { join } from "node:path";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { put } from "../../src/ops/put.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { JournalEngine, smallTree } from "../helpers/journal_engine.ts";
import { everyResticTest, Restic, resticTest } from "../helpers/restic.ts";
import { accessTo, BytesSource, fakeWorld, noise, putRequest } from "../helpers/world.ts";
import { parseSeries, type SeriesName } from "../../src/format/manifest/series.ts";

runAgentHere();

const LOG = parseSeries("prod/log");
const TREE = parseSeries("prod/tree");

/** Puts the engine's source as many times, each time with more lines. */
async function putNights(
  box: Sandbox,
  engine: JournalEngine,
  { series, nights }: { series: SeriesName; nights: number },
) {
  const world = { ...fakeWorld(), randomBytes: systemRandomBytes };
  world.clock.jump(engine.openings.length * 3_600_000);
  for (let night = 0; night < nights; night++) {
    world.clock.jump(3_600_000);
    for (let i = 0; i < 200; i++) engine.lines.push(`${night}/${i} ${noise(8, `${night}/${i}`).join("-")}\n`);
    const store = openLocalStore(box.repo, { random: systemRandomBytes });
    const input = { driven: engine.as().source("journal:here") };
    await put(
      accessTo(store, await password(box)),
      { ...putRequest(new BytesSource(noise(1, "")), { series }), input },
      { world },
    );
  }
}

async function password(box: Sandbox): Promise<string> {
  return (await Deno.readTextFile(box.join("password"))).trimEnd();
}

resticTest("restic checks and restores levels, whichever of them it has forgotten", async (program, test) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const engine = new JournalEngine();
  await putNights(box, engine, { series: LOG, nights: 4 });
  const restored = async (name: string) => {
    const target = box.join(name);
    await restic.ok(["restore", "latest", "--path", "/prod/log", "--target", target]);
    const levels = (await Array.fromAsync(Deno.readDir(join(target, "prod/log")))).map(({ name }) => name).sort();
    const texts = await Promise.all(
      levels.map((level) => Deno.readTextFile(join(target, "prod/log", level, "lines/journal"))),
    );
    equal(texts.join(""), engine.lines.join(""));
    return levels;
  };
  await test.step("check --read-data finds nothing", () => restic.check());
  await test.step("one restore brings all levels", async () => {
    deepEqual(await restored("all"), ["level-0", "level-1", "level-2", "level-3"]);
  });
  await test.step("also without level 1 and what only it needed", async () => {
    const [, second] = await restic.snapshots("--path", "/prod/log");
    await restic.ok(["forget", second!.id, "--prune"]);
    await restic.check();
    deepEqual(await restored("without"), ["level-0", "level-1", "level-2", "level-3"]);
    await box.ok(["check", "--read-data"]);
  });
  await test.step("the next level continues a parent that restic rewrote", async () => {
    await restic.ok(["tag", "--add", "kept", "latest"]);
    await putNights(box, engine, { series: LOG, nights: 1 });
    await restic.check();
    equal((await restored("next")).length, 5);
  });
});

everyResticTest("restic restores entries as they were", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const script = { replays: false, hasEntries: true, items: smallTree };
  const engine = new JournalEngine({ ...script, finish: (end) => ({ ...end, metadata: null }) });
  await putNights(box, engine, { series: TREE, nights: 2 });
  await restic.check();
  const target = box.join("tree");
  await restic.ok(["restore", "latest", "--path", "/prod/tree", "--target", target]);
  const root = join(target, "prod/tree");
  deepEqual(await Deno.readFile(join(root, "etc/hosts")), noise(5000, "hosts"));
  deepEqual(await Deno.readFile(join(root, "srv/deep/file")), noise(100, "deep"));
  equal(await Deno.readLink(join(root, "etc/link")), "../srv/deep");
  equal((await Deno.lstat(join(root, "etc/none"))).isDirectory, true);
  equal((await Deno.lstat(join(root, "etc/empty"))).size, 0);
  equal((await Deno.lstat(join(root, "etc/hosts"))).mtime?.toISOString(), "2026-01-02T03:04:05.000Z");
});
