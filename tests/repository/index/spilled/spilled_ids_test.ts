/** New ids that leave memory: none is forgotten, none is made up, however files fail, and memory does not grow. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { AgentError } from "../../../../src/base/errors.ts";
import { IdTable, IdTableReader, KEPT_ID_BYTES } from "../../../../src/base/id_table.ts";
import { ExistenceIndex, NamedIndex } from "../../../../src/repository/index/blob_index.ts";
import { SpilledIds } from "../../../../src/repository/index/spilled/spilled_ids.ts";
import { TrustingIndex } from "../../../../src/repository/index/trusting_index.ts";
import type { CacheOptions } from "../../../../src/store/cache/folder.ts";
import { SpillFile } from "../../../../src/store/spill/spill_file.ts";
import { TestDirectory } from "../../../helpers/test_directory.ts";
import { noise } from "../../../helpers/world.ts";
import { MadeFile, spillPlace } from "../../../store/spill/spills.ts";

/** Ids of 32 bytes each; some begin with the same word. */
const IDS = noise(32 * 3000, "ids of new chunks");
for (let id = 0; id < 200; id++) IDS.fill(id & 3, id * 32, id * 32 + 4);

const TINY = { most: 40, atOnce: 20 };

interface Scene extends AsyncDisposable {
  readonly index: ExistenceIndex;
  readonly spilled: SpilledIds;
  readonly problems: readonly AgentError[];
  /** Notes a chunk as a writer of packs does; returns whether it is to be stored. */
  note(id: number): Promise<boolean>;
}

interface SceneOptions {
  readonly index?: ExistenceIndex;
  readonly limits?: typeof TINY;
  readonly createFile?: typeof SpillFile.create;
  readonly cache?: Partial<CacheOptions>;
}

function scene(directory: string, options: SceneOptions = {}): Scene {
  const { limits = TINY, createFile, cache, index = new ExistenceIndex() } = options;
  const problems: AgentError[] = [];
  const onProblem = (problem: AgentError) => void problems.push(problem);
  const spilled = new SpilledIds(spillPlace(directory, { onProblem, ...cache }), createFile);
  index.spillTo(spilled, limits);
  return {
    index,
    spilled,
    problems,
    async note(id) {
      const isNew = index.note("data", IDS, id * 32);
      if (isNew) await index.makeRoom();
      return isNew;
    },
    async [Symbol.asyncDispose]() {
      spilled[Symbol.dispose]();
      await index.settle();
    },
  };
}

function idOf(id: number): Uint8Array {
  return IDS.subarray(id * 32, (id + 1) * 32);
}

Deno.test("every id is new once and known from then on, however many have left memory", async () => {
  await using directory = new TestDirectory();
  const ids = fc.array(fc.nat(2999), { minLength: 1, maxLength: 1500 });
  await fc.assert(
    fc.asyncProperty(ids, fc.integer({ min: 1, max: 60 }), fc.boolean(), async (ids, atOnce, settles) => {
      await using made = scene(directory.path, { limits: { most: 60, atOnce } });
      const model = new Set<number>();
      for (const id of ids) {
        assert.equal(made.index.has("data", IDS, id * 32), model.has(id));
        assert.equal(await made.note(id), !model.has(id));
        model.add(id);
        if (settles) await made.index.settle();
      }
      for (let id = 0; id < 3000; id += 7) assert.equal(made.index.lists(idOf(id)), model.has(id));
      for (const id of model) assert.ok(made.index.has("data", IDS, id * 32));
      assert.deepEqual(made.problems, []);
    }),
    { numRuns: 30 },
  );
});

Deno.test("what was known from the beginning stays in memory, and so does what is trusted", async () => {
  await using directory = new TestDirectory();
  const trusted = new IdTable();
  for (let id = 0; id < 100; id++) trusted.add(IDS, id * 32);
  const index = new TrustingIndex(new NamedIndex([]), trusted);
  await using made = scene(directory.path, { index });
  index.use(idOf(5));
  for (let id = 0; id < 1000; id++) assert.equal(await made.note(id), id >= 100);
  await index.settle();
  assert.ok(made.spilled.fileCount > 0);
  for (let id = 0; id < 100; id++) assert.equal(trusted.find(IDS, id * 32), id);
  index.use(idOf(7));
  index.use(idOf(700));
  assert.equal(await index.countLost({ lists: () => false }, () => Promise.resolve()), 2);
});

