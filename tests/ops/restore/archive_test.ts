/** Archives of whole backups, ours and those of other tools. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { IntegrityError, UsageError } from "../../../src/base/errors.ts";
import { sha256, sha256Hex } from "../../../src/crypto/digest.ts";
import { byteStringOf } from "../../../src/format/byte_string.ts";
import { GoFileMode } from "../../../src/format/tree/file_mode.ts";
import { archive } from "../../../src/ops/restore/archive.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import {
  accessTo,
  allFiles,
  concat,
  copyOf,
  fakeWorld,
  memoryRepository,
  noise,
  putBytes,
} from "../../helpers/world.ts";
import { textOf, utf8 } from "../../format/codec_checks.ts";
import { looksWhole, readTar } from "../../format/archive/tar_reader.ts";
import { readZip } from "../../format/archive/zip_reader.ts";
import { archived, type Attempt, attemptArchive, plant, type Planted } from "../archive_fixture.ts";
import { rewriteManifest } from "../check_forging.ts";
import { type Checked, flipBit, indexed, replace, threeBackups } from "../check_fixture.ts";

const BIG = [noise(700_000, "big 1"), utf8("tail ".repeat(100_000))];
const RAW_NAME = byteStringOf(Uint8Array.of(0x78, 0xff));

const ENTRIES: readonly Planted[] = [
  {
    name: "home",
    entries: [
      { name: "a-empty", chunks: [] },
      { name: "b-hard", chunks: [utf8("linked")], links: 3, inode: 7n, deviceId: 1n },
      { name: "c-big", chunks: BIG },
      { name: "d-hard", chunks: [utf8("linked")], links: 3, inode: 7n, deviceId: 1n },
      { name: "e-other-device", chunks: [utf8("linked")], links: 3, inode: 7n, deviceId: 2n },
      { name: "f-changed", chunks: [utf8("changed")], links: 3, inode: 7n, deviceId: 1n },
      { name: "g-dir", entries: [] },
      { name: "h-link", type: "symlink", linkTarget: "../b-hard" },
      { name: "i-fifo", type: "fifo", mode: GoFileMode.namedPipe + 0o600 },
      { name: "j-null", type: "chardev", mode: 0o666, device: 0x103n },
      { name: "k-socket", type: "socket" },
      { name: RAW_NAME, chunks: [utf8("raw")] },
      { name: "z-dir", entries: [{ name: "hard", chunks: [utf8("linked")], links: 3, inode: 7n, deviceId: 1n }] },
    ],
  },
];

async function planted(entries = ENTRIES): Promise<Checked & { readonly selector: string }> {
  const checked = await threeBackups();
  return { ...checked, selector: `@${await plant(checked, entries)}` };
}

Deno.test("a tar archive holds a tree in its order, hard links as links, and leaves out only sockets", async () => {
  const { store, selector } = await planted();
  const { bytes, result, leftOut } = await archived(store, { selector });
  const members = readTar(bytes);
  assert.deepEqual(members.map(({ path, flag, linkPath }) => [byteStringOf(path), flag, textOf(linkPath)]), [
    ["home/", "5", ""],
    ["home/a-empty", "0", ""],
    ["home/b-hard", "0", ""],
    ["home/c-big", "0", ""],
    ["home/d-hard", "1", "home/b-hard"],
    ["home/e-other-device", "0", ""],
    ["home/f-changed", "0", ""],
    ["home/g-dir/", "5", ""],
    ["home/h-link", "2", "../b-hard"],
    ["home/i-fifo", "6", ""],
    ["home/j-null", "3", ""],
    [`home/${RAW_NAME}`, "0", ""],
    ["home/z-dir/", "5", ""],
    ["home/z-dir/hard", "1", "home/b-hard"],
  ]);
  assert.deepEqual(members[3]!.content, concat(BIG));
  assert.deepEqual([members[5], members[6]].map((member) => textOf(member!.content)), ["linked", "changed"]);
  assert.deepEqual([members[10]!.deviceMajor, members[10]!.deviceMinor], [1n, 3n]);
  assert.equal(members[3]!.mtime, "1790000000.123456789");
  assert.deepEqual(leftOut, ["home/k-socket is a socket, which tar cannot hold"]);
  const { backup: _, ...facts } = result;
  assert.deepEqual(facts, {
    members: 14,
    files: 8,
    contentBytes: 700_000 + 500_000 + 2 * 6 + 7 + 3,
    bytes: bytes.length,
    sha256: sha256Hex(bytes),
    compared: 0,
    leftOut: 1,
  });
  const again = await archived(store, { selector }, { world: { ...fakeWorld("another"), blobThreads: 2 } });
  assert.ok(Buffer.from(again.bytes).equals(bytes), "the same bytes every time");
});

Deno.test("a zip archive holds files, directories and links; each name of a file has the content", async () => {
  const { store, selector } = await planted();
  const { bytes, result, leftOut } = await archived(store, { selector, format: "zip" });
  const members = readZip(bytes);
  assert.deepEqual(members.map(({ name, unixMode, content }) => [name, unixMode.toString(8), content.length]), [
    ["home/", "40755", 0],
    ["home/a-empty", "100644", 0],
    ["home/b-hard", "100644", 6],
    ["home/c-big", "100644", 1_200_000],
    ["home/d-hard", "100644", 6],
    ["home/e-other-device", "100644", 6],
    ["home/f-changed", "100644", 7],
    ["home/g-dir/", "40755", 0],
    ["home/h-link", "120000", 9],
    ["home/z-dir/", "40755", 0],
    ["home/z-dir/hard", "100644", 6],
  ]);
  assert.deepEqual(members[3]!.content, concat(BIG));
  assert.equal(textOf(members[8]!.content), "../b-hard");
  assert.ok(members.every(({ seconds }) => seconds === 1_790_000_000));
  assert.ok(members[3]!.flags & 8, "a large file is deflated while it is read");
  assert.deepEqual(leftOut, [
    "home/i-fifo is a named pipe, which zip cannot hold",
    "home/j-null is a character device, which zip cannot hold",
    "home/k-socket is a socket, which zip cannot hold",
    `home/${RAW_NAME} has a name that is not UTF-8, which zip cannot hold`,
  ]);
  assert.deepEqual([result.members, result.leftOut], [11, 4]);
  const again = await archived(store, { selector, format: "zip" });
  assert.ok(Buffer.from(again.bytes).equals(bytes), "the same bytes every time");
});

Deno.test("a backup of ours is its streams, a long one as one file, and its manifest beside them", async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const data = noise(300_000, "long");
  const { manifest } = await putBytes(access, world, data, { chunkAverage: 1024 }, {
    partLimits: { single: 40, least: 20, most: 40 },
  });
  assert.ok(manifest.files[0]!.parts! >= 7);
  const { bytes, result } = await archived(store, { selector: "prod/shop" });
  const members = readTar(bytes);
  const names = members.map(({ path, flag }) => `${textOf(path)} ${flag}`);
  assert.deepEqual(names, ["prod/ 5", "prod/shop/ 5", "prod/shop/data 0", "prod/shop.manifest.json 0"]);
  assert.deepEqual(members[2]!.content, data);
  assert.equal(members[2]!.mode, 0o644);
  assert.equal(JSON.parse(textOf(members[3]!.content)).series, "prod/shop");
  assert.deepEqual([result.members, result.files, result.compared], [4, 2, 1]);
  const zip = readZip((await archived(store, { selector: "prod/shop", format: "zip" })).bytes);
  assert.deepEqual(zip.find(({ name }) => name === "prod/shop/data")!.content, data);
});

Deno.test("one file of many becomes an archive of its own", async () => {
  const { store, selector } = await planted();
  const { bytes } = await archived(store, { selector, file: "z-dir/hard" });
  const [member, ...others] = readTar(bytes);
  assert.deepEqual(others, []);
  assert.deepEqual([textOf(member!.path), member!.flag, textOf(member!.content)], ["home/z-dir/hard", "0", "linked"]);
  const { error } = await attemptArchive(store, { selector, file: "nothing" });
  assert.ok(error instanceof UsageError);
});

Deno.test("thousands of small files are read together, and thousands of entries without content pass", async () => {
  const directories = Array.from({ length: 9000 }, (_, i): Planted => ({ name: `d${10_000 + i}`, type: "fifo" }));
  const files = Array.from({ length: 5000 }, (_, i): Planted => ({ name: `f${i}`, chunks: [noise(50, `small ${i}`)] }));
  const { store, selector } = await planted([...directories, ...files]);
  const counted = withFaults(store, () => undefined);
  const { bytes } = await archived(counted, { selector });
  const members = readTar(bytes);
  assert.equal(members.length, 14_000);
  for (const { path, content } of members.slice(9000)) {
    assert.deepEqual(content, noise(50, `small ${textOf(path).slice(1)}`));
  }
  const reads = counted.calls.filter(({ method, kind }) => method === "get" && kind === "pack").length;
  assert.ok(reads < 50, `${reads} reads for 5,000 files`);
});

function assertBrokenOff({ result, error, bytes }: Attempt, pattern: RegExp): void {
  assert.equal(result, null);
  assert.ok(error instanceof IntegrityError, String(error));
  assert.match(error.message, pattern);
  assert.ok(bytes.length === 0 || !looksWhole(bytes), `${bytes.length} bytes look whole`);
}

Deno.test("a file that is longer or shorter than its size says breaks the archive off", async () => {
  for (const [size, problem] of [[1_199_999, "longer"], [1_200_001, "shorter"], [0, "longer"]] as const) {
    const { store, selector } = await planted([
      { name: "a", chunks: [noise(2_000_000, "before")] },
      { name: "b", chunks: BIG, size },
    ]);
    const attempt = await attemptArchive(store, { selector });
    assertBrokenOff(attempt, new RegExp(`^Damaged "b": it is ${problem} than the ${size} bytes it must have$`));
  }
});

Deno.test("a file without a content list, or with a blob that no index lists, is damage", async () => {
  const without = await planted([{ name: "a" }]);
  assertBrokenOff(await attemptArchive(without.store, without), /the file "a" has no content list/);
});

Deno.test("whatever bit of a pack flips, the archive is the same or breaks off", async () => {
  const { store, selector } = await planted();
  const whole = (await archived(store, { selector })).bytes;
  const packs = (await allFiles(store)).filter(({ kind }) => kind === "pack");
  let brokenOff = 0;
  for (const [i, file] of packs.entries()) {
    for (const share of [0.01, 0.3, 0.6]) {
      const damaged = await copyOf(store);
      await replace(damaged, file, (bytes) => flipBit(Math.floor(bytes.length * share) + i)(bytes));
      const attempt = await attemptArchive(damaged, { selector });
      if (attempt.result !== null) assert.ok(Buffer.from(attempt.bytes).equals(whole));
      else assertBrokenOff(attempt, /^(Damaged|Cannot open) /);
      if (attempt.result === null) brokenOff++;
    }
  }
  assert.ok(brokenOff > 2, `${brokenOff} of ${packs.length} packs`);
});

Deno.test("damage far behind the beginning leaves what was written before it, cut within a block", async () => {
  const last = noise(100_000, "last");
  const checked = await planted([
    { name: "a", chunks: Array.from({ length: 8 }, (_, i) => noise(1_500_000, `far ${i}`)) },
    { name: "b", chunks: [last] },
  ]);
  const { index } = await indexed(checked);
  const { pack, offset } = index.locate("data", sha256(last))!;
  await replace(checked.store, { kind: "pack", name: index.packId(pack) }, flipBit(offset + 50_000));
  const attempt = await attemptArchive(checked.store, checked);
  assertBrokenOff(attempt, /^Cannot open blob \w{64} in pack /);
  assert.ok(attempt.bytes.length > 5_000_000, `${attempt.bytes.length} bytes`);
});

Deno.test("a stream that is not what its manifest says breaks the archive off", async () => {
  const checked = await threeBackups();
  await rewriteManifest(checked, (manifest) => ({
    ...manifest,
    files: manifest.files.map((file) => ({ ...file, sha256: "0".repeat(64) })),
  }), { name: "new id" });
  assertBrokenOff(await attemptArchive(checked.store, { selector: "blog" }), /SHA-256 \w{64} instead of 0{64}/);
});

Deno.test("a sink that fails ends the archive with its error", async () => {
  const { store, selector } = await planted();
  const failure = new Error("the sink is full");
  for (const format of ["tar", "zip"] as const) {
    await assert.rejects(
      archive(accessTo(store), { selector, format, noLock: true }, { write: () => Promise.reject(failure) }, {
        world: fakeWorld(),
      }),
      failure,
    );
  }
});
