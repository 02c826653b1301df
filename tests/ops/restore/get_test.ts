/** Get: what it promises besides the right bytes. */
import assert from "node:assert/strict";
import { IntegrityError, InterruptedError, UsageError } from "../../../src/base/errors.ts";
import { commitBackup } from "../../../src/backup/commit.ts";
import { DEFAULT_FILE_NAME } from "../../../src/format/manifest/series.ts";
import { formatTimestamp } from "../../../src/format/time.ts";
import { loadIndex } from "../../../src/repository/index/index_files.ts";
import { BlobSet } from "../../../src/repository/index/blob_index.ts";
import { PackWriter } from "../../../src/repository/pack/pack_writer.ts";
import { findNode } from "../../../src/repository/tree/trees.ts";
import type { StreamSink } from "../../../src/base/byte_source.ts";
import { archive as writeArchiveOf } from "../../../src/ops/restore/archive.ts";
import { chooseFile, type HowToRead, type OpenBackup, withBackup } from "../../../src/ops/restore/get.ts";
import { verifyBackup } from "../../../src/ops/restore/verify_backup.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import {
  accessTo,
  concat,
  fakeWorld,
  getBytes,
  macrotask,
  memoryRepository,
  namesOf,
  noise,
  putBytes,
  readAllBackups,
  type ReadBackup,
  sqlDump,
} from "../../helpers/world.ts";
import { locked } from "../../helpers/locked.ts";

const DATA = concat([noise(3_000_000, "get"), new Uint8Array(1_000_000), noise(500_000, "get")]);

const world = fakeWorld();
const { store, access } = await memoryRepository(world);
await putBytes(access, world, DATA);

/** Reads the stream into a sink, on any store. */
function readTo(sink: StreamSink, { on = store, signal = new AbortController().signal, noLock = false }: {
  on?: BlobStore;
  signal?: AbortSignal;
  noLock?: boolean;
} = {}) {
  return withBackup(accessTo(on), { selector: "prod/shop", noLock }, { world, signal }, ({ files, read }) => {
    return read(chooseFile(files, undefined), sink);
  });
}

Deno.test("a file is chosen by its path, also as restic writes it, or by the end of its path", () => {
  const content = { size: 0, expected: null, contents: async function* () {} };
  const files = ["srv/a", "srv/shop.sql", "tmp/srv/a"].map((path) => ({ path, ...content }));
  const chosen = (name: string) => chooseFile(files, name).path;
  assert.deepEqual(["/srv/a", "srv/shop.sql", "shop.sql"].map(chosen), ["srv/a", "srv/shop.sql", "srv/shop.sql"]);
  for (const name of ["/shop.sql", "a", "hop.sql"]) assert.throws(() => chosen(name), UsageError, name);
});

Deno.test("a stream is chosen by its path as files prints it, unless that is the whole path of another", () => {
  const content = { size: 0, contents: async function* () {} };
  const stream = (path: string) => ({
    ...content,
    path: `prod/shop/${path}`,
    expected: { path, size: 0, md5: "", sha256: "", blobs: 0, guard: null },
  });
  const files = ["data", "level/data", "prod/shop/data"].map(stream);
  const chosen = (name: string) => chooseFile(files, name).expected?.path;
  assert.deepEqual(["/data", "/level/data", "/prod/shop/data", "/prod/shop/prod/shop/data"].map(chosen), [
    "data",
    "level/data",
    "data",
    "prod/shop/data",
  ]);
  for (const name of ["/shop/data", "/dat", "/level", "data"]) assert.throws(() => chosen(name), UsageError, name);
});

Deno.test("a slow sink gets everything in order, and what was read is told", async () => {
  const pieces: Uint8Array[] = [];
  const { summary, file } = await readTo({
    async write(bytes) {
      const before = bytes.slice(0, 100);
      for (let i = 0; i < 5; i++) await macrotask();
      assert.deepEqual(bytes.slice(0, 100), before, "the bytes changed while they were written");
      pieces.push(bytes.slice());
    },
  });
  const read = concat(pieces);
  assert.ok(read.length === DATA.length && read.every((byte, i) => byte === DATA[i]));
  assert.equal(summary.size, DATA.length);
  assert.equal(file.expected?.sha256, summary.sha256);
});

