/** xbstream: chunks, files and what makes a stream a whole backup. */
import { strict as assert } from "node:assert";
import { crc32 } from "node:zlib";
import { assertNoPrefixIsWhole, bytesOf, concat, judge, littleEndianBytes, noise } from "./judging.ts";
import { xbChunk, xbFile, xbPayload, XBSTREAM } from "./samples.ts";

async function expect(bytes: Uint8Array, complete: boolean, reason: RegExp): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], ["xbstream", complete], verdict.reason);
  assert.match(verdict.reason, reason);
}

/** xtrabackup's payload with holes. */
function sparsePayload(path: string, content: Uint8Array): Uint8Array {
  const map = concat(
    littleEndianBytes(16, 4),
    littleEndianBytes(20, 4),
    littleEndianBytes(4096, 4),
    littleEndianBytes(30, 4),
  );
  return concat(
    xbChunk("S", path),
    littleEndianBytes(2, 4),
    littleEndianBytes(content.length, 8),
    littleEndianBytes(0, 8),
    littleEndianBytes(crc32(content, crc32(map)), 4),
    map,
    content,
  );
}

Deno.test("xbstream: the payload's checksum is verified", async () => {
  const broken = XBSTREAM.slice();
  broken[100]! ^= 1;
  await expect(broken, false, /payload of the chunk at byte 0 has a wrong checksum/);
});

Deno.test("xbstream: every file needs its end", async () => {
  await expect(concat(xbPayload("a.txt", noise(9)), xbFile("b.txt")), false, /1 of its files have no end.*"a\.txt"/);
});

Deno.test("xbstream: a chunk that is missing in the middle of a file is found", async () => {
  await expect(
    concat(xbPayload("a", noise(9)), xbPayload("a", noise(9), 12)),
    false,
    /continues its file at 12, expected 9/,
  );
});

Deno.test("xbstream: a backup is whole only with its info file, under the name of either tool", async () => {
  const files = [xbFile("ibdata1"), xbFile("shop/t.ibd.zst"), xbFile("backup-my.cnf")];
  await expect(concat(...files), false, /without xtrabackup_info or mariadb_backup_info/);
  for (const info of ["xtrabackup_info", "mariadb_backup_info", "xtrabackup_info.zst", "xtrabackup_info.lz4.xbcrypt"]) {
    await expect(concat(...files, xbFile(info)), true, /info file, 4 files/);
    await expect(concat(...files, xbPayload(info, noise(4))), false, /no end/);
  }
  for (const name of ["shop/t.frm", "aria_log_control", "shop/t.ibd.delta.qp", "undo001", "mysql/global_priv.MAI"]) {
    await expect(xbFile(name), false, /info file|xtrabackup_info/);
  }
});

Deno.test("xbstream: files of anything else need no info file", async () => {
  const stream = concat(xbFile("notes.txt"), xbFile("b/c.png"));
  await expect(stream, true, /ends on a chunk border, 2 files/);
  await expect(concat(stream, bytesOf("XBS")), false, /inside a chunk header/);
});

Deno.test("xbstream: sparse payloads, with their map in the checksum", async () => {
  const stream = concat(sparsePayload("t.txt", noise(50)), xbChunk("E", "t.txt"));
  await expect(stream, true, /1 file$/);
  await assertNoPrefixIsWhole(stream);
  const broken = stream.slice();
  broken[60]! ^= 1;
  await expect(broken, false, /wrong checksum/);
});

Deno.test("xbstream: mariabackup's seek, rename, remove and rewrite chunks", async () => {
  const stream = concat(
    xbPayload("a", noise(5)),
    xbChunk("S", "a"),
    littleEndianBytes(10, 8),
    xbPayload("a", noise(5), 10),
    xbChunk("E", "a"),
    xbChunk("R", "a"),
    littleEndianBytes(3, 4),
    bytesOf("b/c"),
    xbPayload("b/c", noise(7), 0, 2),
    xbChunk("E", "b/c"),
    xbChunk("D", "b/c"),
  );
  await expect(stream, true, /2 files/);
  assert.deepEqual(await judge(stream, "auto", stream.keys()), await judge(stream));
});

Deno.test("xbstream: what is no chunk is named with its offset", async () => {
  await expect(
    concat(XBSTREAM, bytesOf("XBSTCK02 and more")),
    false,
    new RegExp(`no chunk begins at byte ${XBSTREAM.length}`),
  );
  await expect(concat(xbChunk("Q", "a")), false, /byte 0 is of no known type/);
  await expect(xbChunk("P", "x".repeat(600)), false, /path of 600 bytes/);
});

Deno.test("xbstream: more open files than any backup has are not believed", async () => {
  const openFiles = Array.from({ length: 65_537 }, (_, i) => xbPayload(`f${i}`, new Uint8Array(0)));
  await expect(concat(...openFiles), false, /65536 files are open/);
});