Deno.test("memory holds a bounded number of new ids, and few files hold the others", async () => {
  await using directory = new TestDirectory();
  const limits = { most: 1 << 13, atOnce: 1 << 12 };
  await using made = scene(directory.path, { limits });
  const { index } = made;
  const id = new Uint8Array(32);
  const count = 200_000;
  let most = 0;
  let files = 0;
  for (let i = 0; i < count; i++) {
    assert.ok(index.note("data", numbered(id, i)));
    await index.makeRoom();
    most = Math.max(most, index.dataBlobs.size);
    files = Math.max(files, made.spilled.fileCount);
  }
  assert.ok(most <= limits.most + limits.atOnce, `${most} ids`);
  const { slots, segments } = index.dataBlobs.view;
  const bytes = segments.reduce((sum, segment) => sum + segment.byteLength, slots.byteLength);
  assert.ok(bytes <= 2 * limits.most * 31, `${bytes} bytes of ids`);
  assert.ok(files <= 5, `${files} files`);
  for (let i = 0; i < count; i += 99) assert.ok(index.has("data", numbered(id, i)), `id ${i}`);
});

/** Makes `id` one of very many that look random. */
function numbered(id: Uint8Array<ArrayBuffer>, number: number): Uint8Array {
  const words = new Uint32Array(id.buffer);
  for (let word = 0; word < 5; word++) words[word] = Math.imul(number + word * 1_000_003, 0x9e37_79b1);
  return id;
}

Deno.test("an id that comes again after it has left is seen by other threads again", async () => {
  await using directory = new TestDirectory();
  await using made = scene(directory.path);
  for (let id = 0; id < 200; id++) await made.note(id);
  await made.index.settle();
  const sees = () => new IdTableReader(made.index.dataBlobs.view).find(IDS, 3 * 32) >= 0;
  assert.equal(sees(), false);
  assert.equal(await made.note(3), false);
  assert.equal(sees(), true);
});

Deno.test("nothing of the files has a name, and nothing is there before they are needed", async () => {
  await using directory = new TestDirectory();
  await using made = scene(directory.path);
  for (let id = 0; id < 30; id++) await made.note(id);
  assert.deepEqual(filesBelow(directory.path), []);
  for (let id = 0; id < 1000; id++) await made.note(id);
  await made.index.settle();
  assert.ok(made.spilled.fileCount > 0);
  assert.deepEqual(filesBelow(directory.path), ["CACHEDIR.TAG"]);
});

function filesBelow(directory: string): string[] {
  return Array.from(Deno.readDirSync(directory)).flatMap(({ name, isFile }) => {
    return isFile ? [name] : filesBelow(`${directory}/${name}`);
  });
}

Deno.test("only keys under a secret reach the disk", async () => {
  await using directory = new TestDirectory();
  const files: MadeFile[] = [];
  await using made = scene(directory.path, { createFile: madeFiles((file) => files.push(file)) });
  for (let id = 0; id < 1000; id++) await made.note(id);
  await made.index.settle();
  assert.ok(files.length > 5);
  for (const { bytes } of files) {
    const text = bytes.subarray(0, 40_000).toHex();
    for (let id = 200; id < 1000; id++) assert.ok(!text.includes(idOf(id).subarray(0, 6).toHex()));
  }
});

/** Files in memory; `onMade` may make them fail. */
function madeFiles(onMade: (file: MadeFile) => void): typeof SpillFile.create {
  return (path, options) => {
    const file = new MadeFile();
    onMade(file);
    return new SpillFile(file, path, options);
  };
}

function failFull(): never {
  throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
}

Deno.test("on a full disk, ids stay in memory from then on, and none is forgotten", async () => {
  await using directory = new TestDirectory();
  for (let fullFrom = 0; fullFrom < 8; fullFrom++) {
    let files = 0;
    const createFile = madeFiles((file) => {
      if (files++ >= fullFrom) file.take = failFull;
    });
    await using made = scene(directory.path, { createFile });
    for (let id = 0; id < 600; id++) assert.ok(await made.note(id));
    await made.index.settle();
    for (let id = 0; id < 600; id++) assert.equal(await made.note(id), false);
    assert.equal(made.problems.length, 1);
    assert.match(made.problems[0]!.message, /cache directory/);
    assert.equal(files, fullFrom + 1, "it is not tried again");
  }
});

Deno.test("without a folder that can be written, ids stay in memory", async () => {
  await using directory = new TestDirectory();
  directory.write("cache", "no folder");
  await using made = scene(directory.at("cache"));
  for (let id = 0; id < 600; id++) assert.ok(await made.note(id));
  for (let id = 0; id < 600; id++) assert.equal(await made.note(id), false);
  assert.equal(made.problems.length, 1);
  assert.equal(made.spilled.fileCount, 0);
});

