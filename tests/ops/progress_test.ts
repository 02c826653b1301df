/** What put, get and verify tell of how far they are. */
import { strict as assert } from "node:assert";
import { chooseFile, type GetProgress, withBackup } from "../../src/ops/restore/get.ts";
import { put, type PutProgress } from "../../src/ops/put.ts";
import { TreeEngine } from "../engine/tree_engine.ts";
import { BytesSource, fakeWorld, memoryRepository, noise, putBytes, putRequest } from "../helpers/world.ts";

const SIGNAL = new AbortController().signal;

Deno.test("a put tells of the first byte, of all that it reads, and of the size that the stream had before", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const tell = async (bytes: Uint8Array) => {
    const steps: PutProgress[] = [];
    await putBytes(access, world, bytes, {}, { onProgress: (step) => steps.push(step) });
    return steps;
  };
  const first = await tell(noise(300_000, "first"));
  assert.ok(first.every(({ bytesBefore }) => bytesBefore === null));
  assert.deepEqual(first.at(-1), { phase: "commit", bytesRead: 300_000, bytesAdded: 300_000, bytesBefore: null });
  const second = await tell(noise(200_000, "second"));
  assert.deepEqual([...new Set(second.map(({ phase }) => phase))], ["stream", "commit"]);
  assert.deepEqual(second.at(-1), { phase: "commit", bytesRead: 200_000, bytesAdded: 200_000, bytesBefore: 300_000 });
  const counts = second.map(({ bytesRead }) => bytesRead);
  assert.deepEqual(counts, counts.toSorted((a, b) => a - b));
  assert.ok(counts[0]! < 200_000, "told before all was read");
  const third = await tell(noise(100_000, "third"));
  assert.equal(third.at(-1)!.bytesBefore, 200_000, "the newest counts");
});

Deno.test("a put of files that did not change tells of them from the first moment, and how many there were before", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  const engine = new TreeEngine({ etc: { passwd: noise(1000, "passwd"), group: noise(500, "group") } });
  const tell = async () => {
    const steps: PutProgress[] = [];
    const request = { ...putRequest(new BytesSource(new Uint8Array(0))), input: engine.input() };
    await put(access, request, { world, signal: SIGNAL, onProgress: (step) => steps.push(step) });
    return steps.filter(({ tree }) => tree !== undefined);
  };
  const first = await tell();
  assert.deepEqual([first[0]!.phase, first[0]!.bytesBefore, first[0]!.filesBefore], ["stream", null, null]);
  world.clock.jump(3_600_000);
  const [begun, ...later] = await tell();
  assert.deepEqual([begun!.phase, begun!.bytesBefore, begun!.filesBefore], ["stream", 1500, 2]);
  assert.equal(begun!.tree!.files.unmodified, 0);
  const end = later.at(-1)!;
  assert.deepEqual([end.phase, end.bytesRead, end.tree!.bytes], ["commit", 0, 1500]);
  assert.deepEqual(end.tree!.files, { new: 0, changed: 0, unmodified: 2 });
});

Deno.test("a get tells of the indexes, then of the stream to its end", async () => {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  await putBytes(access, world, noise(1_500_000, "get"));
  const steps: GetProgress[] = [];
  const options = { signal: SIGNAL, noLock: false, onProgress: (step: GetProgress) => void steps.push(step) };
  await withBackup(
    access,
    { selector: "prod/shop", ...options },
    { world, ...options },
    async ({ files, read, checkChain }) => {
      await read(chooseFile(files, undefined), { write: () => Promise.resolve() });
      await checkChain();
    },
  );
  const [opening, ...reading] = steps;
  assert.deepEqual(opening, { phase: "indexes", bytesWritten: 0, bytesTotal: 0 });
  assert.ok(reading.every(({ phase }) => phase === "stream"));
  assert.deepEqual(reading.at(-1), { phase: "stream", bytesWritten: 1_500_000, bytesTotal: 1_500_000 });
});
