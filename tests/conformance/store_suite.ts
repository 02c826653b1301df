/** What every store has to do, whatever it stands on: one suite, run by the tests of each store. */
import assert from "node:assert/strict";
import { BugError, ExistsError, NotFoundError, StoreError } from "../../src/base/errors.ts";
import { relativePath } from "../../src/store/layout.ts";
import type { BlobStore, FileKind, FileName } from "../../src/store/store.ts";
import { bytesOf, fileOf, idOf, listing, pack } from "./stored_files.ts";

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
interface StoreFixtures {
  create(): Promise<StoreFixture>;
}

/** A test that a store cannot pass, by the name the suite gives it, and why. It shows as ignored with its reason. */
export interface Skip {
  readonly test: string;
  readonly reason: string;
}

/** Stores bytes as a pack; gives its name. */
async function putPack(store: BlobStore, ...content: Uint8Array[]): Promise<FileName> {
  const file = fileOf("pack", ...content);
  await store.put(file, content);
  return file;
}

const KINDS: readonly FileKind[] = ["config", "key", "lock", "snapshot", "index", "pack"];

const CONFIG: FileName = { kind: "config", name: "config" };

function absentFile(kind: FileKind): FileName {
  return kind === "config" ? CONFIG : { kind, name: idOf(7) };
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

/** What became of a put of content that is there already. */
async function existsOrDone(put: Promise<void>): Promise<"exists" | "done"> {
  try {
    await put;
    return "done";
  } catch (error) {
    if (error instanceof ExistsError) return "exists";
    throw error;
  }
}

type Trial = (fixture: StoreFixture) => Promise<void>;

const TRIALS: Readonly<Record<string, Trial>> = {
  async "a file of every kind comes back as it was stored"({ store }) {
    for (const [i, kind] of KINDS.entries()) {
      const content = [bytesOf(100, i + 1), bytesOf(50)];
      const file = fileOf(kind, ...content);
      await store.put(file, content);
      assert.deepEqual(Buffer.from(await store.get(file)), Buffer.concat(content));
      assert.equal(await store.size(file), 150);
      assert.deepEqual([...await listing(store, kind)], [[file.name, 150]]);
    }
  },

  async "what one store put another one on the same files finds"({ store, reopen }) {
    assert.ok(reopen, "the fixture has no reopen: supply it or skip this test");
    const file = await putPack(store, bytesOf(1000));
    await store.put(CONFIG, [bytesOf(10)]);
    const other = await reopen();
    try {
      assert.deepEqual(await other.get(file), bytesOf(1000));
      await assert.rejects(other.put(CONFIG, [bytesOf(1)]), ExistsError);
    } finally {
      await other.close();
    }
  },

  async "create may be repeated and touches no file"({ store }) {
    const file = await putPack(store, bytesOf(10));
    await store.create();
    assert.deepEqual(await store.get(file), bytesOf(10));
  },

  async "put never overwrites"({ store }) {
    await store.put(CONFIG, [bytesOf(100)]);
    await assert.rejects(store.put(CONFIG, [bytesOf(200, 2)]), ExistsError);
    assert.deepEqual(await store.get(CONFIG), bytesOf(100));
  },

  async "the same content once more exists or is done"({ store }) {
    const file = await putPack(store, bytesOf(100));
    await existsOrDone(store.put(file, [bytesOf(100)]));
    assert.deepEqual(await store.get(file), bytesOf(100));
  },

  async "of several writers of one name exactly one wins"({ store }) {
    const writers = Array.from({ length: 8 }, (_, i) => bytesOf(5000 + i, i + 1));
    const outcomes = await Promise.allSettled(writers.map((bytes) => store.put(CONFIG, [bytes])));
    const winners = outcomes.flatMap(({ status }, i) => status === "fulfilled" ? [i] : []);
    assert.equal(winners.length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert.ok(outcome.reason instanceof ExistsError, String(outcome.reason));
    }
    assert.deepEqual(await store.get(CONFIG), writers[winners[0]!]);
  },

  async "several writers of the same content do each other no harm"({ store }) {
    const bytes = bytesOf(300_000);
    const file = fileOf("pack", bytes);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => existsOrDone(store.put(file, [bytes]))));
    assert.ok(outcomes.includes("done"));
    assert.ok(Buffer.from(bytes).equals(await store.get(file)));
    assert.deepEqual([...await listing(store, "pack")], [[file.name, bytes.length]]);
  },

  async "a removed name is free again"({ store }) {
    await store.put(CONFIG, [bytesOf(100)]);
    await store.remove(CONFIG);
    await assert.rejects(store.get(CONFIG), NotFoundError);
    assert.equal((await listing(store, "config")).size, 0);
    await store.put(CONFIG, [bytesOf(200, 2)]);
    assert.deepEqual(await store.get(CONFIG), bytesOf(200, 2));
  },

  async "removing what is not there is done at once"({ store }) {
    const file = await putPack(store, bytesOf(1));
    await store.remove(file);
    await store.remove(file);
    for (const kind of KINDS) await store.remove(absentFile(kind));
  },

  async "what is not there is told from other failures"({ store }) {
    for (const kind of KINDS) {
      await assert.rejects(store.get(absentFile(kind)), NotFoundError);
      await assert.rejects(store.get(absentFile(kind), { offset: 5, length: 5 }), NotFoundError);
      await assert.rejects(store.get(absentFile(kind), { offset: 0, length: 0 }), NotFoundError);
      await assert.rejects(store.size(absentFile(kind)), NotFoundError);
      assert.equal((await listing(store, kind)).size, 0);
    }
  },

  async "an empty file is a file"({ store }) {
    const file = await putPack(store);
    await store.put({ ...file, kind: "index" }, [new Uint8Array(0)]);
    assert.equal((await store.get(file)).length, 0);
    assert.equal((await store.get(file, { offset: 0 })).length, 0);
    assert.equal(await store.size(file), 0);
    for (const kind of ["pack", "index"] as const) {
      assert.deepEqual([...await listing(store, kind)], [[file.name, 0]]);
    }
  },

  async "ranges give exactly the bytes asked for"({ store }) {
    const bytes = bytesOf(300_000);
    const file = await putPack(store, bytes);
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
      assert.deepEqual(await store.get(file, range), bytes.slice(range.offset, range.offset + range.length));
    }));
  },

  async "a range without length goes to the end"({ store }) {
    const bytes = bytesOf(1000);
    const file = await putPack(store, bytes);
    for (const offset of [0, 1, 999, 1000]) {
      assert.deepEqual(await store.get(file, { offset }), bytes.slice(offset));
    }
  },

  async "a range past the end is an error, never fewer bytes"({ store }) {
    const file = await putPack(store, bytesOf(1000));
    const ranges = [
      { offset: 0, length: 1001 },
      { offset: 999, length: 2 },
      { offset: 1000, length: 1 },
      { offset: 1001, length: 0 },
      { offset: 1001 },
      { offset: 5_000_000, length: 10 },
    ];
    for (const range of ranges) {
      await assert.rejects(store.get(file, range), (thrown) => {
        return thrown instanceof StoreError && !(thrown instanceof NotFoundError);
      }, JSON.stringify(range));
    }
  },

  async "a result belongs to the caller"({ store }) {
    const file = await putPack(store, bytesOf(100));
    (await store.get(file)).fill(0);
    (await store.get(file, { offset: 0, length: 100 })).fill(0);
    assert.deepEqual(await store.get(file), bytesOf(100));
  },

  async "the content may change after put"({ store }) {
    const bytes = bytesOf(100);
    const file = await putPack(store, bytes);
    bytes.fill(0);
    assert.deepEqual(await store.get(file), bytesOf(100));
  },

  async "parts of all sizes are joined in order"({ store }) {
    const bytes = bytesOf(5_000_000);
    const parts = [0, 1, 10_000, 1_048_576, 1_048_577, 1_050_000, 4_200_000, 4_200_000, 5_000_000]
      .map((end, i, ends) => bytes.subarray(ends[i - 1] ?? 0, end));
    const file = await putPack(store, ...parts);
    assert.ok(Buffer.from(bytes).equals(await store.get(file)));
  },

  async "parts may be views of shared memory"({ store }) {
    const shared = new Uint8Array(new SharedArrayBuffer(3_000_000));
    shared.set(bytesOf(shared.length));
    const expected = Buffer.concat([shared.slice(10, 500), shared.slice(1000, 2_900_000)]);
    const file = fileOf("pack", expected);
    await store.put(file, [shared.subarray(10, 500), shared.subarray(1000, 2_900_000)]);
    assert.ok(expected.equals(await store.get(file)));
  },

  async "a file of 64 MiB comes back whole, or is given up in the middle"({ store }) {
    const bytes = bytesOf(2 ** 26);
    const file = await putPack(store, bytes);
    assert.equal(await store.size(file), bytes.length);
    assert.ok(Buffer.from(bytes.buffer).equals(await store.get(file)));
    const range = { offset: 2 ** 25 + 1, length: 2 ** 23 };
    const expected = Buffer.from(bytes.buffer, range.offset, range.length);
    assert.ok(expected.equals(await store.get(file, range)));
    const controller = new AbortController();
    const reason = new Error("stop");
    const stopped = store.get(file, undefined, { signal: controller.signal });
    setTimeout(() => controller.abort(reason));
    const end = await stopped.then((whole) => whole.length, (thrown) => thrown);
    assert.ok(end === reason || end === bytes.length, String(end));
    assert.deepEqual(await store.get(file, { offset: 1, length: 2 }), bytes.slice(1, 3));
  },

  async "more than a thousand files are listed, each once and with its size"({ store }) {
    const count = 1200;
    for (let first = 0; first < count; first += 50) {
      const numbers = Array.from({ length: 50 }, (_, i) => first + i);
      await Promise.all(numbers.map((number) => putPack(store, bytesOf(4 + number % 97, number))));
    }
    const sizes = await listing(store, "pack");
    assert.equal(sizes.size, count);
    for (let number = 0; number < count; number++) {
      const bytes = bytesOf(4 + number % 97, number);
      assert.equal(sizes.get(fileOf("pack", bytes).name), bytes.length);
    }
  },

  async "a listing of names alone has the same names"({ store }) {
    for (let number = 1; number <= 5; number++) {
      await putPack(store, bytesOf(number));
      await store.put(fileOf("snapshot", bytesOf(number)), [bytesOf(number)]);
    }
    for (const kind of ["pack", "snapshot", "index"] as const) {
      const names = (await Array.fromAsync(store.list(kind, { namesOnly: true }))).map(({ name }) => name);
      assert.deepEqual(names.sort(), [...(await listing(store, kind)).keys()].sort());
    }
  },

  async "a listing may be left early"({ store }) {
    for (let number = 1; number <= 5; number++) await putPack(store, bytesOf(number));
    for await (const { size } of store.list("pack")) {
      assert.ok(size > 0);
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
    const file = await putPack(store, bytesOf(3));
    assert.deepEqual([...await listing(store, "pack")], [[file.name, 3]]);
    const named = await Array.fromAsync(store.list("pack", { namesOnly: true }));
    assert.deepEqual(named.map(({ name }) => name), [file.name]);
    for (const kind of ["config", "key", "lock", "snapshot", "index"] as const) {
      assert.deepEqual([...await listing(store, kind)], []);
    }
  },

  async "an aborted signal stops every call"({ store }) {
    const file = await putPack(store, bytesOf(10));
    const reason = new Error("stop");
    const options = { signal: AbortSignal.abort(reason) };
    await assert.rejects(store.create(options), reason);
    await assert.rejects(store.get(file, undefined, options), reason);
    await assert.rejects(store.get(file, { offset: 1, length: 2 }, options), reason);
    await assert.rejects(store.put(fileOf("pack", bytesOf(1)), [bytesOf(1)], options), reason);
    await assert.rejects(store.size(file, options), reason);
    await assert.rejects(store.remove(file, options), reason);
    await assert.rejects(Array.fromAsync(store.list("pack", options)), reason);
    assert.deepEqual([...await listing(store, "pack")], [[file.name, 10]]);
  },

  async "a put aborted in the middle leaves nothing"({ store }) {
    const controller = new AbortController();
    const reason = new Error("stop");
    const parts = [bytesOf(3_000_000), bytesOf(3_000_000, 2)];
    const file = fileOf("pack", ...parts);
    const content = partsWith(parts, () => controller.abort(reason));
    await assert.rejects(store.put(file, content, { signal: controller.signal }), reason);
    await assert.rejects(store.get(file), NotFoundError);
    assert.equal((await listing(store, "pack")).size, 0);
    await store.put(file, parts);
    assert.deepEqual([...await listing(store, "pack")], [[file.name, 6_000_000]]);
  },

  async "a put whose content fails in the middle leaves nothing"({ store }) {
    const parts = [bytesOf(3_000_000), bytesOf(3_000_000, 2)];
    const file = fileOf("pack", ...parts);
    const content = partsWith(parts, () => {
      throw new StoreError("torn");
    });
    await assert.rejects(store.put(file, content), StoreError);
    await assert.rejects(store.size(file), NotFoundError);
    await store.put(file, parts);
    assert.deepEqual([...await listing(store, "pack")], [[file.name, 6_000_000]]);
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
