/** What every store has to do, whatever it stands on: one suite, run by the tests of each store. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BugError, ExistsError, NotFoundError, StoreError } from "../../src/base/errors.ts";
import { relativePath } from "../../src/store/layout.ts";
import type { BlobStore, FileKind, FileName } from "../../src/store/store.ts";

/** One store to be tried, empty and created. */
export interface StoreFixture {
  readonly store: BlobStore;
  /** A second store on the same files, as another process would open it. */
  readonly reopen?: () => Promise<BlobStore>;
  /** Puts bytes under a path, relative to the repository's root, past the store; creates missing folders. */
  readonly plant?: (path: string, bytes: Uint8Array) => Promise<void>;
  /** Closes the store and removes all traces. */
  readonly dispose: () => Promise<void>;
}

/** Makes fixtures, a fresh one for every test. */
export interface StoreFixtures {
  create(): Promise<StoreFixture>;
}

/** A test that a store cannot pass, by the name the suite gives it, and why. It shows as ignored with its reason. */
export interface Skip {
  readonly test: string;
  readonly reason: string;
}

/** 64 hex digits that differ for every number and spread over the pack folders. */
export function idOf(number: number): string {
  return createHash("sha256").update(`file ${number}`).digest("hex");
}

/** The pack of that number. */
export function pack(number: number): FileName {
  return { kind: "pack", name: idOf(number) };
}

/** `length` bytes that look random and are the same for the same seed (xorshift32). */
export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** The rows of a listing by name; fails where a name comes twice. */
export async function listing(store: BlobStore, kind: FileKind): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { name, size } of store.list(kind)) {
    assert.ok(!sizes.has(name), `${name} is listed twice`);
    sizes.set(name, size);
  }
  return sizes;
}

const KINDS: readonly FileKind[] = ["config", "key", "lock", "snapshot", "index", "pack"];

function fileOf(kind: FileKind): FileName {
  return { kind, name: kind === "config" ? "config" : idOf(7) };
}

/** The parts; whoever iterates over them meets `event` after the first. */
function partsWith(parts: Uint8Array[], event: () => void): Uint8Array[] {
  const watched = [...parts];
  watched[Symbol.iterator] = function* () {
    for (const [i, part] of parts.entries()) {
      if (i === 1) event();
      yield part;
    }
    return undefined;
  };
  return watched;
}

type Trial = (fixture: StoreFixture) => Promise<void>;

