/** Several streams in one put: what becomes of them, in which order they are read, and what is refused. */
import assert from "node:assert/strict";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { SourceError, UsageError } from "../../src/base/errors.ts";
import { deferredSource } from "../../src/engine/stream/deferred.ts";
import { put } from "../../src/ops/put.ts";
import { readFiles } from "../helpers/read_files.ts";
import { thrownBy } from "../helpers/thrown.ts";
import { BytesSource, ENGINE, fakeWorld, memoryRepository, noise, putRequest, sqlDump } from "../helpers/world.ts";
import { putStreams, stream, type Streams } from "./put_streams_fixture.ts";

Deno.test("streams of all sizes become one backup, however many are read at once", async (test) => {
  const contents = new Map([
    ["a/deep/one.sql", sqlDump(400, "one")],
    ["a/two.sql", sqlDump(900, "two")],
    ["big", noise(1_700_000, "big")],
    ["empty", new Uint8Array(0)],
    ["z.sql", sqlDump(3, "z")],
  ]);
  for (const jobs of [1, 2, 5, 40]) {
    await test.step(`${jobs} at once`, async () => {
      const world = fakeWorld();
      const { access } = await memoryRepository(world);
      const streams = [...contents].reverse().map(([path, bytes]) => stream(path, bytes, "auto"));
      const { manifest, problems, decision } = await putStreams(access, world, { streams, jobs, allowEmpty: true });
      assert.deepEqual(manifest.files.map(({ path }) => path), [...contents.keys()]);
      assert.deepEqual(manifest.files.map(({ guard }) => guard?.complete), [true, true, null, null, true]);
      assert.deepEqual([problems, decision.level, manifest.source], [[], 0, {}]);
      assert.equal(manifest.stats.bytesRead, [...contents.values()].reduce((sum, { length }) => sum + length, 0));
      const read = await readFiles(access, world, "prod/shop");
      assert.deepEqual(read, new Map([...contents].map(([path, bytes]) => [`prod/shop/${path}`, bytes])));
    });
  }
});

Deno.test("no more streams are open than jobs, and the next one begins in the order given", async () => {
  for (const jobs of [1, 3]) {
    const world = fakeWorld();
    const { access } = await memoryRepository(world);
    let open = 0;
    let most = 0;
    const begun: number[] = [];
    const streams = Array.from({ length: 9 }, (_, i) => {
      const source = deferredSource(() => {
        begun.push(i);
        most = Math.max(most, ++open);
        const bytes = new BytesSource(noise(30_000 + 1000 * i, `s${i}`));
        return {
          read: (target) => bytes.read(target),
          cancel: () => bytes.cancel(),
          ended: () => Promise.resolve(void open--),
        };
      });
      return stream(`s${i}`, source);
    });
    await putStreams(access, world, { streams, jobs });
    assert.equal(most, jobs);
    assert.deepEqual(begun, Array.from({ length: 9 }, (_, i) => i));
  }
});

Deno.test("a stream that ended well is not cancelled", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const sources = [new BytesSource(noise(1000, "a")), new BytesSource(noise(2000, "b"))];
  await putStreams(access, world, { streams: sources.map((source, i) => stream(`s${i}`, source)) });
  assert.deepEqual(sources.map(({ cancelled }) => cancelled), [0, 0]);
});

Deno.test("what makes no sense is refused before anything is read", async (test) => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const untouched: JudgedSource = {
    read: () => Promise.reject(new TypeError("was read")),
    cancel: () => Promise.resolve(),
    ended: () => Promise.reject(new TypeError("was judged")),
  };
  const named = (...paths: string[]) => ({ streams: paths.map((path) => stream(path, untouched)) });
  const refused: [string, Streams, RegExp][] = [
    ["two of one name", named("a", "b", "a"), /holds a file "a" already/],
    ["a stream within another's path", named("a", "a/b"), /leads through the file "a"/],
    ["the same the other way round", named("a/b", "a"), /"a" is a directory/],
    ["the directory of a level", named("level-0/a"), /"level-0" is kept/],
    ["the name of a level's directory", named("level-12"), /"level-12" is kept/],
    ["no stream", named(), /no stream/],
    ["no jobs", { ...named("a"), jobs: 0 }, /Not a number of jobs: 0/],
    ["half a job", { ...named("a"), jobs: 1.5 }, /Not a number of jobs: 1.5/],
  ];
  for (const [name, given, expected] of refused) {
    await test.step(name, async () => {
      const error = await thrownBy(putStreams(access, world, given));
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, expected);
    });
  }
  await test.step("but similar names are fine", async () => {
    const streams = ["metadata", "level-", "level-x", "a-b", "a/b", "aa"].map((path) => stream(path, noise(9, path)));
    assert.equal((await putStreams(access, world, { streams, jobs: 2 })).manifest.files.length, 6);
  });
});

Deno.test("each stream is compared with the stream of its own name, and notes name it", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const dumps = (
    rows: number,
  ) => [stream("a.sql", sqlDump(rows, "a"), "auto"), stream("b.sql", sqlDump(500, "b"), "auto")];
  await putStreams(access, world, { streams: dumps(500), jobs: 2 });
  world.clock.jump(3_600_000);
  const { manifest, warnings } = await putStreams(access, world, { streams: dumps(10), jobs: 2 });
  assert.deepEqual(manifest.files.map(({ shrunk }) => shrunk !== undefined), [true, false]);
  assert.match(warnings.join("\n"), /^"prod\/shop\/a\.sql" shrank/);
  const words = [dumps(500)[0]!, stream("b.sql", noise(40_000, "words"), "auto")];
  const error = await thrownBy(putStreams(access, world, { streams: words, jobs: 2 }));
  assert.ok(error instanceof SourceError);
  assert.match(error.message, /"prod\/shop\/b\.sql"/);
});

Deno.test("the total of the progress is that of all streams, also of those that have not begun", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const streams = () => Array.from({ length: 4 }, (_, i) => stream(`s${i}`, noise(10_000, `s${i}`)));
  const totals = new Set<number | null>();
  for (let night = 0; night < 2; night++) {
    totals.clear();
    const request = { ...putRequest(new BytesSource(noise(1, ""))), input: { engine: ENGINE, streams: streams() } };
    await put(access, request, {
      world,
      onProgress: ({ phase, bytesBefore, bytesAdded }) => {
        if (phase !== "waiting" && bytesAdded > 0 || phase === "commit") totals.add(bytesBefore);
      },
    });
    assert.deepEqual([...totals], [night === 0 ? null : 40_000]);
    world.clock.jump(3_600_000);
  }
});
