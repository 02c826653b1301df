/** The cache: what is kept, for how long, and that it never gives anything wrong or gets in the way. */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { type AgentError, NotFoundError, TemporaryError } from "../../../src/base/errors.ts";
import { withCache } from "../../../src/store/cache/cached_store.ts";
import type { CacheOptions } from "../../../src/store/cache/folder.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { openMemoryStore } from "../../../src/store/memory_store.ts";
import type { BlobStore, FileName } from "../../../src/store/store.ts";
import { bytesOf, fileOf, listing, storeConformance } from "../../conformance/store_suite.ts";
import { seededRandom } from "../../helpers/world.ts";
import { filesBelow } from "../local_fixture.ts";
import { InstantClock } from "../instant_clock.ts";

const REPOSITORY = "ab".repeat(32);
const HOUR_MS = 3_600_000;
const CONTENT = bytesOf(1000);
const RANGE = { offset: 100, length: 200 };
const PART = CONTENT.subarray(100, 300);
const SNAPSHOT = fileOf("snapshot", CONTENT);
const PACK = fileOf("pack", CONTENT);

/** A cache directory of its own around one memory store; `session` opens it as one more process would. */
async function cacheFixture(overrides: Partial<CacheOptions> = {}) {
  const parent = await Deno.makeTempDir({ prefix: "agent-cache-" });
  const directory = `${parent}/cache`;
  const clock = new InstantClock();
  const random = seededRandom(parent);
  const remote = openMemoryStore();
  const problems: AgentError[] = [];
  const onProblem = (problem: AgentError) => void problems.push(problem);
  return {
    directory,
    folder: `${directory}/${REPOSITORY}`,
    clock,
    remote,
    problems,
    session(inner: BlobStore = remote) {
      const counted = withFaults(inner, () => undefined);
      const options = { directory, repositoryId: REPOSITORY, limitBytes: 1e9, clock, random, onProblem, ...overrides };
      const store = withCache(counted, options);
      return { store, requests: () => counted.calls.map(({ method, kind }) => `${method} ${kind}`) };
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(parent, { recursive: true });
    },
  };
}

storeConformance("cached store", {
  async create() {
    const fixture = await cacheFixture();
    const { store } = fixture.session();
    return { store, dispose: () => store.close().then(() => fixture[Symbol.asyncDispose]()) };
  },
}, [
  { test: "what one store put another one on the same files finds", reason: "the files are in memory" },
  { test: "foreign files are passed over", reason: "the files are in memory" },
]);

Deno.test("snapshots and indexes are read from the store once", async () => {
  await using fixture = await cacheFixture();
  for (const kind of ["snapshot", "index"] as const) {
    const file = fileOf(kind, CONTENT);
    await fixture.remote.put(file, [CONTENT]);
    const first = fixture.session();
    assert.deepEqual(await first.store.get(file), CONTENT);
    assert.deepEqual(first.requests(), [`get ${kind}`]);
    const second = fixture.session();
    const bytes = await second.store.get(file);
    assert.deepEqual(bytes, CONTENT);
    assert.equal(bytes.buffer.byteLength, CONTENT.length, "the buffer is the caller's alone");
    assert.deepEqual(second.requests(), []);
  }
});

Deno.test("config, keys, locks, packs and parts that nobody wants to keep are read every time", async () => {
  await using fixture = await cacheFixture();
  for (const kind of ["config", "key", "lock", "pack"] as const) {
    const file = fileOf(kind, CONTENT);
    await fixture.remote.put(file, [CONTENT]);
    const { store, requests } = fixture.session();
    await store.get(file, undefined, { keep: true });
    await store.get(file, RANGE);
    await store.get(file, { offset: 5 }, { keep: true });
    await store.get(file, RANGE);
    assert.equal(requests().length, 4);
    await store.close();
  }
  assert.deepEqual(await filesBelow(fixture.directory).catch(() => []), []);
});

