/** Repair on the command line: what it says, in text and JSON, and its exit codes. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import {
  assertFails,
  assertFailsAfterOutput,
  bulkNoise,
  jsonRows,
  type Sandbox,
  sandbox,
} from "../helpers/executable.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const SHOP = bulkNoise(200_000, "shop");

async function twoSeries(): Promise<Sandbox> {
  const box = await sandbox();
  await box.put("blog", "a small one\n");
  await box.put("prod/shop", SHOP);
  return box;
}

Deno.test("a damaged pack: check says which repairs to run, they tell what they did and what is lost", async () => {
  await using box = await twoSeries();
  const pack = await box.damageLargestPack();
  const check = await box.agent(["check", "--read-data"]);
  assertFailsAfterOutput(check, ExitCode.integrity, /1 error/);
  match(check.stdout, /"agent repair packs", then "agent repair snapshots" saves what can be saved\n$/);

  match(await box.ok(["repair", "index"]), /^Nothing to repair: the index lists what exists, \d packs\n$/);
  match(await box.ok(["repair", "packs", "--dry-run"]), /^Dry run: would repair 1 pack; 1 blob lost; "agent repair/m);
  const packs = await box.ok(["repair", "packs", pack.slice(0, 8)]);
  match(packs, new RegExp(`^Pack ${pack}: \\d+ blobs saved, 1 blob not\nLost: data blob [0-9a-f]{64} of \\d+ bytes`));

  const told = await box.ok(["repair", "snapshots", "-n"]);
  match(
    told,
    /^Damaged: prod\/shop@[0-9a-f]{8} of .*\n {2}"prod\/shop\/data": of 200000 bytes .*, lost is bytes \d+ to \d+\n/,
  );
  match(
    told,
    /what is left would be damaged\/prod\/shop; the damaged snapshot [0-9a-f]{8} stays\nDry run: 1 of 2 backups damaged\n$/,
  );
  const [damaged, summary] = await box.json(["repair", "snapshots", "--forget"]);
  deepEqual([damaged!["message_type"], damaged!["isForgotten"]], ["damaged", true]);
  deepEqual([summary!["dryRun"], summary!["damaged"]], [false, 1]);
  await box.ok(["check", "--read-data"]);
  match(await box.ok(["ls"]), /^[0-9a-f]{8} {2}damaged\/prod\/shop .* - +damaged\n/m);
  assertFails(await box.agent(["get", "prod/shop"]), ExitCode.usage, /no backup of "prod\/shop"/);
  assertFails(await box.agent(["get", "damaged/prod/shop"]), ExitCode.usage, /data\.damaged/);
});

Deno.test("what is sound has nothing to repair; what cannot be is refused", async () => {
  await using box = await twoSeries();
  match(await box.ok(["repair", "index", "--read-all-packs"]), /^Nothing to repair/);
  match(await box.ok(["repair", "packs"]), /^Nothing to repair: no pack is damaged\n$/);
  match(await box.ok(["repair", "snapshots"]), /^Nothing to repair: 2 backups whole/);
  assertFails(await box.agent(["repair", "packs", "12345678"]), ExitCode.usage, /There is no pack/);
  assertFails(await box.agent(["repair", "packs", "../x"]), ExitCode.usage, /Not the id of a pack/);
  assertFails(await box.agent(["repair"]), ExitCode.usage, /agent repair --help/);
  assertFails(await box.agent(["check", "--read-data", "--read-data-subset", "1/2"]), ExitCode.usage, /not both/);
  assertFails(await box.agent(["check", "--read-data-subset", "3/2"]), ExitCode.usage, /No group 3 of 2/);
  match(await box.ok(["check", "--read-data-subset", "1"]), /every blob in 1 of the packs, .* read and verified\n$/);
});

Deno.test("packs that cannot be read are left to the next repair: exit code 4", async () => {
  await using box = await twoSeries();
  const [path] = await box.packs();
  await box.replace(path!, (await Deno.readFile(path!)).subarray(0, 100_000));
  const outcome = await box.agent(["repair", "index", "--json"]);
  equal(outcome.exitCode, ExitCode.integrity);
  match(String(jsonRows(outcome.stderr)[0]!["message"]), /1 pack could not be read: "agent repair packs"/);
  equal((jsonRows(outcome.stdout)[0]!["unreadablePacks"] as unknown[]).length, 1);
});

Deno.test("a pack that the disk does not give stays as it is: exit code 4", async () => {
  await using box = await twoSeries();
  const paths = await box.packs();
  const [path] = paths;
  await Deno.remove(path!);
  // Reading it from its beginning is an input/output error.
  await Deno.symlink("/proc/self/mem", path!);
  const outcome = await box.agent(["repair", "packs"]);
  equal(outcome.exitCode, ExitCode.integrity);
  match(
    outcome.stdout,
    /^Pack [0-9a-f]{64} cannot be read and stays: .*input\/output error.*\nRepaired: 0 packs; 0 blobs lost\n$/,
  );
  match(outcome.stderr, /^agent: 1 pack could not be read and stays as it is: see to the disk/);
  deepEqual((await box.packs()).sort(), paths.sort());
});