const TRIALS: Readonly<Record<string, Trial>> = {
  async "a file of every kind comes back as it was stored"({ store }) {
    for (const kind of KINDS) await store.put(fileOf(kind), [bytesOf(100, kind.length), bytesOf(50)]);
    for (const kind of KINDS) {
      const expected = Buffer.concat([bytesOf(100, kind.length), bytesOf(50)]);
      assert.deepEqual(Buffer.from(await store.get(fileOf(kind))), expected);
      assert.equal(await store.size(fileOf(kind)), 150);
      assert.deepEqual([...await listing(store, kind)], [[fileOf(kind).name, 150]]);
    }
  },

  async "what one store put another one on the same files finds"({ store, reopen }) {
    assert.ok(reopen, "the fixture has no reopen: supply it or skip this test");
    await store.put(pack(1), [bytesOf(1000)]);
    const other = await reopen();
    try {
      assert.deepEqual(await other.get(pack(1)), bytesOf(1000));
      await assert.rejects(other.put(pack(1), [bytesOf(1)]), ExistsError);
    } finally {
      await other.close();
    }
  },

  async "create may be repeated and touches no file"({ store }) {
    await store.put(pack(1), [bytesOf(10)]);
    await store.create();
    assert.deepEqual(await store.get(pack(1)), bytesOf(10));
  },

  async "put never overwrites"({ store }) {
    await store.put(pack(1), [bytesOf(100)]);
    await assert.rejects(store.put(pack(1), [bytesOf(200, 2)]), ExistsError);
    assert.deepEqual(await store.get(pack(1)), bytesOf(100));
  },

  async "of several writers of one name exactly one wins"({ store }) {
    const writers = Array.from({ length: 8 }, (_, i) => bytesOf(5000 + i, i + 1));
    const outcomes = await Promise.allSettled(writers.map((bytes) => store.put(pack(1), [bytes])));
    const winners = outcomes.flatMap(({ status }, i) => status === "fulfilled" ? [i] : []);
    assert.equal(winners.length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert.ok(outcome.reason instanceof ExistsError, String(outcome.reason));
    }
    assert.deepEqual(await store.get(pack(1)), writers[winners[0]!]);
  },

  async "a removed name is free again"({ store }) {
    await store.put(pack(1), [bytesOf(100)]);
    await store.remove(pack(1));
    await assert.rejects(store.get(pack(1)), NotFoundError);
    assert.equal((await listing(store, "pack")).size, 0);
    await store.put(pack(1), [bytesOf(200, 2)]);
    assert.deepEqual(await store.get(pack(1)), bytesOf(200, 2));
  },

  async "removing what is not there is done at once"({ store }) {
    await store.put(pack(1), [bytesOf(1)]);
    await store.remove(pack(1));
    await store.remove(pack(1));
    for (const kind of KINDS) await store.remove(fileOf(kind));
  },

  async "what is not there is told from other failures"({ store }) {
    for (const kind of KINDS) {
      await assert.rejects(store.get(fileOf(kind)), NotFoundError);
      await assert.rejects(store.get(fileOf(kind), { offset: 5, length: 5 }), NotFoundError);
      await assert.rejects(store.get(fileOf(kind), { offset: 0, length: 0 }), NotFoundError);
      await assert.rejects(store.size(fileOf(kind)), NotFoundError);
      assert.equal((await listing(store, kind)).size, 0);
    }
  },

  async "an empty file is a file"({ store }) {
    await store.put(pack(1), []);
    await store.put(pack(2), [new Uint8Array(0)]);
    assert.equal((await store.get(pack(1))).length, 0);
    assert.equal((await store.get(pack(2), { offset: 0 })).length, 0);
    assert.equal(await store.size(pack(1)), 0);
    assert.deepEqual(new Set((await listing(store, "pack")).values()), new Set([0]));
  },

  async "ranges give exactly the bytes asked for"({ store }) {
    const bytes = bytesOf(300_000);
    await store.put(pack(1), [bytes]);
    const offsets = new Uint32Array(bytesOf(4 * 200, 3).buffer);
    const ranges = Array.from({ length: 100 }, (_, i) => {
      const offset = offsets[2 * i]! % bytes.length;
      return { offset, length: offsets[2 * i + 1]! % (bytes.length - offset + 1) };
    });
    const edges = [
      { offset: 0, length: 0 },
      { offset: 0, length: bytes.length },
      { offset: bytes.length - 1, length: 1 },
      { offset: bytes.length, length: 0 },
      { offset: 5, length: 0 },
    ];
    await Promise.all([...ranges, ...edges].map(async (range) => {
      assert.deepEqual(await store.get(pack(1), range), bytes.slice(range.offset, range.offset + range.length));
    }));
  },

  async "a range without length goes to the end"({ store }) {
    const bytes = bytesOf(1000);
    await store.put(pack(1), [bytes]);
    for (const offset of [0, 1, 999, 1000]) {
      assert.deepEqual(await store.get(pack(1), { offset }), bytes.slice(offset));
    }
  },

  async "a range past the end is an error, never fewer bytes"({ store }) {
    await store.put(pack(1), [bytesOf(1000)]);
    const ranges = [
      { offset: 0, length: 1001 },
      { offset: 999, length: 2 },
      { offset: 1000, length: 1 },
      { offset: 1001, length: 0 },
      { offset: 1001 },
      { offset: 5_000_000, length: 10 },
    ];
    for (const range of ranges) {
      await assert.rejects(store.get(pack(1), range), (thrown) => {
        return thrown instanceof StoreError && !(thrown instanceof NotFoundError);
      }, JSON.stringify(range));
    }
  },

  async "a result belongs to the caller"({ store }) {
    await store.put(pack(1), [bytesOf(100)]);
    (await store.get(pack(1))).fill(0);
    (await store.get(pack(1), { offset: 0, length: 100 })).fill(0);
    assert.deepEqual(await store.get(pack(1)), bytesOf(100));
  },

  async "the content may change after put"({ store }) {
    const bytes = bytesOf(100);
    await store.put(pack(1), [bytes]);
    bytes.fill(0);
    assert.deepEqual(await store.get(pack(1)), bytesOf(100));
  },

  async "parts of all sizes are joined in order"({ store }) {
    const bytes = bytesOf(5_000_000);
    const parts = [0, 1, 10_000, 1_048_576, 1_048_577, 1_050_000, 4_200_000, 4_200_000, 5_000_000]
      .map((end, i, ends) => bytes.subarray(ends[i - 1] ?? 0, end));
    await store.put(pack(1), parts);
    assert.ok(Buffer.from(bytes).equals(await store.get(pack(1))));
  },

  async "parts may be views of shared memory"({ store }) {
    const shared = new Uint8Array(new SharedArrayBuffer(3_000_000));
    shared.set(bytesOf(shared.length));
    await store.put(pack(1), [shared.subarray(10, 500), shared.subarray(1000, 2_900_000)]);
    const expected = Buffer.concat([shared.slice(10, 500), shared.slice(1000, 2_900_000)]);
    assert.ok(expected.equals(await store.get(pack(1))));
  },

  async "a file of 64 MiB comes back whole"({ store }) {
    const bytes = bytesOf(2 ** 26);
    await store.put(pack(1), [bytes]);
    assert.equal(await store.size(pack(1)), bytes.length);
    assert.ok(Buffer.from(bytes.buffer).equals(await store.get(pack(1))));
    const range = { offset: 2 ** 25 + 1, length: 2 ** 23 };
    const expected = Buffer.from(bytes.buffer, range.offset, range.length);
    assert.ok(expected.equals(await store.get(pack(1), range)));
  },

  async "more than a thousand files are listed, each once and with its size"({ store }) {
    const count = 1200;
    for (let first = 0; first < count; first += 50) {
      const numbers = Array.from({ length: 50 }, (_, i) => first + i);
      await Promise.all(numbers.map((number) => store.put(pack(number), [bytesOf(number % 97)])));
    }
    const sizes = await listing(store, "pack");
    assert.equal(sizes.size, count);
    for (let number = 0; number < count; number++) assert.equal(sizes.get(idOf(number)), number % 97);
  },

  async "a listing may be left early"({ store }) {
    for (let number = 0; number < 5; number++) await store.put(pack(number), [bytesOf(1)]);
    for await (const { size } of store.list("pack")) {
      assert.equal(size, 1);
      break;
    }
    assert.equal((await listing(store, "pack")).size, 5);
  },

  async "foreign files are passed over"({ store, plant }) {
    assert.ok(plant, "the fixture has no plant: supply it or skip this test");
    const foreign = [
      "README",
      "data/README",
      "data/zz/file",
      `data/${idOf(1)}`,
      `data/00/${idOf(1)}`,
      `${relativePath(pack(1))}-tmp-0123456789abcdef`,
      relativePath(pack(1)).toUpperCase().replace("DATA", "data"),
      "index/.hidden",
      `index/${idOf(1)}.tmp`,
      `keys/${idOf(1).slice(1)}`,
      `snapshots/folder/${idOf(1)}`,
    ];
    for (const path of foreign) await plant(path, bytesOf(10));
    await store.put(pack(2), [bytesOf(3)]);
    assert.deepEqual([...await listing(store, "pack")], [[idOf(2), 3]]);
    for (const kind of ["config", "key", "lock", "snapshot", "index"] as const) {
      assert.deepEqual([...await listing(store, kind)], []);
    }
  },

  async "an aborted signal stops every call"({ store }) {
    await store.put(pack(1), [bytesOf(10)]);
    const reason = new Error("stop");
    const options = { signal: AbortSignal.abort(reason) };
    await assert.rejects(store.create(options), reason);
    await assert.rejects(store.get(pack(1), undefined, options), reason);
    await assert.rejects(store.get(pack(1), { offset: 1, length: 2 }, options), reason);
    await assert.rejects(store.put(pack(2), [bytesOf(1)], options), reason);
    await assert.rejects(store.size(pack(1), options), reason);
    await assert.rejects(store.remove(pack(1), options), reason);
    await assert.rejects(Array.fromAsync(store.list("pack", options)), reason);
    assert.deepEqual([...await listing(store, "pack")], [[idOf(1), 10]]);
  },

  async "a put aborted in the middle leaves nothing"({ store }) {
    const controller = new AbortController();
    const reason = new Error("stop");
    const content = partsWith([bytesOf(3_000_000), bytesOf(3_000_000, 2)], () => controller.abort(reason));
    await assert.rejects(store.put(pack(1), content, { signal: controller.signal }), reason);
    await assert.rejects(store.get(pack(1)), NotFoundError);
    assert.equal((await listing(store, "pack")).size, 0);
    await store.put(pack(1), [bytesOf(10)]);
  },

  async "a put whose content fails in the middle leaves nothing"({ store }) {
    const content = partsWith([bytesOf(3_000_000), bytesOf(3_000_000, 2)], () => {
      throw new StoreError("torn");
    });
    await assert.rejects(store.put(pack(1), content), StoreError);
    await assert.rejects(store.size(pack(1)), NotFoundError);
    await store.put(pack(1), [bytesOf(10)]);
    assert.deepEqual([...await listing(store, "pack")], [[idOf(1), 10]]);
  },

  async "a name of the wrong shape is a bug of the caller"({ store }) {
    for (const name of ["", "..", "../config", "config", idOf(1).toUpperCase(), `${idOf(1)}\n`, `${idOf(1)}/x`]) {
      await assert.rejects(async () => await store.get({ kind: "pack", name }), BugError);
      await assert.rejects(async () => await store.put({ kind: "pack", name }, [bytesOf(1)]), BugError);
      await assert.rejects(async () => await store.remove({ kind: "pack", name }), BugError);
    }
    for (const range of [{ offset: -1 }, { offset: 0.5 }, { offset: 0, length: -1 }, { offset: NaN }]) {
      await assert.rejects(async () => await store.get(pack(1), range), BugError);
    }
  },
};

/** Registers the suite for one store. `skips` that name no test of the suite fail at once. */
export function storeConformance(name: string, fixtures: StoreFixtures, skips: readonly Skip[] = []): void {
  for (const skip of skips) assert.ok(skip.test in TRIALS, `There is no test "${skip.test}" to skip`);
  for (const [title, trial] of Object.entries(TRIALS)) {
    const skip = skips.find(({ test }) => test === title);
    Deno.test({
      name: `${name}: ${title}${skip ? ` (skipped: ${skip.reason})` : ""}`,
      ignore: skip !== undefined,
      async fn() {
        const fixture = await fixtures.create();
        try {
          await trial(fixture);
        } finally {
          await fixture.dispose();
        }
      },
    });
  }
}
