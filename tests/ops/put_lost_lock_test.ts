/** Put whose lock is lost late: once it was known to hold, while the stream goes on or when it has ended. */
import assert from "node:assert/strict";
import { LockedError } from "../../src/base/errors.ts";
import { put } from "../../src/ops/put.ts";
import { withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  BytesSource,
  type FakeWorld,
  fakeWorld,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  putRequest,
} from "../helpers/world.ts";

const HEAD = noise(2_500_000, "head");
/** So much that it takes many packs. */
const PACK_BYTES = 200_000;
const MOST_PIECES = 1000;

/** Ways to lose a lock. */
const LOSSES: Readonly<Record<string, (store: BlobStore, world: FakeWorld) => Promise<void>>> = {
  async "somebody removes it"(store, { clock }) {
    for (const name of await namesOf(store, "lock")) await store.remove({ kind: "lock", name });
    clock.jump(1000); // What was seen of it a moment ago counts no more.
  },
  "the machine sleeps for an hour": (_, { clock }) => Promise.resolve(clock.jump(3_600_000)),
};

/** Gives the head, loses the lock when all of it is taken, and then gives as many further pieces as are wanted. */
class LosingSource extends BytesSource {
  readonly #lose: () => Promise<void>;
  readonly #most: number;
  pieces = 0;

  constructor(lose: () => Promise<void>, most: number) {
    super(HEAD);
    this.#lose = lose;
    this.#most = most;
  }

  override async read(target: Uint8Array): Promise<number | null> {
    const count = await super.read(target);
    if (count !== null) return count;
    if (this.pieces === 0) await this.#lose();
    if (this.pieces === this.#most) return null;
    const piece = noise(Math.min(target.length, 100_000), `piece ${this.pieces++}`);
    target.set(piece);
    return piece.length;
  }
}

for (const [how, lose] of Object.entries(LOSSES)) {
  Deno.test(`${how} in the middle of a stream: the put ends long before the stream does, and stores nothing more`, async () => {
    const { source, packsBefore, packsAfter, error } = await putLosing(lose, MOST_PIECES);
    assert.ok(error instanceof LockedError, String(error));
    assert.ok(source.pieces < MOST_PIECES / 2, `it took ${source.pieces} pieces more`);
    assert.ok(source.cancelled > 0);
    assert.deepEqual(packsAfter, packsBefore);
  });

  Deno.test(`${how} just before the end of a stream: no backup comes of it`, async () => {
    const { error } = await putLosing(lose, 0);
    assert.ok(error instanceof LockedError, String(error));
  });

  Deno.test(`${how} before the end of a stream that was there already: no backup comes of it`, async () => {
    const world = fakeWorld();
    const { store, access } = await memoryRepository(world);
    await putBytes(access, world, HEAD, {}, { packBytes: PACK_BYTES });
    const { error, backups } = await putLosing(lose, 0, { world, store });
    assert.ok(error instanceof LockedError, String(error));
    assert.equal(backups, 1);
  });
}

/** Puts a stream whose lock is lost once it was confirmed, and a pack was written where there are any to write. */
async function putLosing(
  lose: (store: BlobStore, world: FakeWorld) => Promise<void>,
  mostPieces: number,
  place?: { readonly world: FakeWorld; readonly store: BlobStore },
) {
  const world = place?.world ?? fakeWorld();
  const store = place?.store ?? (await memoryRepository(world)).store;
  const faulty = withFaults(store, () => undefined);
  let packsBefore: string[] = [];
  const source = new LosingSource(async () => {
    const isListed = () => faulty.calls.filter(({ method, kind }) => method === "list" && kind === "lock").length > 1;
    const isWritten = async () => place !== undefined || (await namesOf(store, "pack")).length > 3;
    while (!isListed() || !await isWritten()) await macrotask();
    // The pack that is being written comes to its end.
    for (let i = 0; i < 100; i++) await macrotask();
    packsBefore = await namesOf(store, "pack");
    await lose(store, world);
  }, mostPieces);
  const { signal } = new AbortController();
  const putting = put(accessTo(faulty), putRequest(source), { world, signal, packBytes: PACK_BYTES });
  const error = await putting.then(() => "it was committed", (thrown: unknown) => thrown);
  const packsAfter = await namesOf(store, "pack");
  return { source, error, packsBefore, packsAfter, backups: (await namesOf(store, "snapshot")).length };
}