Deno.test("parts of packs are kept where the caller wants it, each range for itself", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(PACK, [CONTENT]);
  const { store, requests } = fixture.session();
  for (const _ of [1, 2]) {
    assert.deepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
    assert.deepEqual(await store.get(PACK, { offset: 100, length: 20 }, { keep: true }), CONTENT.subarray(100, 120));
  }
  assert.equal(requests().length, 2);
  assert.deepEqual(await store.get(PACK, RANGE), PART);
  assert.equal(requests().length, 3, "who does not ask for a copy gets none");
});

Deno.test("what was put is there already; what was not put is not", async () => {
  await using fixture = await cacheFixture();
  const { store, requests } = fixture.session();
  await store.put(SNAPSHOT, [CONTENT.subarray(0, 10), CONTENT.subarray(10)]);
  assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
  assert.deepEqual(requests(), ["put snapshot"]);
  const other = fileOf("index", bytesOf(5));
  const full = withFaults(fixture.remote, () => ({ type: "tear" }));
  await assert.rejects(fixture.session(full).store.put(other, [bytesOf(5)]), TemporaryError);
  await assert.rejects(store.get(other), NotFoundError);
});

Deno.test("a removed file is gone; one that others removed is gone after the next listing", async () => {
  await using fixture = await cacheFixture();
  const { store } = fixture.session();
  const files = [1, 2, 3].map((seed) => [fileOf("snapshot", bytesOf(10, seed)), bytesOf(10, seed)] as const);
  for (const [file, bytes] of files) await store.put(file, [bytes]);
  const [[first], [second], [third]] = files as [typeof files[0], typeof files[0], typeof files[0]];
  await store.remove(first);
  await assert.rejects(store.get(first), NotFoundError);
  await fixture.remote.remove(second);
  for await (const _ of store.list("snapshot")) break;
  assert.equal((await store.get(second)).length, 10, "a listing that was left early proves nothing");
  await listing(store, "snapshot");
  await assert.rejects(store.get(second), NotFoundError);
  const after = fixture.session();
  assert.equal((await after.store.get(third)).length, 10);
  assert.deepEqual(after.requests(), []);
});

Deno.test("a listing that fails drops nothing", async () => {
  await using fixture = await cacheFixture();
  await fixture.session().store.put(SNAPSHOT, [CONTENT]);
  const broken = openMemoryStore();
  broken.list = async function* () {
    yield { name: SNAPSHOT.name.replace(/./g, "0"), size: 1 };
    await Promise.reject(new TemporaryError("broken"));
  };
  const { store, requests } = fixture.session(broken);
  await assert.rejects(listing(store, "snapshot"), TemporaryError);
  assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
  assert.deepEqual(requests(), ["list snapshot"]);
});

Deno.test("a damaged copy is noticed, dropped and read from the store again", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(SNAPSHOT, [CONTENT]);
  await fixture.remote.put(PACK, [CONTENT]);
  const readBoth = async (store: BlobStore) => {
    assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
    assert.deepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
  };
  await readBoth(fixture.session().store);
  const damages: readonly ((bytes: Uint8Array) => Uint8Array)[] = [
    (bytes) => bytes.map((byte, i) => i === 50 ? byte ^ 1 : byte),
    (bytes) => bytes.map((byte, i) => i === bytes.length - 1 ? byte ^ 1 : byte),
    (bytes) => bytes.subarray(0, bytes.length - 1),
    (bytes) => new Uint8Array([...bytes, 0]),
    () => new Uint8Array(10),
    () => new Uint8Array(0),
  ];
  for (const damage of damages) {
    for (const path of await keptFiles(fixture.folder)) {
      await Deno.writeFile(`${fixture.folder}/${path}`, damage(await Deno.readFile(`${fixture.folder}/${path}`)));
    }
    const { store, requests } = fixture.session();
    await readBoth(store);
    assert.deepEqual(requests(), ["get snapshot", "get pack"]);
    await readBoth(store);
    assert.equal(requests().length, 2, "the good copies are kept");
  }
});

