/** How a check reads packs: piece by piece, and once more where something is wrong. */
import assert from "node:assert/strict";
import { encodeHex } from "../../../src/base/hex.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "../../../src/store/store.ts";
import { fakeWorld, macrotask, memoryRepository, noise, putBytes } from "../../helpers/world.ts";
import { checkStore, fileOf, packsOf, type ReadPack, replace } from "../../ops/check_fixture.ts";
import { checkBufferBytes } from "../../../src/backup/buffers.ts";

const MIB = 1024 * 1024;

/** Records what is read of packs, and may change what it gives of them. */
class WatchedStore extends ForwardingStore {
  readonly reads: { readonly file: FileName; readonly range: ByteRange | undefined; readonly bytes: number }[] = [];
  readonly #change: (bytes: Uint8Array, read: number) => void;

  constructor(inner: BlobStore, change: (bytes: Uint8Array, read: number) => void = () => {}) {
    super(inner);
    this.#change = change;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(file, range, options);
    if (file.kind !== "pack") return bytes;
    this.#change(bytes, this.reads.length);
    this.reads.push({ file, range, bytes: bytes.length });
    return bytes;
  }
}

/** All packs, and none of the streams, which are read beside them. */
const EVERY_PACK = { kind: "share", percent: 100 } as const;

/** A repository with one pack of 7 MiB. */
async function oneLargePack(): Promise<{ store: BlobStore; pack: ReadPack }> {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  await putBytes(access, world, noise(7 * MIB, "large"));
  const [pack] = (await packsOf(store, "data")).sort((a, b) => b.blobs.length - a.blobs.length);
  return { store, pack: pack! };
}

Deno.test("a pack is read in pieces of 2 MiB, each byte once, and never as a whole", async () => {
  const { store, pack } = await oneLargePack();
  const watched = new WatchedStore(store);
  const { errors } = await checkStore({ store: watched, world: fakeWorld("check") }, { readData: EVERY_PACK });
  assert.deepEqual(errors, []);
  const reads = watched.reads.filter(({ file }) => file.name === pack.name);
  assert.ok(reads.every(({ range, bytes }) => range !== undefined && bytes <= 2 * MIB));
  const size = await store.size(fileOf(pack));
  const covered = new Uint8Array(size);
  for (const { range, bytes } of reads) covered.fill(1, range!.offset, range!.offset + bytes);
  assert.ok(!covered.includes(0), "every byte is read");
  const tailBytes = size - (pack.blobs.at(-1)!.offset + pack.blobs.at(-1)!.length);
  assert.ok(reads.reduce((sum, { bytes }) => sum + bytes, 0) <= size + tailBytes + 64 * 1024, "only the end twice");
});

Deno.test("blobs that are damaged in several pieces of a pack are counted together, the first one is named", async () => {
  const { store, pack } = await oneLargePack();
  const damaged = [0, pack.blobs.length >> 1, pack.blobs.length - 1].map((at) => pack.blobs[at]!);
  await replace(store, fileOf(pack), (bytes) => {
    const changed = bytes.slice();
    for (const { offset } of damaged) changed[offset + 20]! ^= 1;
    return changed;
  });
  const { errors } = await checkStore({ store, world: fakeWorld("check") }, { readData: true });
  const name = encodeHex(damaged[0]!.id);
  const found = errors.map(({ text }) => text).join("\n");
  assert.match(found, /does not have the SHA-256 it is named by/);
  assert.match(found, new RegExp(`has 3 of its ${pack.blobs.length} blobs damaged: data blob ${name}: its auth`));
});

Deno.test("what is damaged on its way once is read again, and is no finding", async () => {
  const { store } = await oneLargePack();
  for (const which of [0, 1, 2, 3]) {
    const watched = new WatchedStore(store, (bytes, read) => {
      if (read === which) bytes[100]! ^= 1;
    });
    const { errors } = await checkStore({ store: watched, world: fakeWorld("check") }, { readData: true });
    assert.deepEqual(errors, [], `read ${which}`);
  }
});

Deno.test("what comes damaged each time is found, however often it is read", async () => {
  const { store, pack } = await oneLargePack();
  const watched = new WatchedStore(store, (bytes) => void (bytes[bytes.length >> 1]! ^= 1));
  const { errors } = await checkStore({ store: watched, world: fakeWorld("check") }, { readData: true });
  assert.ok(errors.some(({ kind, id }) => kind === "pack" && id === pack.name));
});

/** Gives each piece of a pack late, so that all that are asked for at a time lie in memory together. */
class SlowStore extends ForwardingStore {
  bytesUnderWay = 0;
  mostBytes = 0;

  /** More than there are packs. */
  override get connections(): number {
    return 32;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await super.get(file, range, options);
    // Headers and trees take no room.
    if (file.kind !== "pack" || bytes.length <= 64 * 1024) return bytes;
    this.bytesUnderWay += bytes.length;
    this.mostBytes = Math.max(this.mostBytes, this.bytesUnderWay);
    for (let i = 0; i < 20; i++) await macrotask();
    this.bytesUnderWay -= bytes.length;
    return bytes;
  }
}

Deno.test("however many packs the store gives at a time, what is read and not yet verified stays within its room", async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  await putBytes(access, world, noise(10 * MIB, "many"), {}, { packBytes: MIB });
  const slow = new SlowStore(store);
  const little = { ...fakeWorld("check"), bufferBytes: 0 };
  const { errors, packsRead } = await checkStore({ store: slow, world: little }, { readData: EVERY_PACK });
  assert.deepEqual(errors, []);
  assert.ok(packsRead >= 8);
  const roomBytes = checkBufferBytes(little);
  assert.ok(2 * slow.mostBytes <= roomBytes, `${slow.mostBytes} bytes were read at a time, for a room of ${roomBytes}`);
  assert.ok(slow.mostBytes > 2 * MIB, "several packs are read at a time");
});
