/** restic reads what we wrote: whoever loses us has lost nothing. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { hash } from "node:crypto";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { EXECUTABLE, jsonRows, type Sandbox, sandbox } from "../helpers/executable.ts";
import { everyResticTest, Restic } from "../helpers/restic.ts";
import { accessTo, concat, fakeWorld, noise, putBytes, sqlDump, withRows } from "../helpers/world.ts";

runAgentHere();

const SHOP = sqlDump(12_000, "shop");
/** The next night: rows in the middle and at the end are new. */
const SHOP_LATER = withRows(SHOP, { at: 500_000, rows: 500, seed: "new" });
/** What cannot be compressed, and what can be very much. */
const MIXED = concat([noise(300_000, "mixed"), new Uint8Array(300_000), noise(70_000, "end")]);
const LONG = noise(600_000, "long");
/** So many chunks that their index has more than one frame. */
const MANY = noise(2_500_000, "many chunks");

const VARIANTS = ["off", "fastest", "auto", "better", "max"] as const;
const CHUNK_SIZES = ["4K", "16K", "64K", "256K", "1M"] as const;

const md5 = (bytes: Uint8Array) => hash("md5", bytes);

/** A repository with one of everything that a put can write. */
async function fill(box: Sandbox): Promise<void> {
  await box.put("prod/shop", SHOP, "--host", "db1", "--tag", "nightly");
  await box.put("prod/shop", SHOP_LATER, "--host", "db1", "--tag", "nightly", "--tag", "second");
  for (const [i, compression] of VARIANTS.entries()) {
    const args = ["--compression", compression, "--chunk-size", CHUNK_SIZES[i]!, "--filename", "dump.bin"];
    await box.put(`variant/${compression}`, MIXED, ...args);
  }
  await box.put("empty", "", "--allow-empty");
  await box.put("many", MANY, "--chunk-size", "1K");
  const store = openLocalStore(box.repo, { random: systemRandomBytes });
  await putBytes(accessTo(store), { ...fakeWorld(), randomBytes: systemRandomBytes }, LONG, {
    series: parseSeries("long"),
    chunkAverage: 4096,
  }, { partLimits: { single: 40, least: 20, most: 40 } });
}

everyResticTest("restic checks, lists, dumps and restores what we wrote", async (program, test) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await fill(box);

  await test.step("check --read-data finds nothing", () => restic.check());

  await test.step("snapshots have the series as their path, and host, tags and parent", async () => {
    const [first, second] = await restic.snapshots("--path", "/prod/shop");
    deepEqual([first!.paths, first!.hostname, first!.tags], [["/prod/shop"], "db1", ["nightly"]]);
    deepEqual([second!.paths, second!.tags, second!.parent], [["/prod/shop"], ["nightly", "second"], first!.id]);
    equal((await restic.snapshots("--tag", "second")).length, 1);
    equal((await restic.snapshots()).length, VARIANTS.length + 5);
  });

  await test.step("ls shows stream and manifest, find finds them", async () => {
    const listed = await restic.ok(["ls", "latest", "--path", "/prod/shop"]);
    for (const path of ["/prod/shop", "/prod/shop/data", "/prod/shop.manifest.json"]) {
      ok(listed.split("\n").includes(path), `${path} in ${listed}`);
    }
    const found = JSON.parse(await restic.ok(["find", "--json", "dump.bin"])) as { matches: { path: string }[] }[];
    const paths = found.flatMap(({ matches }) => matches.map(({ path }) => path)).sort();
    deepEqual(paths, VARIANTS.map((variant) => `/variant/${variant}/dump.bin`).sort());
  });

  await test.step("dump gives every stream as it was", async () => {
    equal(await restic.md5("latest", "/prod/shop/data", "--path", "/prod/shop"), md5(SHOP_LATER));
    const [first] = await restic.snapshots("--path", "/prod/shop");
    equal(await restic.md5(first!.id, "/prod/shop/data"), md5(SHOP));
    equal(await restic.md5("latest", "/empty/data", "--path", "/empty"), md5(new Uint8Array()));
    for (const variant of VARIANTS) {
      const path = `/variant/${variant}`;
      equal(await restic.md5("latest", `${path}/dump.bin`, "--path", path), md5(MIXED), variant);
    }
  });

  await test.step("a restored stream passes the list of md5sum, its manifest is the one shown", async () => {
    const target = box.join("restored");
    await restic.ok(["restore", "latest", "--path", "/prod/shop", "--target", target]);
    const script = `"$AGENT" show prod/shop --md5sums >sums && cd restored && md5sum -c ../sums`;
    const { exitCode, stdout } = await box.shell(script);
    deepEqual([exitCode, stdout], [0, "prod/shop/data: OK\n"]);
    const [shown] = await box.json(["show", "prod/shop"]);
    deepEqual(JSON.parse(await Deno.readTextFile(`${target}/prod/shop.manifest.json`)), shown!.manifest);
    equal(hash("sha256", await Deno.readFile(`${target}/prod/shop.manifest.json`)), shown!.id);
  });

  await test.step("the parts of a long stream, one after the other, are the stream", async () => {
    await restic.ok(["restore", "latest", "--path", "/long", "--target", box.join("parts")]);
    const { stdout } = await box.shell(`cd parts/long/data && ls | wc -l && cat */* | md5sum`);
    const [count, sum] = stdout.split("\n");
    ok(Number(count) > 2, `${count} parts`);
    match(sum!, new RegExp(`^${md5(LONG)} `));
    deepEqual(await gotten(box, "long"), md5(LONG));
  });

  await test.step("stats know what it takes", async () => {
    const stats = JSON.parse(await restic.ok(["stats", "--json", "--mode", "raw-data"]));
    const packs = await Promise.all((await box.packs()).map(async (path) => (await Deno.stat(path)).size));
    const stored = packs.reduce((sum, size) => sum + size, 0);
    ok(stats.total_size > stored * 0.8 && stats.total_size <= stored, `${stats.total_size} of ${stored}`);
  });
});

/** The MD5 of what the agent gives back. */
async function gotten(box: Sandbox, selector: string): Promise<string> {
  await using running = box.startProgram("bash", [
    "-c",
    `set -o pipefail; "$0" get "$1" --json | md5sum`,
    EXECUTABLE,
    selector,
  ]);
  await running.closeInput();
  const { exitCode, stdout, stderr } = await running.outcome();
  equal(exitCode, 0, stderr);
  equal(jsonRows(stderr)[0]!.compared, true);
  return stdout.slice(0, 32);
}
