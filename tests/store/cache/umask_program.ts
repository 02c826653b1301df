/**
 * Fills the caches in the folders that its arguments name, each under the umask before it, as in `022 FOLDER`. It is a
 * program of its own because all threads of a process, and so all tests that run side by side, share one umask.
 */
import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { withCache } from "../../../src/store/cache/cached_store.ts";
import { openMemoryStore } from "../../../src/store/memory_store.ts";
import { bytesOf, fileOf } from "../../conformance/stored_files.ts";
import { seededRandom } from "../../helpers/world.ts";

const CONTENT = bytesOf(1000);
const SNAPSHOT = fileOf("snapshot", CONTENT);
const PACK = fileOf("pack", CONTENT);

for (let at = 0; at < Deno.args.length; at += 2) {
  const [umask, directory] = [Deno.args[at]!, Deno.args[at + 1]!];
  const store = withCache(openMemoryStore(), {
    directory,
    repositoryId: "ab".repeat(32),
    limitBytes: 1e9,
    clock: systemClock,
    random: seededRandom(directory),
    onProblem: (problem) => assert.fail(problem),
  });
  Deno.umask(parseInt(umask, 8));
  await store.put(SNAPSHOT, [CONTENT]);
  await store.put(PACK, [CONTENT]);
  await store.get(PACK, { offset: 100, length: 200 }, { keep: true });
}
