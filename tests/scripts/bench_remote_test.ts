/** What the benchmark makes of measurements on servers: verdicts, percentiles, load, and what a tool is told. */
import assert from "node:assert/strict";
import { formatLoad, judgeLoad, type LoadResult, percentile } from "../../scripts/bench/parts/load.ts";
import { Medians, type PeerName } from "../../scripts/bench/result/medians.ts";
import { resticPeer } from "../../scripts/bench/tools/peers.ts";
import { judgeRemote } from "../../scripts/bench/result/targets.ts";
import { type Sample, STEPS } from "../../scripts/bench/tools/trial.ts";
import { programTest } from "../helpers/programs.ts";

const LOCAL: PeerName = { kind: "agent", name: "agent local" };
const AGENT: PeerName = { kind: "agent", name: "agent at 0 ms" };
const RESTIC: PeerName = { kind: "restic", name: "restic at 0 ms" };

/** One round of each tool, which takes so many seconds for every step. */
function medians(...tools: readonly (readonly [PeerName, number])[]): Medians {
  const samples = tools.flatMap(([{ name }, wallSeconds]): Sample[] => {
    return STEPS.map((step) => ({
      round: 1,
      peer: name,
      step,
      wallSeconds,
      cpuSeconds: 1,
      peakBytes: 1,
      bytesAdded: 1,
    }));
  });
  return new Medians(tools.map(([peer]) => peer), samples);
}

Deno.test("judgeRemote() compares with restic at every distance, and next door with the local speed", () => {
  const verdicts = judgeRemote(medians([AGENT, 2], [RESTIC, 1.9]), medians([LOCAL, 1.72]), 0);
  assert.deepEqual(verdicts.map(({ target, measured, met }) => [target, measured, met]), [
    ["first put at 85 % of the local speed or more", "86 %", true],
    ["first put: as fast as restic at 0 ms", "0.95 (CPU 1.00)", false],
    ["second put: as fast as restic at 0 ms", "0.95 (CPU 1.00)", false],
    ["get: as fast as restic at 0 ms", "0.95 (CPU 1.00)", false],
    ["peak memory, MB (at most)", "0", true],
  ]);
  assert.equal(judgeRemote(medians([AGENT, 2], [RESTIC, 1.9]), medians([LOCAL, 1.6]), 0)[0]!.met, false);
  assert.deepEqual(judgeRemote(medians([RESTIC, 2]), medians(), 0), []);
});

Deno.test("judgeRemote() asks for more the more a far server costs: puts, least for a get", () => {
  const met = (seconds: number) => {
    return judgeRemote(medians([AGENT, 2], [RESTIC, seconds]), medians([LOCAL, 1]), 20).map(({ met }) => met);
  };
  assert.deepEqual([met(1.9), met(2), met(2.5), met(4)], [
    [false, false, false, true],
    [false, false, true, true],
    [true, false, true, true],
    [true, true, true, true],
  ]);
});

Deno.test("percentile() is the least value that so many do not exceed", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual([0, 0.5, 0.99, 1].map((share) => percentile(values, share)), [1, 50, 99, 100]);
  assert.equal(percentile([7], 0.99), 7);
  assert.throws(() => percentile([], 0.5), RangeError);
});

const LOAD: LoadResult = {
  clients: 64,
  seconds: 10,
  callMs: { config: [1, 2, 3], "put pack": [100] },
  errors: [],
  bytesSent: 50e6,
  bytesReceived: 20e6,
  serverPeakBytes: 120e6,
};

Deno.test("formatLoad() shows the calls that were made, and what they add up to", () => {
  assert.equal(
    formatLoad(LOAD),
    [
      "64 clients, 10 s: 0 calls/s, 5 MB/s up, 2 MB/s down, server at most 120 MB",
      "calls      count   p50 ms   p99 ms   max ms",
      "config         3      2.0      3.0      3.0",
      "put pack       1    100.0    100.0    100.0",
      "all            4      2.0    100.0    100.0",
    ].join("\n"),
  );
});

Deno.test("judgeLoad() takes no error, and the report shows what they are", () => {
  assert.equal(judgeLoad(LOAD).met, true);
  const failed = { ...LOAD, errors: ["put pack: the server is in trouble"] };
  assert.equal(judgeLoad(failed).met, false);
  assert.match(formatLoad(failed), /\nput pack: the server is in trouble\n/);
});

programTest({
  name: "a tool is told the URL of a repository on a server, and its files are looked for where they are",
  needs: ["restic"],
  async fn({ restic }) {
    const place = { path: "/srv/served/own", url: "rest:http://127.0.0.1:8000/own/" };
    const { path, init } = (await resticPeer(restic)).repository("/tmp/own", place);
    assert.deepEqual([path, init.env["RESTIC_REPOSITORY"]], [place.path, place.url]);
    const local = (await resticPeer(restic)).repository("/tmp/own");
    assert.deepEqual([local.path, local.init.env["RESTIC_REPOSITORY"]], ["/tmp/own/repository", "/tmp/own/repository"]);
  },
});