Deno.test("a folder that vanishes in between is made again", async () => {
  await using directory = new TestDirectory();
  await using made = scene(directory.at("cache"));
  for (let id = 0; id < 3000; id++) {
    if (id % 500 === 499) {
      await made.index.settle();
      await Deno.remove(directory.at("cache"), { recursive: true });
    }
    assert.ok(await made.note(id));
  }
  for (let id = 0; id < 3000; id++) assert.equal(await made.note(id), false);
  assert.deepEqual(made.problems, []);
});

Deno.test("the limit of the cache holds for a file", async () => {
  await using directory = new TestDirectory();
  await using made = scene(directory.path, { cache: { limitBytes: 10_000 } });
  for (let id = 0; id < 3000; id++) assert.ok(await made.note(id));
  assert.ok(made.index.dataBlobs.size > 1000);
  for (let id = 0; id < 3000; id++) assert.equal(await made.note(id), false);
});

function failRead(): never {
  throw new Error("Input/output error (os error 5)");
}

Deno.test("what cannot be read, or is not what was written, is new: nothing is known that was not stored", async () => {
  await using directory = new TestDirectory();
  const damages: readonly ((file: MadeFile) => void)[] = [
    (file) => file.bytes[100]! ^= 1,
    (file) => file.bytes.fill(0),
    (file) => file.give = () => null,
    (file) => file.give = failRead,
  ];
  for (const damage of damages) {
    const files: MadeFile[] = [];
    await using made = scene(directory.path, { createFile: madeFiles((file) => files.push(file)) });
    for (let id = 0; id < 1000; id++) assert.ok(await made.note(id));
    await made.index.settle();
    for (const file of files) damage(file);
    let again = 0;
    for (let id = 0; id < 1000; id++) {
      if (await made.note(id)) again++;
      assert.ok(made.index.has("data", IDS, id * 32), "it is known from now on");
    }
    for (let id = 1000; id < 3000; id++) assert.ok(await made.note(id), "what was not stored is new");
    await made.index.settle();
    for (let id = 0; id < 3000; id++) assert.ok(made.index.has("data", IDS, id * 32));
    assert.ok(again > 0);
    assert.equal(made.problems.length, 1);
    assert.match(made.problems[0]!.message, /stored twice, until the next prune/);
  }
});

Deno.test("an end in the middle of a write waits for it, tells nothing, and leaves no file open", async () => {
  await using directory = new TestDirectory();
  const files: MadeFile[] = [];
  const limits = { most: 1 << 14, atOnce: 1 << 14 };
  await using made = scene(directory.path, { createFile: madeFiles((file) => files.push(file)), limits });
  const ids = noise(32 * limits.most, "ids of a write");
  for (let at = 0; at < ids.length; at += 32) made.index.note("data", ids, at);
  const room = made.index.makeRoom();
  assert.ok(room !== undefined);
  await room;
  made.spilled[Symbol.dispose]();
  await made.index.settle();
  assert.equal(made.index.dataBlobs.size, limits.most, "they have stayed");
  assert.ok(files.every(({ isClosed }) => isClosed));
  assert.deepEqual(made.problems, []);
});

Deno.test("an end at any moment after the last write leaves no file open", async () => {
  await using directory = new TestDirectory();
  for (let turns = 0; turns < 12; turns++) {
    const files: MadeFile[] = [];
    const end = async () => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      spilled[Symbol.dispose]();
    };
    const makeFile = madeFiles((file) => {
      if (files.push(file) === 2) file.take = (wanted) => (void end(), wanted);
    });
    const spilled = new SpilledIds(spillPlace(directory.path), makeFile);
    assert.equal(await spilled.take(IDS.slice(0, 32 * 50)), true);
    await spilled.take(IDS.slice(32 * 50, 32 * 100));
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(files.map(({ isClosed }) => isClosed), [true, true], `after ${turns} turns`);
    assert.equal(spilled.fileCount, 0);
  }
});

Deno.test("without a place to go, all ids stay in memory, as many as there are", () => {
  const index = new ExistenceIndex();
  for (let id = 0; id < 3000; id++) index.note("data", IDS, id * 32);
  assert.equal(index.makeRoom(), undefined);
  assert.equal(index.dataBlobs.size, 3000);
  assert.equal(index.dataBlobs.view.idBytes, KEPT_ID_BYTES);
});
