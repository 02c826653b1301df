/** restic on backups of files: what it checks, restores and counts. */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { put, type PutResult } from "../../src/ops/put.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { type Tree, TreeEngine } from "../engine/tree_engine.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { everyResticTest, Restic } from "../helpers/restic.ts";
import { accessTo, BytesSource, type FakeWorld, fakeWorld, noise, putRequest } from "../helpers/world.ts";

runAgentHere();

const ETC = parseSeries("etc/host");
/** The host of the puts. */
const HOST = putRequest(new BytesSource(new Uint8Array(0))).host;
const LARGE = noise(9_000_000, "large");

/** A box with an engine that is put into it. */
function putter(box: Sandbox, engine: TreeEngine) {
  const world: FakeWorld = { ...fakeWorld(), randomBytes: systemRandomBytes };
  return async (): Promise<PutResult> => {
    world.clock.jump(3_600_000);
    const store = openLocalStore(box.repo, { random: systemRandomBytes });
    const password = (await Deno.readTextFile(box.join("password"))).trimEnd();
    const request = putRequest(new BytesSource(new Uint8Array(0)), { series: ETC });
    return await put(accessTo(store, password), { ...request, input: engine.input() }, { world });
  };
}

everyResticTest("restic checks and restores what a backup of files wrote", async (program, test) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const engine = new TreeEngine({
    etc: {
      hosts: noise(5000, "hosts"),
      empty: new Uint8Array(0),
      link: "../srv/deep",
      none: {},
      "a b": noise(70, "spaces"),
    },
    srv: { large: LARGE, "\udcfe": noise(200, "bytes"), deep: { er: { file: noise(5000, "hosts") } } },
  });
  const putNight = putter(box, engine);
  const first = await putNight();
  const assertRestores = async (name: string) => {
    const target = box.join(name);
    await restic.ok(["restore", "latest", "--path", "/etc/host", "--target", target]);
    const root = join(target, "etc/host");
    deepEqual(await Deno.readFile(join(root, "srv/large")), LARGE);
    deepEqual(await Deno.readFile(join(root, "etc/hosts")), noise(5000, "hosts"));
    deepEqual(await Deno.readFile(join(root, "srv/deep/er/file")), noise(5000, "hosts"));
    equal(await Deno.readLink(join(root, "etc/link")), "../srv/deep");
    equal((await Deno.lstat(join(root, "etc/none"))).isDirectory, true);
    equal((await Deno.lstat(join(root, "etc/empty"))).size, 0);
    equal((await Deno.lstat(join(root, "etc/hosts"))).mtime?.toISOString(), "2026-01-02T03:04:05.000Z");
    const list = await Deno.readTextFile(join(target, "etc/host.digests"));
    equal(list.split("\n").length, 7);
  };
  await test.step("check --read-data finds nothing", () => restic.check());
  await test.step("a restore brings everything", () => assertRestores("first"));
  await test.step("our own check agrees", async () => {
    await box.ok(["check", "--read-data"]);
    const line = await box.ok(["verify", "etc/host"]);
    match(line, /OK etc\/host: 6 files, .*MD5 and SHA-256 as in the list of digests/);
  });
  await test.step("a second backup keeps what did not change", async () => {
    (engine.tree.etc as { new: Uint8Array }).new = noise(10, "new");
    const second = await putNight();
    deepEqual(engine.read, ["etc/new"]);
    deepEqual([first.tree!.files, second.tree!.files], [
      { new: 6, changed: 0, unmodified: 0 },
      { new: 1, changed: 0, unmodified: 6 },
    ]);
    deepEqual(second.tree!.directories, { new: 0, changed: 1, unmodified: 4 });
    await restic.check();
  });
  if ((await restic.ok(["version"])).startsWith("restic 0.14")) return; // It does not know rewrite.
  await test.step("restic rewrite finds every total right", async () => {
    const before = (await restic.snapshots()).length;
    await restic.ok(["rewrite", "--exclude", "nothing-of-that-name"]);
    equal((await restic.snapshots()).length, before);
  });
});

everyResticTest(
  "a series begins with what the newest snapshot of restic has, and notices what restic removed",
  async (program, test) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, program);
    const top = box.join("source");
    await Deno.mkdir(join(top, "sub"), { recursive: true });
    const files: Record<string, Uint8Array> = { one: noise(3000, "one"), two: noise(2_000_000, "two") };
    const time = new Date("2026-01-02T03:04:05Z");
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(join(top, "sub", name), bytes);
      await Deno.utime(join(top, "sub", name), time, time);
    }
    await restic.ok(["backup", top, "--host", HOST]);
    // The same tree by absolute path, with one file that restic does not have.
    const sub: Tree = { ...files, three: noise(40, "three") };
    const tree = top.split("/").filter((name) => name !== "").reduceRight<Tree>((below, name) => ({ [name]: below }), {
      sub,
    });
    const engine = new TreeEngine(tree);
    engine.mtime = "2026-01-02T03:04:05Z";
    engine.roots = [top];
    const putNight = putter(box, engine);
    const first = await putNight();
    const below = join(top, "sub").slice(1);
    await test.step("only what restic lacks is read", () => {
      deepEqual(engine.read, [`${below}/three`]);
      equal(first.manifest.level, 0);
    });
    await test.step("digests that nobody computed are not known", async () => {
      const list = await restic.ok(["dump", "latest", "/etc/host.digests", "--path", "/etc/host"]);
      deepEqual(list.split("\n").filter((line) => line.startsWith("- - ")), [`- - ${below}/one`, `- - ${below}/two`]);
      match(await box.ok(["verify", "etc/host"]), /no digests are known of 2 files/);
    });
    if ((await restic.ok(["version"])).startsWith("restic 0.14")) return; // It does not know rewrite.
    await test.step("a snapshot from which restic removed a file is damaged", async () => {
      await restic.ok(["rewrite", "--exclude", "three", "--forget", "--path", "/etc/host"]);
      const { exitCode, stderr } = await box.agent(["verify", "etc/host"]);
      equal(exitCode, 4);
      match(stderr, /is damaged: its manifest says that its files are tree/);
    });
  },
);