Deno.test("an error of the sink ends the reading, and lock and threads are gone", async () => {
  let writes = 0;
  const full = () => ++writes === 2 ? Promise.reject(new RangeError("disk full")) : Promise.resolve();
  await assert.rejects(readTo({ write: full }), { message: "disk full" });
  assert.equal(writes, 2);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("a reading can be stopped", async () => {
  const abort = new AbortController();
  const write = () => Promise.resolve(abort.abort());
  await assert.rejects(readTo({ write }, { signal: abort.signal }), InterruptedError);
  assert.deepEqual(await namesOf(store, "lock"), []);
});

Deno.test("where the latest backup claims to be of the future the world is told, and gets it all the same", async () => {
  const ahead = fakeWorld("ahead");
  const { access } = await memoryRepository(ahead);
  await putBytes(access, ahead, DATA);
  const problems: string[] = [];
  const told = { ...ahead, onProblem: ({ message }: Error) => void problems.push(message) };
  await getBytes(access, told, "prod/shop");
  assert.deepEqual(problems, []);
  ahead.clock.adjust(-3_600_000);
  const bytes = await getBytes(access, told, "prod/shop");
  assert.ok(bytes.length === DATA.length && bytes.every((byte, i) => byte === DATA[i]));
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /"prod\/shop", [0-9a-f]{8}, claims to have begun in the future, at 20.*is a clock wrong/);
});

Deno.test("without a lock nothing is written to the store", async () => {
  const faulty = withFaults(store, () => undefined);
  await readTo({ write: () => Promise.resolve() }, { on: faulty, noLock: true });
  assert.ok(faulty.calls.every(({ method }) => method === "get" || method === "list" || method === "size"));
});

Deno.test("a pack that is gone fails the reading before anything wrong is given", async () => {
  const damaged = withFaults(store, () => undefined);
  const get = damaged.get.bind(damaged);
  let reads = 0;
  damaged.get = (file, range, options) => {
    const isLate = file.kind === "pack" && (range?.length ?? 0) > 100_000 && ++reads > 2;
    return get(isLate ? { ...file, name: "0".repeat(64) } : file, range, options);
  };
  let bytesWritten = 0;
  const write = (bytes: Uint8Array) => {
    assert.ok(bytes.every((byte, i) => byte === DATA[bytesWritten + i]));
    bytesWritten += bytes.length;
    return Promise.resolve();
  };
  await assert.rejects(readTo({ write }, { on: damaged }), IntegrityError);
  assert.ok(bytesWritten < DATA.length);
});

Deno.test("a stream that repeats is read once where it repeats in a batch", async () => {
  const faulty = withFaults(store, () => undefined);
  const get = faulty.get.bind(faulty);
  let bytesRead = 0;
  faulty.get = async (file, range, options) => {
    const bytes = await get(file, range, options);
    if (file.kind === "pack") bytesRead += bytes.length;
    return bytes;
  };
  await readTo({ write: () => Promise.resolve() }, { on: faulty });
  assert.ok(bytesRead < DATA.length - 800_000, `${bytesRead} bytes were read`);
});

for (const [what, forged] of [["md5", "0".repeat(32)], ["sha256", "0".repeat(64)], ["size", 5_000_001]] as const) {
  Deno.test(`a stream whose ${what} is not what its manifest says is damaged, though every blob is whole`, async () => {
    const { store, repository, access } = await memoryRepository(world);
    await putBytes(access, world, DATA);
    const [{ manifest, backup }] = await readAllBackups(store, world) as [ReadBackup];
    const index = await loadIndex(repository.files);
    const node = (await findNode({ ...repository, index }, backup.snapshot.tree, "prod/shop/data"))!;
    world.clock.jump(3_600_000);
    const { clock, identity, programVersion, randomBytes } = world;
    await commitBackup({
      repository: locked(repository),
      index,
      identity,
      programVersion,
      writer: new PackWriter({ repository: locked(repository), index: new BlobSet(index), clock, randomBytes }),
      items: [{ path: DEFAULT_FILE_NAME, size: node.size, content: { chunks: 1, content: node.content! } }],
      manifest: {
        ...manifest,
        started: formatTimestamp(clock.now()),
        files: [{ ...manifest.files[0]!, [what]: forged }],
      },
      parent: undefined,
      confirm: () => Promise.resolve(),
    });
    const reading = (work: (open: OpenBackup) => Promise<unknown>) =>
      withBackup(access, { selector: "prod/shop", noLock: false }, { world }, work);
    const isDamage = { code: "integrity", message: /do not use it/ };
    const nowhere = { write: () => Promise.resolve() };
    await assert.rejects(reading(({ files, read }) => read(files[0]!, nowhere, { md5: true })), isDamage);
    await assert.rejects(reading((open) => verifyBackup(open, {})), isDamage);
    if (what === "md5") assert.deepEqual(await getBytes(access, world, "prod/shop"), DATA);
    else await assert.rejects(getBytes(access, world, "prod/shop"), isDamage);
    const archive = (md5: boolean) =>
      writeArchiveOf(access, { selector: "prod/shop", noLock: false, format: "tar", md5 }, nowhere, { world });
    await assert.rejects(archive(true), IntegrityError);
    if (what !== "md5") await assert.rejects(archive(false), IntegrityError);
    else assert.equal((await archive(false)).compared, 1);
  });
}

Deno.test("the MD5 of a stream is computed only if it is asked for", async () => {
  const md5Of = (how: HowToRead) =>
    withBackup(access, { selector: "prod/shop", noLock: false }, { world }, async ({ files, read }) => {
      const { summary, file } = await read(files[0]!, { write: () => Promise.resolve() }, how);
      return [summary.md5, file.expected!.md5];
    });
  assert.equal((await md5Of({}))[0], null);
  const [computed, expected] = await md5Of({ md5: true });
  assert.equal(computed, expected);
});

Deno.test("what is not there is a wrong use, told before anything is read", async () => {
  for (const selector of ["prod/other", "@00000000", "prod/shop@2000-01-01"]) {
    await assert.rejects(getBytes(access, world, selector), UsageError);
  }
  await assert.rejects(getBytes(access, world, "@"), UsageError);
});

Deno.test("a file is chosen by its path or the end of it", () => {
  const file = (path: string) => ({ path, size: 0, expected: null, contents: () => null as never });
  const files = [file("a/db.sql"), file("a/db.sql.gz"), file("b/db.sql")];
  assert.equal(chooseFile(files, "db.sql.gz"), files[1]);
  assert.equal(chooseFile(files, "a/db.sql"), files[0]);
  assert.equal(chooseFile(files.slice(1, 2), undefined), files[1]);
  for (const [some, name] of [[files, undefined], [files, "db.sql"], [files, "sql"], [[], undefined]] as const) {
    assert.throws(() => chooseFile(some, name), UsageError);
  }
});

Deno.test("a backup without a dump's end can still be read: guards are for putting", async () => {
  const half = sqlDump(100, "half").subarray(0, 4000);
  const other = await memoryRepository(world);
  await putBytes(other.access, world, half, { guard: "none" });
  assert.deepEqual(await getBytes(other.access, world, "prod/shop"), half);
});
