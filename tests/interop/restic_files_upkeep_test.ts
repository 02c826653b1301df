/** Backups of files that are copied, thinned out, damaged and repaired: restic and agent find nothing wrong afterwards. */
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { join } from "node:path";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { decodeHex } from "../../src/base/hex.ts";
import { put, type PutResult } from "../../src/ops/put.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { findNode } from "../../src/repository/tree/trees.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { type Tree, TreeEngine } from "../engine/tree_engine.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { emptySandbox, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { accessTo, BytesSource, type FakeWorld, fakeWorld, noise, putRequest } from "../helpers/world.ts";

runAgentHere();

const SERIES = parseSeries("etc/host");

/** A directory that is backed up into a box. */
class Nights {
  readonly #box: Sandbox;
  readonly #world: FakeWorld = { ...fakeWorld(), randomBytes: systemRandomBytes };
  readonly engine = new TreeEngine({
    etc: { hosts: noise(5000, "hosts"), empty: new Uint8Array(0), none: {}, link: "hosts" },
    srv: { large: noise(3_000_000, "large"), deep: { er: { file: noise(400, "deep") } } },
  });

  constructor(box: Sandbox) {
    this.#box = box;
  }

  async put(): Promise<PutResult> {
    this.#world.clock.jump(86_400_000);
    const store = openLocalStore(this.#box.repo, { random: systemRandomBytes });
    const password = (await Deno.readTextFile(this.#box.join("password"))).trimEnd();
    const request = putRequest(new BytesSource(new Uint8Array(0)), { series: SERIES });
    return await put(accessTo(store, password), { ...request, input: this.engine.input() }, { world: this.#world });
  }

  add(name: string, bytes: Uint8Array): void {
    (this.engine.tree.etc as Tree)[name] = bytes;
  }
}

async function assertSound(box: Sandbox, restic: Restic): Promise<void> {
  await box.ok(["check", "--read-data"]);
  await restic.check();
}

resticTest(
  "copies, removals and prunes of backups of files leave everything whole, with its digests",
  async (program) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, program);
    const nights = new Nights(box);
    await nights.put();
    nights.add("new", noise(40_000, "new"));
    await nights.put();
    const sums = await box.ok(["show", "etc/host", "--sha256sums"]);

    await using other = await emptySandbox();
    await other.file("password", "a password of its own\n");
    await other.ok(["init"]);
    const env = { AGENT_FROM_PASSWORD_FILE: box.join("password") };
    await other.ok(["copy", "--from", box.repo], { env });
    const otherRestic = await Restic.in(other, program);
    await assertSound(other, otherRestic);
    equal(await other.ok(["show", "etc/host", "--sha256sums"]), sums);

    await box.ok(["forget", "--keep-last", "1", "--prune"]);
    await assertSound(box, restic);
    equal(await box.ok(["show", "etc/host", "--sha256sums"]), sums);
    await other.ok(["rm", "etc/host@latest"]);
    await other.ok(["prune"]);
    await other.ok(["tag", "--add", "kept", "etc/host"]);
    await assertSound(other, otherRestic);
    notEqual(await other.ok(["show", "etc/host", "--sha256sums"]), sums);
    await other.ok(["verify", "etc/host", "--chain"]);

    const next = await nights.put();
    deepEqual(next.tree!.files, { new: 0, changed: 0, unmodified: 5 });
    await assertSound(box, restic);
  },
);

resticTest(
  "what is left of damaged backups of files is whole, and the next backup has everything",
  async (program) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, program);
    const nights = new Nights(box);
    await nights.put();
    await box.damageLargestPack();
    await box.ok(["repair", "packs"]);
    const rows = await box.json(["repair", "snapshots", "--forget"]);
    deepEqual(rows.filter(({ message_type }) => message_type === "damaged").map(({ series }) => series), ["etc/host"]);
    await assertSound(box, restic);
    match(await box.ok(["ls"]), /damaged\/etc\/host/);
    await nights.put();
    await assertSound(box, restic);
    await box.ok(["verify", "etc/host"]);
  },
);

// An old restic waits a minute for each blob of a pack that is gone.
programTest({
  name: "restic restores a backup whose trees were stored once more because they were gone",
  needs: ["restic-newest"],
  fn: (programs) => restoreStoredAgain(programs["restic-newest"]),
});

async function restoreStoredAgain(program: string): Promise<void> {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const nights = new Nights(box);
  const { backup: { snapshot: { tree } } } = await nights.put();
  const repository = await box.open();
  const index = await loadIndex(repository.files);
  const etc = await findNode({ ...repository, index }, tree, "etc/host/etc");
  const pack = index.packId(index.locate("tree", decodeHex(etc!.subtree!))!.pack);
  await Deno.remove(box.join(`repo/data/${pack.slice(0, 2)}/${pack}`));
  await nights.put();
  await restic.ok(["restore", "latest", "--path", "/etc/host", "--target", box.join("restored")]);
  const root = join(box.join("restored"), "etc/host");
  deepEqual(await Deno.readFile(join(root, "etc/hosts")), noise(5000, "hosts"));
  deepEqual(await Deno.readFile(join(root, "srv/deep/er/file")), noise(400, "deep"));
  await box.ok(["verify", "etc/host"]);
  await box.ok(["repair", "index"]);
  await box.ok(["repair", "snapshots", "--forget"]);
  await assertSound(box, restic);
}
