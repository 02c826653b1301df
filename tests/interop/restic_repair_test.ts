/** After our repairs restic finds nothing wrong, and what restic repairs we take as it does. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { hash } from "node:crypto";
import { basename } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { bulkNoise, jsonRows, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { concat, noise } from "../helpers/world.ts";

runAgentHere();

const SHOP = bulkNoise(400_000, "shop");
const BLOG = bulkNoise(100_000, "blog");

/** The newest restic checks most; one is enough where each test takes seconds. */
function newestTest(name: string, fn: (program: string) => Promise<void>): void {
  programTest({ name, needs: ["restic-newest"], fn: (programs) => fn(programs["restic-newest"]) });
}

async function twoSeries(): Promise<Sandbox> {
  const box = await sandbox();
  await box.put("blog", BLOG);
  await box.put("prod/shop", SHOP);
  return box;
}

const DAMAGES: Readonly<Record<string, (box: Sandbox) => Promise<unknown>>> = {
  "a missing pack": async (box) => Deno.remove((await box.packs())[0]!),
  "a pack cut short": async (box) => {
    const [path] = await box.packs();
    await box.replace(path!, (await Deno.readFile(path!)).subarray(0, 250_000));
  },
  "a flipped bit": (box) => box.damageLargestPack(),
  "no index": async (box) => {
    for (const name of await box.names("index")) await Deno.remove(box.join("repo/index", name));
  },
};

for (const [name, damage] of Object.entries(DAMAGES)) {
  newestTest(`restic is content with our repair of ${name}`, async (program) => {
    await using box = await twoSeries();
    const restic = await Restic.in(box, program);
    await damage(box);
    const { exitCode } = await box.agent(["repair", "index"]);
    equal(exitCode, name === "a pack cut short" ? ExitCode.integrity : ExitCode.done);
    await box.ok(["repair", "packs"]);
    const rows = await box.json(["repair", "snapshots", "--forget"]);
    const hits = rows.filter(({ message_type }) => message_type === "damaged").map(({ series }) => series);
    deepEqual(hits, name === "no index" ? [] : ["prod/shop"]);
    await box.ok(["check", "--read-data"]);
    await restic.check();
    equal(await restic.md5("latest", "/blog/data", "--path", "/blog"), hash("md5", BLOG));
    if (hits.length === 0) {
      return equal(await restic.md5("latest", "/prod/shop/data", "--path", "/prod/shop"), hash("md5", SHOP));
    }
    const [left] = await restic.snapshots("--tag", "damaged");
    deepEqual([left!.paths, left!.tags], [["/damaged/prod/shop"], ["damaged"]]);
    match(await restic.ok(["dump", left!.id, "/damaged.txt"]), /"prod\/shop\/data": (of|all of its) 400000 bytes/);
  });
}

resticTest("our repair of what restic stored", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const large = noise(2_000_000, "large");
  await box.file("files/large", large);
  await box.file("files/small", "small\n");
  await restic.ok(["backup", box.join("files")]);
  const pack = await box.damageLargestPack();
  const check = await box.agent(["check", "--read-data", "--json"]);
  equal(check.exitCode, ExitCode.integrity);
  deepEqual(jsonRows(check.stdout).at(-1)!["repairs"], ["packs", "snapshots"]);
  const [repaired] = await box.json(["repair", "packs", pack]);
  deepEqual([repaired!["id"], repaired!["state"]], [pack, "repaired"]);
  const [only] = await box.json(["repair", "snapshots", "--forget"]);
  const [loss] = only!["losses"] as {
    path: string;
    size: number;
    ranges: { offset: number; length: number; isExact: boolean }[];
  }[];
  equal(loss!.size, large.length);
  await restic.check();
  const { offset, length, isExact } = loss!.ranges[0]!;
  ok(isExact);
  const left = concat([large.subarray(0, offset), large.subarray(offset + length)]);
  equal(await restic.md5("latest", `${box.join("files")}/large.damaged`), hash("md5", left));
  equal(await restic.md5("latest", `${box.join("files")}/small`), hash("md5", "small\n"));
});

newestTest("a subset reads the packs that restic's would read", async (program) => {
  await using box = await twoSeries();
  const restic = await Restic.in(box, program);
  const damagedPack = await box.damageLargestPack();
  const group = Number.parseInt(damagedPack.slice(0, 2), 16) % 3 + 1;
  for (const part of [1, 2, 3]) {
    const { exitCode, stdout } = await box.agent(["check", "--read-data-subset", `${part}/3`]);
    const ours = await restic.attempt(["check", `--read-data-subset=${part}/3`]);
    equal(exitCode, part === group ? ExitCode.integrity : ExitCode.done, stdout);
    equal(ours.exitCode === 0, part !== group, ours.stderr);
  }
  const packs = (await box.packs()).map((path) => basename(path));
  const [summary] = await box.json(["check", "--read-data-subset", `${group % 3 + 1}/3`]);
  equal(summary!["packsRead"], packs.filter((id) => Number.parseInt(id.slice(0, 2), 16) % 3 === group % 3).length);
});
