/** Redis dumps: versions, the opcode and checksum at the end, and dumps without a checksum. */
import { strict as assert } from "node:assert";
import { bytesOf, concat, judge, noise } from "../judging.ts";
import { REDIS, redisDump } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean | null, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], [complete === null ? "none" : "redis-rdb", complete]);
  assert.match(verdict.reason, reason);
}

const MARK = bytesOf("d898b874673de8a2335f2b8de98c0e4b36cd71dc");

Deno.test("redis: a changed byte anywhere is found", async () => {
  for (let i = 9; i < REDIS.length; i++) {
    const damaged = REDIS.slice();
    damaged[i]! ^= 0x40;
    await expect(damaged, false, /without the checksum that closes a dump/);
  }
});

Deno.test("redis: the mark of a replication stream may follow, whole and alone", async () => {
  await expect(concat(REDIS, MARK), true, /with its checksum and the mark of a replication stream/);
  for (let length = 1; length < MARK.length; length++) {
    await expect(concat(REDIS, MARK.subarray(0, length)), false, /without the checksum/);
  }
  await expect(concat(REDIS, bytesOf("x".repeat(40))), false, /without the checksum/);
  await expect(concat(REDIS, MARK, MARK), false, /without the checksum/);
});

Deno.test("redis: a dump that only ends with 40 hexadecimal digits has its own end", async () => {
  await expect(redisDump(concat(noise(100), MARK)), true, /ends with its checksum$/);
});

Deno.test("redis: zeros in the checksum's place are told as what they are", async () => {
  const unchecked = concat(REDIS.subarray(0, -8), new Uint8Array(8));
  await expect(unchecked, true, /without a checksum \(rdbchecksum no\); its content is not judged/);
  await expect(concat(unchecked, MARK), true, /without a checksum .* and the mark/);
  await expect(concat(REDIS.subarray(0, -9), new Uint8Array(9)), false, /without the checksum/);
});

Deno.test("redis: versions before the checksum, and of Valkey", async () => {
  await expect(redisDump(noise(20), "REDIS0004"), false, /version 4, which has no checksum/);
  await expect(redisDump(noise(20), "REDIS0005"), true, /^version 5/);
  await expect(redisDump(noise(20), "VALKEY080"), true, /^version 80/);
  await expect(redisDump(noise(20), "REDIS00xx"), null, /no format/);
});
