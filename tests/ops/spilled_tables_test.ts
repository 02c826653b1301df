/**
 * The tests of prune, check, stats, repairs and restores once more, with tables that spill from the first records on: nothing they
 * say or do may differ.
 */
import assert from "node:assert/strict";
import { SpillFile } from "../../src/store/spill/spill_file.ts";
import { TINY_SPILL } from "../store/spill/spills.ts";
import { spillTo } from "../helpers/world.ts";

// Alone in its thread: it loads files that others may have loaded, and counts reads in them.
const directory = await Deno.makeTempDir({ prefix: "agent-spilled-" });
spillTo({ directory, limitBytes: 1e9, spillLimits: TINY_SPILL });

let reads = 0;
const { read } = SpillFile.prototype;
SpillFile.prototype.read = function (...block) {
  reads++;
  return read.apply(this, block);
};

await import("./prune_test.ts");
await import("./prune_damage_test.ts");
await import("./check_test.ts");
await import("./check_packs_test.ts");
await import("./check_trees_test.ts");
await import("./stats_test.ts");
await import("./repair_faults_test.ts");
await import("./repair/repair_snapshots_test.ts");
await import("./restore/get_test.ts");

Deno.test("the tables of these tests did spill", () => assert.ok(reads > 1000, `${reads} blocks were read`));

Deno.test.afterAll(async () => await Deno.remove(directory, { recursive: true }));
