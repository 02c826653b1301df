/** Packs that are listed, compared with those that index files describe. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeHex } from "../../../src/base/hex.ts";
import type { PackId } from "../../../src/base/id.ts";
import { comparePacks } from "../../../src/repository/pack/stored_packs.ts";
import { ForwardingStore } from "../../../src/store/forwarding.ts";
import { openMemoryStore } from "../../../src/store/memory_store.ts";
import type { BlobStore, FileKind, ListedFile, StoreCallOptions } from "../../../src/store/store.ts";
import { noise } from "../../helpers/world.ts";

const { signal } = new AbortController();
const idOf = (n: number) => encodeHex(noise(32, `pack ${n}`)) as PackId;

/** Lists the packs last first, and leaves some out. */
class LyingStore extends ForwardingStore {
  readonly #hidden: ReadonlySet<string>;

  constructor(inner: BlobStore, hidden: ReadonlySet<string>) {
    super(inner);
    this.#hidden = hidden;
  }

  override async *list(kind: FileKind, options?: StoreCallOptions): AsyncGenerator<ListedFile> {
    const files = await Array.fromAsync(super.list(kind, options));
    yield* files.reverse().filter(({ name }) => !this.#hidden.has(name));
  }
}

const packs = fc.uniqueArray(
  fc.record({
    number: fc.nat(40),
    stored: fc.option(fc.integer({ min: 1, max: 3 })),
    described: fc.option(fc.integer({ min: 1, max: 3 })),
    isHidden: fc.boolean(),
  }),
  { selector: ({ number }) => number, maxLength: 20 },
);

Deno.test("every described pack is whole, missing or of a wrong size, as a table says; a listing may leave it out", async () => {
  await fc.assert(
    fc.asyncProperty(packs, async (rows) => {
      const memory = openMemoryStore();
      await memory.create();
      for (const { number, stored } of rows) {
        if (stored !== null) await memory.put({ kind: "pack", name: idOf(number) }, [new Uint8Array(stored)]);
      }
      const hidden = rows.filter(({ isHidden, described }) => isHidden && described !== null);
      const store = new LyingStore(memory, new Set(hidden.map(({ number }) => idOf(number))));
      const expected = rows.flatMap(({ number, stored, described }) => {
        if (described === null) return [];
        const state = stored === null ? "missing" : stored === described ? "whole" : "wrong size";
        return [{ pack: { id: idOf(number), bytes: described, number }, state, bytes: stored ?? 0 }];
      });
      let listed = 0;
      const found = await comparePacks(store, expected.map(({ pack }) => pack), {
        signal,
        onListed: (count) => listed = count,
      });
      assert.deepEqual(found.packs, expected);
      const others = rows.filter(({ described, stored }) => described === null && stored !== null);
      const files = others.map(({ number, stored }) => ({ name: idOf(number) as string, size: stored! }));
      assert.deepEqual(found.unindexed, files.sort((a, b) => a.name < b.name ? -1 : 1));
      assert.equal(listed, rows.filter((row) => row.stored !== null && !hidden.includes(row)).length);
    }),
    { numRuns: 100, seed: 14 },
  );
});
