/** Prune beside restic: what one leaves the other finds whole, and neither prunes while the other is at work. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { hash } from "node:crypto";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { assertFails, bulkNoise, eventually, type JsonRow, type Sandbox, sandbox } from "../helpers/executable.ts";
import { everyResticTest, Restic, resticTest } from "../helpers/restic.ts";
import { concat } from "../helpers/world.ts";

runAgentHere();

function night(n: number): Uint8Array {
  return concat([bulkNoise(400_000, "common"), bulkNoise(400_000, `half ${n}`), bulkNoise(400_000, `half ${n + 1}`)]);
}

/**
 * Nights by the agent and two backups of a directory by restic; every other night and restic's first are gone. Gives the
 * MD5 of the nights that stay.
 */
async function usedByBoth(box: Sandbox, restic: Restic, nights = 4): Promise<Map<string, string>> {
  for (let n = 0; n < nights; n++) await box.put("prod/shop", night(n));
  await box.file("files/a", bulkNoise(700_000, "a"));
  await box.file("files/b/c", bulkNoise(300_000, "c"));
  await restic.ok(["backup", "--quiet", "files"]);
  await box.file("files/a", bulkNoise(600_000, "a, changed"));
  await restic.ok(["backup", "--quiet", "files"]);
  const snapshots = await restic.snapshots();
  const md5s = new Map<string, string>();
  for (const [n, { id }] of snapshots.entries()) {
    if (n % 2 === 0) await Deno.remove(join(box.repo, "snapshots", id));
    else if (n < nights) md5s.set(id, hash("md5", night(n)));
  }
  return md5s;
}

async function assertRestores(box: Sandbox, restic: Restic, md5s: ReadonlyMap<string, string>): Promise<void> {
  for (const [id, md5] of md5s) {
    equal(await restic.md5(id, "/prod/shop/data"), md5);
    equal((await box.json(["verify", `@${id}`]))[0]!.md5, md5);
  }
  const files = (await restic.snapshots()).at(-1)!;
  equal(await restic.md5(files.id, "/files/a"), hash("md5", bulkNoise(600_000, "a, changed")));
}

const summaryOf = (rows: readonly JsonRow[]) =>
  rows.at(-1)! as unknown as {
    readonly unused: { readonly blobs: number };
    readonly freedBytes: number;
  };

everyResticTest("restic reads and checks what the agent pruned, and finds nothing left to prune", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const md5s = await usedByBoth(box, restic);
  ok(summaryOf(await box.json(["prune", "--max-unused", "0"])).freedBytes > 400_000);
  await restic.check();
  await box.ok(["check", "--read-data"]);
  await assertRestores(box, restic, md5s);
  const text = await restic.ok(["prune", "--max-unused", "0", "--dry-run"]);
  match(text, /unused size after prune: +0 B/);
  match(text, /to delete: +0 blobs/);
});

everyResticTest("the agent reads and checks what restic pruned, and finds nothing left to prune", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const md5s = await usedByBoth(box, restic);
  await restic.ok(["prune", "--max-unused", "0"]);
  await box.ok(["check", "--read-data"]);
  await assertRestores(box, restic, md5s);
  const rows = await box.json(["prune", "--max-unused", "0"]);
  equal(summaryOf(rows).unused.blobs, 0);
  deepEqual(rows.filter(({ reason }) => reason !== undefined && reason !== "it is small"), []);
  await restic.check();
});

resticTest("both find the same blobs to be of no use", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await usedByBoth(box, restic);
  const text = await restic.ok(["prune", "--max-unused", "unlimited", "--dry-run", "-v"]);
  const unused = Number(/unused: +(\d+) blobs/.exec(text)?.[1]);
  equal(summaryOf(await box.json(["prune", "--dry-run"])).unused.blobs, unused);
});

everyResticTest("a repository of format 1 is pruned, too", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await Deno.remove(box.repo, { recursive: true });
  await restic.ok(["init", "--repository-version", "1"]);
  // Every command pays for the password of a real key.
  const md5s = await usedByBoth(box, restic, 2);
  await box.ok(["prune", "--max-unused", "0", "--quiet"]);
  await restic.check();
  for (const [id, md5] of md5s) equal(await restic.md5(id, "/prod/shop/data"), md5);
});

resticTest(
  "a backup of restic keeps the agent's prune out, and a prune under way keeps restic out",
  async (program) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, program);
    const md5s = await usedByBoth(box, restic);
    await using backup = restic.start(["backup", "--quiet", "--stdin", "--stdin-filename", "slow"]);
    await eventually("restic's lock", async () => (await box.names("locks")).length > 0 || undefined);
    assertFails(await box.agent(["prune"]), ExitCode.locked, /locked by process/);
    await using waiting = box.start(["prune", "--quiet", "--max-unused", "0", "--retry-lock", "1m"]);
    await backup.write("from restic");
    await backup.closeInput();
    equal((await backup.outcome()).exitCode, 0);
    equal((await waiting.outcome()).exitCode, ExitCode.done);
    await restic.check();
    for (const [id, md5] of md5s) equal(await restic.md5(id, "/prod/shop/data"), md5);
    equal(await restic.md5("latest", "/slow"), hash("md5", "from restic"));
  },
);
