/** Backups of the storage interface, read and rewritten by restic. */
import { deepEqual, equal, match } from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { openStorage } from "../../src/mod.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { accessTo, concat, fakeWorld, noise } from "../helpers/world.ts";

runAgentHere();

const NAME = "2026-11-21.075342.zone1-0000000100";
/** Every tenth is long enough for parts. */
const FILES = Array.from({ length: 100 }, (_, i) => {
  const bytes = noise(i % 10 === 9 ? 200_000 : 400 * i, `${i}`);
  return { path: `${i % 4}/${i}.ibd`, bytes };
});
const PART_LIMITS = { single: 120, least: 20, most: 40 };

resticTest("restic restores a hundred files that were written ten at a time", async (program, test) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const access = {
    ...accessTo(openLocalStore(box.repo, { random: systemRandomBytes })),
    openStore: () => Promise.resolve(openLocalStore(box.repo, { random: systemRandomBytes })),
  };
  const storage = openStorage(access, { ...fakeWorld(), randomBytes: systemRandomBytes });
  const handle = await storage.startBackup("zone1/shop", NAME, { chunkAverage: 1024, partLimits: PART_LIMITS });
  await mapConcurrently(FILES, 10, async ({ path, bytes }) => {
    await new Blob([bytes]).stream().pipeTo(handle.addFile(path));
  });
  const { manifest } = await handle.endBackup();

  await test.step("check --read-data finds nothing, and there is one snapshot", async () => {
    await restic.check();
    deepEqual((await restic.snapshots()).map(({ paths }) => paths), [["/zone1/shop"]]);
  });

  await test.step("what it restores passes the list of md5sum", async () => {
    await restic.ok(["restore", "latest", "--target", box.join("restored")]);
    // A long stream is a directory of parts, which in their order are the stream.
    const joinParts = `for part in $(find restored -type d -path '*.ibd/00000'); do
      file="$(dirname "$part")" && cat "$file"/*/* >joined && rm -r "$file" && mv joined "$file"; done`;
    const check =
      `"$AGENT" show zone1/shop --md5sums >sums && cd restored && md5sum -c --quiet ../sums && wc -l <../sums`;
    const { exitCode, stdout, stderr } = await box.shell(`${joinParts}; ${check}`);
    deepEqual([exitCode, stdout.trim()], [0, "100"], stderr);
    equal(manifest.files.some(({ parts }) => parts !== undefined), true);
  });

  await test.step("a backup that restic rewrote keeps its name and reads as before", async () => {
    await restic.ok(["tag", "--add", "seen", "latest"]);
    const [listed, ...others] = await storage.listBackups("zone1/shop");
    deepEqual([listed?.name, others], [NAME, []]);
    const { path, bytes } = FILES[77]!;
    deepEqual(concat(await Array.fromAsync(await listed!.readFile(path))), bytes);
    await storage.removeBackup("zone1/shop", NAME);
    deepEqual(await restic.snapshots(), []);
  });

  await storage.close();
  const { stdout } = await box.shell(`ls "$AGENT_REPOSITORY/locks" 2>/dev/null || ls "${box.repo}/locks"`);
  match(stdout, /^$/);
});
