/** The benchmark's parts for one byte, for millions of blobs and for sizes of chunks: reports and targets from samples. */
import assert from "node:assert/strict";
import { formatManyBlobs, judgeManyBlobs, type ManyBlobsSample } from "../../scripts/bench/parts/many_blobs.ts";
import { formatOneByte, judgeOneByte, type OneByteSample } from "../../scripts/bench/parts/one_byte.ts";
import { formatSpace, type SpaceSample } from "../../scripts/bench/parts/space.ts";
import { guestPeer, type Peer } from "../../scripts/bench/tools/peers.ts";

Deno.test("a put of one byte is judged beside each restic by its median", () => {
  const of = (kind: OneByteSample["kind"], tool: string, seconds: number): OneByteSample[] =>
    [seconds, seconds * 9, seconds].map((wallSeconds) => {
      return { kind, tool, wallSeconds, cpuSeconds: 0.5, peakBytes: 90e6 };
    });
  const samples = [...of("agent", "agent 1", 0.5), ...of("guest", "restic 2", 0.55), ...of("guest", "restic 1", 0.4)];
  assert.match(formatOneByte(samples), /\nrestic 2 +0\.55 +0\.50 +90\n/);
  assert.deepEqual(judgeOneByte(samples).map(({ target, measured, met }) => [target, measured, met]), [
    ["put of one byte: as fast as restic 2, same key", "1.10 (CPU 1.00)", true],
    ["put of one byte: as fast as restic 1, same key", "0.80 (CPU 1.00)", false],
  ]);
  assert.deepEqual(judgeOneByte(of("guest", "restic", 1)), []);
});

/** Each step takes a second and 100 MB without blobs, and with them what is given. */
function manyBlobs(blobs: number, wallSeconds: number, peakBytes: number, resticSeconds?: number): ManyBlobsSample[] {
  const steps = ["first put of one byte", "put of one byte", "put", "get"] as const;
  const common = { cpuSeconds: 1, isAgent: true, tool: "agent 1" };
  const few = steps.map((step) => ({ step, ...common, wallSeconds: 1, peakBytes: 100e6, blobs: 0 }));
  const many = [...steps, "prune", "check"].map((step) => {
    return { step: step as ManyBlobsSample["step"], ...common, wallSeconds, peakBytes, blobs };
  });
  if (resticSeconds === undefined) return [...few, ...many];
  const restic = {
    tool: "restic 1",
    isAgent: false,
    cpuSeconds: 2,
    wallSeconds: resticSeconds,
    peakBytes: 250e6,
    blobs,
  };
  return [...few, ...many, { ...restic, step: "prune" }, { ...restic, step: "check" }];
}

Deno.test("millions of blobs are judged by what puts and gets take without them, and by restic's prune and check", () => {
  const samples = manyBlobs(5e6, 1.4, 130e6, 2);
  assert.deepEqual(judgeManyBlobs(samples).map(({ target, measured, met }) => [target, measured, met]), [
    ["put of one byte with 5 million other blobs, to none: time (at most)", "1.40 (CPU 1.00)", true],
    ["put of one byte with 5 million other blobs, to none: memory (at most)", "1.30", true],
    ["get with 5 million other blobs, to none: time (at most)", "1.40 (CPU 1.00)", false],
    ["peak memory, MB (at most)", "130", true],
    ["prune with 5 million blobs: as fast as restic 1", "1.43 (CPU 2.00)", true],
    ["prune with 5 million blobs: memory / restic 1 (at most)", "0.520", true],
    ["check with 5 million blobs: as fast as restic 1", "1.43 (CPU 2.00)", true],
    ["check with 5 million blobs: memory / restic 1 (at most)", "0.520", true],
  ]);
  assert.match(formatManyBlobs(samples), /\nprune, restic 1, 5 million blobs +2\.00 +2\.00 +250\n/);
});

Deno.test("fifty million blobs have wider bounds, and are judged without restic", () => {
  const bytePut = (blobs: number, seconds: number) => judgeManyBlobs(manyBlobs(blobs, seconds, 100e6))[0]!.met;
  assert.deepEqual([bytePut(5e6, 1.7), bytePut(50e6, 1.7), bytePut(50e6, 1.9)], [false, true, false]);
  assert.equal(judgeManyBlobs(manyBlobs(50e6, 1, 100e6)).length, 4);
});

Deno.test("sizes of chunks are compared with the largest, by the first night and by the median of the others", () => {
  const sample = (sizeKib: number, bytes: readonly number[]): SpaceSample => ({
    dump: "log",
    sizeKib,
    nights: bytes.map((bytesAdded) => ({ bytesAdded, cpuSeconds: 1 })),
    getCpuSeconds: [1],
    firstPutCpuSeconds: [2],
    blobs: 100,
    indexBytes: 1e6,
  });
  const lines = formatSpace([sample(5, [6e6, 1e6, 9e6, 2e6]), sample(10, [5e6, 4e6, 4e6, 8e6])]).split("\n");
  assert.match(lines[1]!, /^log, 5 KiB +6\.00 \(1\.20\) +2\.000 \(0\.50\) +18\.00 \(0\.86\) +2\.00 \(1\.00\)/);
});

Deno.test("a guest uses the agent's repository and password, and is asked for the agent's stream", () => {
  const restic: Peer = {
    kind: "restic",
    name: "restic 1",
    repository: (directory, place) => {
      const env = { RESTIC_REPOSITORY: place!.url, RESTIC_PASSWORD: "bench" };
      const command = (...args: readonly string[]) => ({ argv: ["restic", ...args], env });
      return { path: directory, init: command("init"), put: () => command("backup"), get: () => command("dump") };
    },
  };
  const { path, put, get } = guestPeer(restic, "/host").repository("/own");
  const env = { RESTIC_REPOSITORY: "/host/repository", RESTIC_PASSWORD_FILE: "/host/password" };
  assert.deepEqual([put(1).env, get(1).env, path], [env, env, "/own/repository"]);
  assert.deepEqual(get(1).argv.slice(-2), ["latest", "/bench/shop/data"]);
});