Deno.test("damage in any byte of any kind of copy, and any other length, is found and read from the store again", async () => {
  await using fixture = await cacheFixture();
  const content = bytesOf(60, 5);
  const snapshot = fileOf("snapshot", content);
  const index = fileOf("index", content);
  const pack = fileOf("pack", content);
  const range = { offset: 10, length: 40 };
  for (const file of [snapshot, index, pack]) await fixture.remote.put(file, [content]);
  const readAll = async (store: BlobStore) => [
    await store.get(snapshot),
    await store.get(index),
    await store.get(pack, range, { keep: true }),
  ];
  const uncached = await readAll(fixture.remote);
  await readAll(fixture.session().store);
  const kept = (await keptFiles(fixture.folder)).map((path) => `${fixture.folder}/${path}`);
  assert.equal(kept.length, 3);
  for (const path of kept) {
    const whole = await Deno.readFile(path);
    const damages = [
      ...Array.from(whole, (_, at) => [0x01, 0x80].map((bit) => whole.map((byte, i) => i === at ? byte ^ bit : byte)))
        .flat(),
      ...Array.from(whole, (_, length) => whole.slice(0, length)),
      ...[1, 31, 32, 33, 5000].map((more) => new Uint8Array([...whole, ...bytesOf(more)])),
      new Uint8Array([...whole, ...whole]),
    ];
    for (const damaged of damages) {
      await Deno.writeFile(path, damaged);
      const { store, requests } = fixture.session();
      assert.deepEqual(await readAll(store), uncached);
      assert.equal(requests().length, 1);
      assert.deepEqual(await Deno.readFile(path), whole, "a good copy takes its place");
    }
    // A length that none was written with, such as a sparse file of a terabyte, is not read into memory.
    await Deno.truncate(path, 2 ** 40);
    assert.deepEqual(await readAll(fixture.session().store), uncached);
  }
  assert.deepEqual(fixture.problems, []);
});

async function keptFiles(folder: string): Promise<string[]> {
  return (await filesBelow(folder)).filter((path) => !/(^|\/)address$/.test(path)).sort();
}

Deno.test("a file that is not what its name says is given as it is, and never kept", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(SNAPSHOT, [bytesOf(7)]);
  const { store, requests } = fixture.session();
  for (const _ of [1, 2]) assert.deepEqual(await store.get(SNAPSHOT), bytesOf(7));
  assert.equal(requests().length, 2);
  assert.deepEqual(await filesBelow(fixture.directory).catch(() => []), []);
});

Deno.test("a fresh reading passes the copy by and takes its place", async () => {
  await using fixture = await cacheFixture();
  await fixture.remote.put(PACK, [bytesOf(1000, 2)]);
  const { store, requests } = fixture.session();
  await store.get(PACK, RANGE, { keep: true });
  await fixture.remote.remove(PACK);
  await fixture.remote.put(PACK, [CONTENT]);
  assert.notDeepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
  assert.deepEqual(await store.get(PACK, RANGE, { keep: true, fresh: true }), PART);
  assert.deepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
  assert.equal(requests().length, 2);
});

Deno.test("files are private, the directory is tagged, nothing half written stays", async () => {
  await using fixture = await cacheFixture();
  const { store } = fixture.session();
  await store.put(SNAPSHOT, [CONTENT]);
  await store.put(PACK, [CONTENT]);
  await store.get(PACK, RANGE, { keep: true });
  const tag = await Deno.readTextFile(`${fixture.directory}/CACHEDIR.TAG`);
  assert.ok(tag.startsWith("Signature: 8a477f597d28d172789f06886806bc55\n"));
  assert.deepEqual(await keptFiles(fixture.folder), [
    `data/${PACK.name.slice(0, 2)}/${PACK.name}-100-200`,
    `snapshots/${SNAPSHOT.name}`,
  ]);
  const modeOf = async (path: string) => (await Deno.stat(path)).mode! & 0o777;
  assert.equal(await Deno.readTextFile(`${fixture.folder}/address`), `${fixture.remote.location}\n`);
  assert.equal(await modeOf(`${fixture.folder}/address`), 0o600);
  assert.equal(await modeOf(`${fixture.folder}/snapshots/${SNAPSHOT.name}`), 0o600);
  for (const path of [fixture.directory, fixture.folder, `${fixture.folder}/snapshots`]) {
    assert.equal(await modeOf(path), 0o700);
  }
});

