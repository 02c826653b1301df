/** The folder of the cache: whose it is, who may read it, how large it gets, and that it gets in nobody's way. */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import type { BlobStore, FileName } from "../../../src/store/store.ts";
import { bytesOf, fileOf, listing } from "../../conformance/stored_files.ts";
import { rootTest } from "../../helpers/as_root.ts";
import { filesBelow } from "../local_fixture.ts";
import type { InstantClock } from "../instant_clock.ts";
import { cacheFixture, CONTENT, keptFiles, PACK, PART, RANGE, REPOSITORY, SNAPSHOT } from "./cache_fixture.ts";

const HOUR_MS = 3_600_000;

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

rootTest("a file, or a folder within, of another user is passed over", async () => {
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
  const spilled = `${others}/spill/${"ab".repeat(16)}-tmp-${"ab".repeat(16)}`;
  const foreign = `${others}/snapshots/notes.txt`;
  await Deno.mkdir(`${others}/spill`);
  for (const path of [leftover, spilled, foreign]) await Deno.writeFile(path, bytesOf(9000));
  for (const path of [leftover, spilled]) await Deno.utime(path, fixture.clock.now(), fixture.clock.now());
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
