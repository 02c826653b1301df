/** Numbers and tags of `agent`, compared with those of restic. */
import { deepEqual, equal } from "node:assert/strict";
import { runAgentHere } from "../helpers/agent_here.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { noise, sqlDump } from "../helpers/world.ts";

runAgentHere();

interface Storage {
  readonly plainBytes: number;
  readonly data: { readonly blobs: number; readonly sealedBytes: number };
  readonly trees: { readonly blobs: number; readonly sealedBytes: number };
}

/** Three nights of a dump that grows, one more that shares its beginning, and one that shares nothing. */
async function filled(box: Sandbox): Promise<void> {
  for (const night of [1, 2, 3]) await box.put("prod/shop", sqlDump(1000 * night, "shop"), "--host", "db1");
  await box.put("prod/archive", sqlDump(1500, "shop"), "--host", "db1", "--guard", "none");
  await box.put("dev", noise(200_000, "dev"), "--host", "db2");
}

resticTest("stats count what restic stats counts, for all backups and for one series", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await filled(box);
  const count = async (...args: string[]) => JSON.parse(await restic.ok(["stats", "--json", ...args]));
  for (const [series, chosen] of [[[], []], [["prod/shop"], ["--path", "/prod/shop"]]] as const) {
    const summary = (await box.json(["stats", ...series])).at(-1)!;
    const total = summary.total as Storage;
    const raw = await count("--mode", "raw-data", ...chosen);
    deepEqual(
      [total.data.sealedBytes + total.trees.sealedBytes, total.data.blobs + total.trees.blobs],
      [raw.total_size, raw.total_blob_count],
    );
    let manifests = 0;
    for (const { id, paths } of await restic.snapshots(...chosen)) {
      const manifest = await restic.ok(["dump", id, `${paths[0]}.manifest.json`]);
      manifests += new TextEncoder().encode(manifest).length;
    }
    const restored = await count("--mode", "restore-size", ...chosen);
    equal(restored.total_size, Number(summary.readBytes) + manifests);
  }
});

resticTest("stats count the backups that restic made, and what they share with others", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const folder = box.join("files");
  await box.file("files/a", noise(300_000, "a"));
  await box.file("files/sub/b", noise(200_000, "b"));
  await box.file("files/copy/b", noise(200_000, "b"));
  await restic.ok(["backup", folder]);
  await restic.ok(["backup", folder, "--host", "other"]);
  await filled(box);
  const rows = await box.json(["stats"]);
  const raw = JSON.parse(await restic.ok(["stats", "--json", "--mode", "raw-data"]));
  const total = rows.at(-1)!.total as Storage;
  equal(total.data.sealedBytes + total.trees.sealedBytes, raw.total_size);
  const files = rows.find(({ series }) => series === folder.slice(1))!;
  deepEqual([files.backups, files.readBytes], [2, 1_400_000]);
  equal((files.own as Storage).data.blobs, 2, "each of its contents once");
});

resticTest("tags that agent sets are those of restic, and the other way round", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await filled(box);
  const tagsOf = async () => (await restic.snapshots("--path", "/prod/shop")).map(({ tags }) => tags ?? []);
  await box.ok(["tag", "--all", "prod/shop", "--add", "nightly,eu"]);
  deepEqual(await tagsOf(), [["nightly", "eu"], ["nightly", "eu"], ["nightly", "eu"]]);
  const ids = (await restic.snapshots("--path", "/prod/shop")).map(({ id }) => id);
  await restic.ok(["tag", "--remove", "eu", "--add", "old", ids[0]!]);
  const [first] = await box.json(["ls", "prod/shop"]);
  deepEqual(first!.tags, ["nightly", "old"]);
  const [tagged] = await box.json(["tag", `@${first!.id}`, "--set", ""]);
  deepEqual([tagged!.id, tagged!.tags, tagged!.tagsBefore, tagged!.replaced], [
    first!.id,
    [],
    ["nightly", "old"],
    [first!.snapshot],
  ]);
  deepEqual(await tagsOf(), [[], ["nightly", "eu"], ["nightly", "eu"]]);
  const [snapshot] = await restic.snapshots(String(tagged!.snapshot));
  equal(typeof snapshot!.original, "string");
  await restic.check();
  await box.ok(["check"]);
  await box.ok(["verify", `@${first!.id}`]);
});
