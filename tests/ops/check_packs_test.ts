/** A check of packs and indexes: what is damaged, missing or described wrongly is found, and the backups it hits. */
import { deepEqual, match, ok } from "node:assert/strict";
import { encodeHex } from "../../src/base/hex.ts";
import { encodeIndex } from "../helpers/encode_index.ts";
import { namesOf, noise } from "../helpers/world.ts";
import {
  backupsOf,
  blobOf,
  checkStore,
  fileOf,
  flipBit,
  packsOf,
  packWithDataOf,
  type ReadPack,
  replace,
  rewriteIndexOf,
  seriesOf,
  threeBackups,
} from "./check_fixture.ts";
import { write } from "./check_forging.ts";

const BOTH_NIGHTS = ["prod/shop", "prod/shop"];

Deno.test("a missing pack is named with the backups and files that it hits", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  await checked.store.remove({ kind: "pack", name: pack.name });
  const [finding, ...others] = (await checkStore(checked)).errors;
  deepEqual(others, []);
  deepEqual([finding!.kind, finding!.id, seriesOf(finding!)], ["pack", pack.name, ["blog"]]);
  ok(finding!.paths.includes("blog/data"));
  match(finding!.text, /missing/);
});

Deno.test("a pack of the first night hits the second night, too", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "prod/shop");
  await checked.store.remove({ kind: "pack", name: pack.name });
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ id }) => id), [pack.name]);
  deepEqual(seriesOf(errors[0]!), BOTH_NIGHTS);
});

Deno.test("a truncated pack is named", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  await replace(checked.store, fileOf(pack), (bytes) => bytes.slice(0, -1));
  for (const readData of [false, true]) {
    const { errors } = await checkStore(checked, { readData });
    deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
    deepEqual(seriesOf(errors[0]!), ["blog"]);
  }
});

Deno.test("a flipped bit in a blob is found by reading the data, and hits the backups that use this blob only", async () => {
  const checked = await threeBackups();
  const { pack, blob } = await blobOf(checked, "prod/shop", { night: 2, chunk: -1 });
  await replace(checked.store, fileOf(pack), flipBit(blob.offset + 20));
  deepEqual((await checkStore(checked)).errors, [], "only reading tells");
  const { errors } = await checkStore(checked, { readData: true });
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
  match(
    errors[0]!.text,
    new RegExp(`has 1 of its ${pack.blobs.length} blobs damaged: data blob ${encodeHex(blob.id)}`),
  );
  deepEqual(seriesOf(errors[0]!), ["prod/shop"]);
  deepEqual(errors[0]!.backups[0]!.id, (await backupsOf(checked, "prod/shop"))[1]!.agent!.manifest);
});

Deno.test("all damaged blobs of a pack are counted", async () => {
  const checked = await threeBackups();
  const pack = (await packsOf(checked.store, "data")).sort((a, b) => b.blobs.length - a.blobs.length)[0]!;
  await replace(
    checked.store,
    fileOf(pack),
    (bytes) => bytes.map((byte, at) => at < pack.blobs[2]!.offset ? ~byte : byte),
  );
  const { errors } = await checkStore(checked, { readData: true });
  match(errors[0]!.text, new RegExp(`has 2 of its ${pack.blobs.length} blobs damaged`));
});

Deno.test("a blob that is authentic and not what its id says is found by reading the data", async () => {
  const uncompressedLengths = { "SHA-256": 0, "decompress": 100 };
  for (const [reason, uncompressedLength] of Object.entries(uncompressedLengths)) {
    const checked = await threeBackups();
    const id = noise(32, "id");
    const sealed = checked.repository.sealer.seal(noise(50, "another content"));
    await write(checked, async (writer) => {
      await writer.addData({ id, sealed, uncompressedLength });
      return id;
    });
    deepEqual((await checkStore(checked)).errors, []);
    const { errors } = await checkStore(checked, { readData: true });
    deepEqual(errors.map(({ kind }) => kind), ["pack"]);
    match(errors[0]!.text, new RegExp(`has 1 of its 1 blobs damaged: data blob ${encodeHex(id)}: .*${reason}`));
  }
});

Deno.test("a flipped bit in the header of a pack is found by reading the data", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  for (const at of [-30, -2]) {
    await replace(checked.store, fileOf(pack), flipBit(at));
    const { errors } = await checkStore(checked, { readData: true });
    deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
    match(errors[0]!.text, /SHA-256.*header/);
    deepEqual(seriesOf(errors[0]!), ["blog"]);
    await replace(checked.store, fileOf(pack), flipBit(at));
  }
});

