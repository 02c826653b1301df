/** Which packs a restore announces, so that a store can fetch all of them from an archive at once. */
import assert from "node:assert/strict";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import type { ByteRange, FileName, GetOptions } from "../../../src/store/store.ts";
import {
  accessTo,
  concat,
  fakeWorld,
  getBytes,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
} from "../../helpers/world.ts";
import { backupOf, file, Place, restored } from "./files/files_fixture.ts";

/** Notes which packs are announced, and which were read without. */
class AnnouncedStore extends ForwardingStore {
  readonly announced = new Set<string>();
  readonly unannounced = new Set<string>();

  override get expect() {
    return (packs: Iterable<string>) => {
      for (const pack of packs) this.announced.add(pack);
    };
  }

  override get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (file.kind === "pack" && !this.announced.has(file.name)) this.unannounced.add(file.name);
    return this.inner.get(file, range, options);
  }
}

Deno.test("a restore of a stream announces all its packs before it reads the first one", async () => {
  const world = fakeWorld();
  const { store, access } = await memoryRepository(world);
  const stream = noise(3_000_000, "stream");
  await putBytes(access, world, stream, {}, { packBytes: 500_000 });
  await putBytes(access, world, noise(1_000_000, "other"), {}, { packBytes: 500_000 });
  const watched = new AnnouncedStore(store);
  const [oldest] = await namesOf(store, "snapshot");
  const data = await getBytes(accessTo(watched), world, `@${oldest}`);
  assert.ok([3_000_000, 1_000_000].includes(data.length));
  assert.ok(watched.announced.size >= data.length / 500_000, `${watched.announced.size}`);
  // Trees and the manifest are looked up one by one.
  assert.ok(watched.unannounced.size <= 3, `${watched.unannounced.size}`);
  assert.ok(watched.announced.size < (await namesOf(store, "pack")).length);
});

Deno.test("a restore of files announces the packs of what it writes", async () => {
  const chunks = [noise(300_000, "a"), noise(200_000, "b")];
  const { checked, id } = await backupOf([file("big", ...chunks)]);
  const watched = new AnnouncedStore(checked.store);
  using place = new Place();
  await restored(place.at("t"), { checked: { ...checked, store: watched }, id });
  assert.deepEqual(new Uint8Array(await Deno.readFile(place.at("t/big"))), concat(chunks));
  assert.ok(watched.announced.size > 0);
});
