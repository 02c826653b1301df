/** gzip: members, what closes them, what is inside. */
import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { assertNoPrefixIsWhole, bytesOf, concat, judge, noise } from "./judging.ts";
import { GZIP, gzipMemberWithAllFields, MYSQLDUMP, TAR } from "./samples.ts";

const gzip = (content: Uint8Array) => Uint8Array.from(gzipSync(content));

async function expect(bytes: Uint8Array, format: string, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], [format, complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

Deno.test("gzip: members one after the other are one stream", async () => {
  const text = bytesOf(MYSQLDUMP);
  const members = concat(gzip(text.subarray(0, 200)), gzip(text.subarray(200, 700)), gzip(text.subarray(700)));
  await expect(members, "gzip+mysqldump", true, /3 members are whole; inside: ends with/);
  await assertNoPrefixIsWhole(members);
});

Deno.test("gzip: where the inside is unknown, a border between members is an end like any other", async () => {
  const [first, second] = [gzip(noise(100)), gzip(noise(100, 2))];
  const both = concat(first, second);
  for (let cut = 0; cut <= both.length; cut++) {
    const { complete } = await judge(both.subarray(0, cut), "gzip");
    assert.equal(complete, cut === first.length || cut === both.length, `cut at ${cut}`);
  }
});

Deno.test("gzip: a header with all its optional fields, at every cut", async () => {
  const member = gzipMemberWithAllFields(TAR);
  const cuts = Array.from({ length: 40 }, (_, i) => i);
  assert.deepEqual(await judge(member, "auto", cuts), await judge(member));
  await expect(member, "gzip+tar", true, /1 member is whole/);
});

Deno.test("gzip: a wrong checksum or length is found", async () => {
  for (
    const [back, reason] of [[8, /wrong checksum/], [5, /wrong checksum/], [4, /wrong length/], [
      1,
      /wrong length/,
    ]] as const
  ) {
    const broken = GZIP.slice();
    broken[broken.length - back]! ^= 1;
    await expect(broken, "gzip+mysqldump", false, reason);
  }
});

Deno.test("gzip: damage in the compressed data of a later member is found", async () => {
  const reservedBlock = concat(GZIP, GZIP.subarray(0, 10), Uint8Array.of(7), noise(50));
  await expect(reservedBlock, "gzip+mysqldump", false, /compressed data is damaged \(invalid block type\)/);
  const broken = concat(GZIP, GZIP);
  broken[GZIP.length + 60]! ^= 0x55;
  await expect(broken, "gzip+mysqldump", false, /damaged|wrong/);
});

Deno.test("gzip: what follows the last member is zeros or nothing", async () => {
  await expect(concat(GZIP, new Uint8Array(5000)), "gzip+mysqldump", true, /whole/);
  await expect(concat(GZIP, bytesOf("junk")), "gzip+mysqldump", false, /ends at byte|no gzip member/);
  await expect(concat(GZIP, bytesOf("a long piece of junk")), "gzip+mysqldump", false, /no gzip member begins at/);
  await expect(concat(GZIP, new Uint8Array(9), GZIP), "gzip+mysqldump", false, /after zero padding/);
});

Deno.test("gzip: a whole container around a truncated dump is not whole", async () => {
  await expect(gzip(bytesOf(MYSQLDUMP.slice(0, -9))), "gzip+mysqldump", false, /inside: the last line is/);
  await expect(gzip(TAR.subarray(0, 2000)), "gzip+tar", false, /inside: ends at byte 2000/);
});

Deno.test("gzip: a perfect file of nothing is what a dump that failed at once leaves behind", async () => {
  await expect(gzip(new Uint8Array(0)), "gzip", false, /nothing inside/);
});

Deno.test("gzip: bgzip's members end with an empty one", async () => {
  const bgzip = (content: Uint8Array) => {
    const plain = gzip(content);
    return concat(
      Uint8Array.of(0x1f, 0x8b, 8, 4),
      plain.subarray(4, 10),
      bytesOf("\x06\0BC\x02\0\0\0"),
      plain.subarray(10),
    );
  };
  await expect(concat(bgzip(noise(500)), bgzip(new Uint8Array(0))), "gzip", true, /2 members/);
  await expect(bgzip(noise(500)), "gzip", false, /empty member/);
});

Deno.test("gzip: compression within compression is followed three deep and no deeper", async () => {
  const text = bytesOf(MYSQLDUMP);
  await expect(gzip(gzip(gzip(text))), "gzip+gzip+gzip+mysqldump", true, /ends with/);
  await expect(gzip(gzip(gzip(gzip(text)))), "gzip+gzip+gzip", true, /no format a guard knows/);
  const torn = gzip(gzip(gzip(gzip(text)).subarray(0, 300)));
  assert.equal((await judge(torn)).complete, false);
});

Deno.test("gzip: contents that expand a thousandfold pass through bounded buffers", async () => {
  await expect(gzip(concat(TAR, new Uint8Array(64 * 2 ** 20))), "gzip+tar", true, /two zero blocks/);
});