Deno.test("files and folders are private whatever the umask", async () => {
  const parent = await Deno.makeTempDir({ prefix: "agent-cache-" });
  const directories = ["000", "022", "077", "777"].map((umask) => ({ umask, directory: `${parent}/${umask}` }));
  const program = new URL("./umask_program.ts", import.meta.url).pathname;
  const filled = directories.flatMap(({ umask, directory }) => [umask, directory]);
  const args = ["run", "--no-check", "--allow-all", "--quiet", program, ...filled];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, stderr: "piped" }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const modeOf = async (path: string) => (await Deno.lstat(path)).mode! & 0o777;
  for (const { directory } of directories) {
    const files = (await filesBelow(directory)).map((path) => `${directory}/${path}`);
    assert.equal(files.length, 4);
    for (const path of files) assert.equal(await modeOf(path), 0o600, path);
    for (let path = files[0]!; path !== directory; path = dirname(path)) {
      assert.equal(await modeOf(dirname(path)), 0o700, path);
    }
  }
  await Deno.remove(parent, { recursive: true });
});

Deno.test("a folder of another user is passed over, and told once", async () => {
  await using fixture = await cacheFixture({ uid: Deno.uid()! + 1 });
  await fixture.remote.put(SNAPSHOT, [CONTENT]);
  await Deno.mkdir(`${fixture.folder}/snapshots`, { recursive: true });
  await Deno.writeFile(`${fixture.folder}/snapshots/${SNAPSHOT.name}`, CONTENT);
  const { store, requests } = fixture.session();
  for (const _ of [1, 2]) assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
  assert.equal(requests().length, 2, "nothing of it is used");
  await store.put(fileOf("index", CONTENT), [CONTENT]);
  await store.remove(SNAPSHOT);
  await listing(store, "snapshot");
  await store.close();
  assert.deepEqual(await keptFiles(fixture.directory), [`${REPOSITORY}/snapshots/${SNAPSHOT.name}`]);
  assert.deepEqual(fixture.problems.map(({ message }) => message), [
    `The cache passes over "${fixture.directory}": it belongs to another user; name another directory with --cache-dir`,
  ]);
});

const isRoot = Deno.uid() === 0;

Deno.test({
  name: `a file, or a folder within, of another user is passed over${
    isRoot ? "" : " (skipped: only root gives files away)"
  }`,
  ignore: !isRoot,
  async fn() {
    await using fixture = await cacheFixture();
    const { store: first } = fixture.session();
    await first.put(SNAPSHOT, [CONTENT]);
    const path = `${fixture.folder}/snapshots/${SNAPSHOT.name}`;
    await Deno.chown(path, 12345, 12345);
    const { store, requests } = fixture.session();
    assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
    assert.deepEqual(requests(), ["get snapshot"]);
    assert.match(fixture.problems[0]!.message, new RegExp(`passes over "${path}"`));
    assert.equal((await Deno.stat(path)).uid, 0, "a copy of one's own takes its place");
    await Deno.chown(`${fixture.folder}/snapshots`, 12345, 12345);
    const later = fixture.session();
    for (const _ of [1, 2]) assert.deepEqual(await later.store.get(SNAPSHOT), CONTENT);
    assert.equal(later.requests().length, 2);
    assert.match(fixture.problems[1]!.message, /passes over ".*snapshots"/);
  },
});

Deno.test("folders that were tidied away meanwhile are made again", async () => {
  await using fixture = await cacheFixture();
  const { store } = fixture.session();
  await store.put(SNAPSHOT, [CONTENT]);
  await Deno.remove(fixture.directory, { recursive: true });
  const other = bytesOf(10, 3);
  await store.put(fileOf("snapshot", other), [other]);
  assert.deepEqual(await keptFiles(fixture.folder), [`snapshots/${fileOf("snapshot", other).name}`]);
  assert.deepEqual(fixture.problems, []);
});

/** Puts snapshots of 1000 bytes, one for each seed, an hour apart. */
async function putHourly(store: BlobStore, clock: InstantClock, seeds: readonly number[]): Promise<FileName[]> {
  const files: FileName[] = [];
  for (const seed of seeds) {
    const bytes = bytesOf(1000, seed);
    files.push(fileOf("snapshot", bytes));
    await store.put(files.at(-1)!, [bytes]);
    clock.nowMs += HOUR_MS;
  }
  return files;
}