Deno.test("a pack under a wrong name is found by reading the data", async () => {
  const checked = await threeBackups();
  const [a, b] = await packsOf(checked.store, "data");
  await replace(checked.store, fileOf(a!), (bytes) => bytes);
  const bytes = await checked.store.get(fileOf(b!));
  const name = "ab".repeat(32);
  await checked.store.put({ kind: "pack", name }, [bytes]);
  await rewriteIndexOf(
    checked,
    b!,
    (packs) => packs.map((pack) => pack.name === b!.name ? { ...pack, id: new Uint8Array(32).fill(0xab) } : pack),
  );
  await checked.store.remove(fileOf(b!));
  deepEqual((await checkStore(checked)).errors, []);
  const { errors } = await checkStore(checked, { readData: true });
  deepEqual(errors.map(({ id, text }) => [id, text]), [[
    name,
    `Pack ${name} does not have the SHA-256 it is named by`,
  ]]);
  deepEqual(errors[0]!.backups, [], "every blob is there and whole");
});

Deno.test("a flipped bit in an index file is found, and what only that file knew", async () => {
  const checked = await threeBackups();
  const [name] = await namesOf(checked.store, "index");
  await replace(checked.store, { kind: "index", name: name! }, flipBit(100));
  const { errors, notes } = await checkStore(checked, { readData: true });
  deepEqual([errors[0]!.kind, errors[0]!.id], ["index", name]);
  ok(
    errors.slice(1).every(({ kind, backups }) => ["tree", "file"].includes(kind) && backups.length > 0),
    "affected backups",
  );
  ok(errors.length > 1);
  ok(notes.every(({ kind }) => kind === "pack"));
});

Deno.test("an index file that is authentic and malformed is found, and nothing of it counts", async () => {
  const checked = await threeBackups();
  const id = await checked.repository.files.save("index", new TextEncoder().encode('{"packs":[{"id":5}]}'));
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["index", id]]);
});

Deno.test("an index that shifts a blob is found without reading the data", async () => {
  const checked = await threeBackups();
  const pack = await packWithDataOf(checked, "blog");
  await rewriteIndexOf(
    checked,
    pack,
    (packs) => packs.map((other) => other.name === pack.name ? shifted(other) : other),
  );
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
  match(errors[0]!.text, /overlap/);
  deepEqual(seriesOf(errors[0]!), ["blog"]);
});

Deno.test("an index that mistakes one blob for another is found by reading the data", async () => {
  const checked = await threeBackups();
  const pack = (await packsOf(checked.store, "data")).find(({ blobs }) => blobs.length > 2)!;
  await rewriteIndexOf(
    checked,
    pack,
    (packs) => packs.map((other) => other.name === pack.name ? swapped(other) : other),
  );
  const { errors } = await checkStore(checked, { readData: true });
  const finding = errors.find(({ id }) => id === pack.name)!;
  match(finding.text, /not those of the index/);
});

Deno.test("a pack that two index files describe alike is noted, one they describe differently is an error", async () => {
  const checked = await threeBackups();
  const pack = (await packsOf(checked.store, "data")).find(({ blobs }) => blobs.length > 2)!;
  const again = await checked.repository.files.save("index", encodeIndex([pack]));
  const alike = await checkStore(checked, { readData: true });
  deepEqual([alike.errors, alike.notes.map(({ id }) => id)], [[], [pack.name]]);
  await checked.store.remove({ kind: "index", name: again });

  await checked.repository.files.save("index", encodeIndex([swapped(pack)]));
  const { errors } = await checkStore(checked);
  deepEqual(errors.map(({ kind, id }) => [kind, id]), [["pack", pack.name]]);
  match(errors[0]!.text, /differently/);
});

Deno.test("a pack in no index is noted", async () => {
  const checked = await threeBackups();
  const name = "00".repeat(32);
  await checked.store.put({ kind: "pack", name }, [noise(100, "foreign")]);
  const { errors, notes, unreferencedPacks } = await checkStore(checked, { readData: true });
  deepEqual([errors, notes.map(({ kind, id }) => [kind, id]), unreferencedPacks], [[], [["pack", name]], 1]);
});

/** The blobs but the first lie one byte later. */
function shifted(pack: ReadPack): ReadPack {
  return { ...pack, blobs: pack.blobs.map((blob, i) => i === 0 ? blob : { ...blob, offset: blob.offset + 1 }) };
}

/** The first two blobs have each other's ids. */
function swapped(pack: ReadPack): ReadPack {
  const [first, second, ...rest] = pack.blobs;
  return { ...pack, blobs: [{ ...first!, id: second!.id }, { ...second!, id: first!.id }, ...rest] };
}
