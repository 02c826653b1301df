/** The cache on a disk that is full, or that nothing can be written to any more: slower, told once, never in the way. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import type { AgentError } from "../../src/base/errors.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { withCache } from "../../src/store/cache/cached_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { FileName } from "../../src/store/store.ts";
import { bytesOf } from "../conformance/stored_files.ts";
import { filesBelow } from "../store/local_fixture.ts";
import { mountSmallDisk, whyNoSmallDisk } from "./small_disk.ts";

const noDisk = await whyNoSmallDisk();
const skipped = noDisk ? ` (skipped: ${noDisk})` : "";

const FILES = Array.from({ length: 8 }, (_, i) => bytesOf(40_000, i));
const DISK_BYTES = 4 * 40_000;

Deno.test({
  name: `a cache without room, or on a read-only disk, gets in nobody's way${skipped}`,
  ignore: noDisk !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(DISK_BYTES);
    const remote = openMemoryStore();
    const problems: AgentError[] = [];
    const session = () =>
      withCache(remote, {
        directory: disk.path,
        repositoryId: "ab".repeat(32),
        limitBytes: 1e9,
        clock: systemClock,
        random: systemRandomBytes,
        onProblem: (problem) => void problems.push(problem),
      });
    const full = session();
    for (const bytes of FILES) await full.put(indexOf(bytes), [bytes]);
    await full.close();
    await disk.readOnly();
    const readOnly = session();
    for (const bytes of FILES) assert.deepEqual(await readOnly.get(indexOf(bytes)), bytes);
    await readOnly.close();
    assert.equal(problems.length, 2, "each is told once");
    assert.match(problems[0]!.message, /^Cannot keep a copy in the cache as ".*": .*space/);
    assert.match(problems[1]!.message, /^Cannot keep a copy in the cache as ".*": .*read-only/i);
    const kept = await filesBelow(disk.path);
    assert.ok(kept.some((path) => path.includes("/index/")), "there was room for some");
    assert.ok(kept.every((path) => !path.includes("-tmp-")), "nothing half written stays");
  },
});

function indexOf(bytes: Uint8Array): FileName {
  return { kind: "index", name: hash("sha256", bytes) };
}