Deno.test("closing evicts what was not used for longest, of all repositories, and what dead writers left", async () => {
  await using fixture = await cacheFixture({ limitBytes: 5000 });
  const { store } = fixture.session();
  const files = await putHourly(store, fixture.clock, [1, 2, 3]);
  await store.close();
  const others = `${fixture.directory}/${"cd".repeat(32)}`;
  await Deno.rename(fixture.folder, others);
  const leftover = `${others}/snapshots/${files[0]!.name}-tmp-0123456789abcdef`;
  const foreign = `${others}/snapshots/notes.txt`;
  for (const path of [leftover, foreign]) await Deno.writeFile(path, bytesOf(9000));
  await Deno.utime(leftover, fixture.clock.now(), fixture.clock.now());
  fixture.clock.nowMs += 2 * HOUR_MS;
  const later = fixture.session();
  const laterFiles = await putHourly(later.store, fixture.clock, [4, 5, 6]);
  await later.store.get(laterFiles[0]!);
  await later.store.close();
  const kept = files.slice(1).map(({ name }) => `${"cd".repeat(32)}/snapshots/${name}`);
  const laterKept = laterFiles.map(({ name }) => `${REPOSITORY}/snapshots/${name}`);
  const expected = ["CACHEDIR.TAG", ...kept, `${"cd".repeat(32)}/snapshots/notes.txt`, ...laterKept].sort();
  assert.deepEqual(await keptFiles(fixture.directory), expected);
});

Deno.test("a use keeps a copy from being evicted", async () => {
  await using fixture = await cacheFixture({ limitBytes: 2000 });
  const first = fixture.session();
  const files = await putHourly(first.store, fixture.clock, [1, 2]);
  await first.store.get(files[0]!);
  await first.store.close();
  const second = fixture.session();
  await second.store.put(fileOf("index", CONTENT), [CONTENT]);
  await second.store.close();
  assert.deepEqual(await keptFiles(fixture.folder), [
    `index/${fileOf("index", CONTENT).name}`,
    `snapshots/${files[0]!.name}`,
  ]);
});

Deno.test("one process adds no more than the limit", async () => {
  await using fixture = await cacheFixture({ limitBytes: 2500 });
  const { store } = fixture.session();
  await putHourly(store, fixture.clock, [1, 2, 3, 4, 5]);
  assert.equal((await keptFiles(fixture.folder)).length, 2);
});

Deno.test("a cache that cannot be written is told once and gets in nobody's way", async () => {
  await using fixture = await cacheFixture();
  await Deno.writeTextFile(fixture.directory, "a file where the directory should be");
  const { store } = fixture.session();
  await Promise.all([SNAPSHOT, fileOf("index", CONTENT), PACK].map((file) => store.put(file, [CONTENT])));
  for (const _ of [1, 2]) {
    assert.deepEqual(await store.get(SNAPSHOT), CONTENT);
    assert.deepEqual(await store.get(PACK, RANGE, { keep: true }), PART);
  }
  assert.equal((await listing(store, "snapshot")).size, 1);
  await store.remove(SNAPSHOT);
  await store.close();
  assert.equal(fixture.problems.length, 1);
  assert.match(fixture.problems[0]!.message, /Cannot keep copies in the cache directory ".*cache": it is not a folder/);
});

Deno.test("several processes share a folder", async () => {
  await using fixture = await cacheFixture({ limitBytes: 3000 });
  const contents = Array.from({ length: 8 }, (_, i) => bytesOf(1000, i + 1));
  for (const bytes of contents) await fixture.remote.put(fileOf("index", bytes), [bytes]);
  const process = async () => {
    for (let round = 0; round < 5; round++) {
      const { store } = fixture.session();
      for (const bytes of contents) assert.deepEqual(await store.get(fileOf("index", bytes)), bytes);
      await listing(store, "index");
      await store.close();
    }
  };
  await Promise.all([process(), process(), process()]);
  assert.deepEqual(fixture.problems, []);
});
