/** tar archives: the dialects of headers, and what is no end. */
import { strict as assert } from "node:assert";
import { assertNoPrefixIsWhole, bytesOf, concat, judge, littleEndianBytes, noise } from "./judging.ts";
import { paxRecord, TAR, TAR_END, tarHeader, tarMember } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["tar", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

Deno.test("tar: v7 headers without magic, and checksums over signed bytes", async () => {
  await expect(concat(tarMember(noise(10), { magic: "" }), TAR_END), true, /after 1 member$/);
  await expect(concat(tarMember(noise(10), { name: "\xe4\xf6", signedChecksum: true }), TAR_END), true, /1 member/);
});

Deno.test("tar: a size in base 256", async () => {
  const size = Uint8Array.from([0x80, ...littleEndianBytes(1500, 11).reverse()]);
  const archive = concat(tarMember(noise(1500), { size }), TAR_END);
  await expect(archive, true, /1 member/);
  await assertNoPrefixIsWhole(archive, archive.length, "auto", [512, 1023, 1024, 2048, archive.length - 1]);
});

Deno.test("tar: a negative or absurd size is named with its offset", async () => {
  await expect(concat(TAR.subarray(0, 1536), tarHeader({ size: new Uint8Array(12).fill(0xff) })), false, /byte 1536/);
  await expect(
    tarHeader({ size: Uint8Array.from([0x80, ...Array(11).fill(0xff)]) }),
    false,
    /byte 0 has no valid size/,
  );
});

Deno.test("tar: a member's size from a pax header replaces the one in its own", async () => {
  const records = concat(paxRecord("mtime", "1.5"), paxRecord("size", "1500"), paxRecord("comment", "x".repeat(600)));
  const member = concat(tarHeader({ size: 0 }), noise(1500), new Uint8Array(36));
  const next = tarMember(noise(5), { name: "next" });
  await expect(concat(tarMember(records, { type: "x" }), member, next, TAR_END), true, /2 members/);
});

Deno.test("tar: global headers, long names and old sparse maps are passed", async () => {
  const sparse = tarHeader({ size: 512, type: "S" });
  sparse[482] = 1;
  sparse.set(
    bytesOf((parseInt(String.fromCharCode(...sparse.subarray(148, 154)), 8) + 1).toString(8).padStart(6, "0")),
    148,
  );
  const [more, last] = [new Uint8Array(512), new Uint8Array(512)];
  more[504] = 1;
  const archive = concat(
    tarMember(paxRecord("comment", "all"), { type: "g" }),
    tarMember(bytesOf("a/very/long/name\0"), { type: "L" }),
    tarMember(noise(3)),
    sparse,
    more,
    last,
    noise(512),
    TAR_END,
  );
  await expect(archive, true, /2 members/);
  await assertNoPrefixIsWhole(archive);
});

Deno.test("tar: links and directories have no content, whatever their size says", async () => {
  const links = ["1", "2", "5"].map((type) => tarHeader({ type, size: 4000 }));
  await expect(concat(...links, TAR_END), true, /3 members/);
});

Deno.test("tar: a broken header in the middle is named with its offset", async () => {
  const broken = TAR.slice();
  broken[1536 + 3]! ^= 1;
  await expect(broken, false, /the header at byte 1536 has a wrong checksum/);
});

Deno.test("tar: one zero block is no end, and neither is anything but zeros after two", async () => {
  await expect(concat(TAR.subarray(0, -512), TAR), false, /one zero block alone at byte 3584/);
  await expect(concat(TAR, TAR), false, /goes on at byte 4608/);
  await expect(concat(TAR, new Uint8Array(700), bytesOf("x")), false, /goes on at byte 5308/);
  await expect(concat(TAR, new Uint8Array(70_000)), true, /two zero blocks/);
});

Deno.test("tar: an archive without members is whole for who insists on tar, and nothing known otherwise", async () => {
  const empty = new Uint8Array(10_240);
  assert.equal((await judge(empty, "tar")).complete, true);
  assert.equal((await judge(empty)).format, "none");
});

Deno.test("tar: an endless chain of extended headers costs neither memory nor stack", async () => {
  const link = tarMember(paxRecord("size", "1"), { type: "x" });
  await expect(concat(...Array(20_000).fill(link)), false, /continue with a member header/);
});

Deno.test("tar: an extended header with the names of a directory of a million entries is read, and no larger one", async () => {
  const member = tarMember(paxRecord("GNU.dumpdir", "Yname".repeat(2 ** 21)), { type: "x" });
  await expect(concat(member, tarHeader({ type: "5" }), TAR_END), true, /1 member$/);
  const larger = concat(tarHeader({ type: "x", size: 65 * 2 ** 20 }), new Uint8Array(1024));
  await expect(larger, false, /the extended header at byte 0 claims 68157440 bytes/);
});
