/** etcd snapshots: a bbolt database and its SHA-256. */
import { strict as assert } from "node:assert";
import { concat, judge } from "../judging.ts";
import { boltDatabase, ETCD, etcdSnapshot } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["etcd", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

Deno.test("etcd: a changed byte of the database or of the digest is found", async () => {
  for (const where of [100, 600, ETCD.length - 1]) {
    const damaged = ETCD.slice();
    damaged[where]! ^= 1;
    await expect(damaged, false, /^its SHA-256 is wrong$/);
  }
});

Deno.test("etcd: a database file alone is no snapshot, and says what to do", async () => {
  await expect(boltDatabase(4), false, /ends at byte 2048 without a SHA-256; .* use etcdctl snapshot save/);
});

Deno.test("etcd: nothing follows the digest", async () => {
  await expect(concat(ETCD, ETCD), false, /without a SHA-256/);
  await expect(etcdSnapshot(ETCD), true, /SHA-256 of its 1056 bytes/);
});

Deno.test("etcd: another version of the database is not recognised", async () => {
  const other = boltDatabase(2);
  other[20] = 3;
  assert.equal((await judge(other)).format, "none");
});
