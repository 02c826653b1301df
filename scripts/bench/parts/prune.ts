/** Prunes of one repository by the agent and by restic: time and memory, with and without anything to remove. */
import { join } from "node:path";
import { run } from "../tools/invocation.ts";
import { measureWithFile, type Usage } from "../tools/measure.ts";
import type { Peer, PeerRepository } from "../tools/peers.ts";
import { makePrunable, type PrunableShape } from "../made/prune_repository.ts";
import { alignColumns } from "../result/report.ts";
import type { Verdict } from "../result/targets.ts";

/** The steps: a prune with all backups present, and one after nine of ten were forgotten. */
export const PRUNE_STEPS = ["nothing to do", "9 of 10 gone"] as const;
type PruneStep = (typeof PRUNE_STEPS)[number];

/** The measurement of one prune. */
export interface PruneSample extends Usage {
  readonly step: PruneStep;
  readonly peer: string;
  /** Bytes of all packs before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

const PASSWORD = "bench";

/** Makes the repository and lets each tool prune copies of it. Throws if a tool fails, or a check of its result. */
export async function measurePrunes(
  peers: readonly Peer[],
  shape: PrunableShape,
  directory: string,
  onSample: (sample: PruneSample) => void,
): Promise<PruneSample[]> {
  const origin = join(directory, "origin");
  const snapshots = await makePrunable(origin, PASSWORD, shape);
  const samples: PruneSample[] = [];
  for (const step of PRUNE_STEPS) {
    if (step === "9 of 10 gone") {
      for (const id of snapshots.filter((_, n) => n % 10 !== 9)) await Deno.remove(join(origin, "snapshots", id));
    }
    for (const peer of peers) {
      const sample = await measureOne(peer, step, origin, directory);
      onSample(sample);
      samples.push(sample);
    }
  }
  return samples;
}

async function measureOne(peer: Peer, step: PruneStep, origin: string, directory: string): Promise<PruneSample> {
  const own = await Deno.makeTempDir({ dir: directory });
  const repository = peer.repository(own);
  // Files of a repository are never modified, so hard links serve as a copy.
  await run({ argv: ["cp", "-al", origin, repository.path], env: {} });
  await Deno.writeTextFile(join(own, "password"), PASSWORD);
  const bytesBefore = await packBytes(repository.path);
  const usage = await measureWithFile(invocation(repository, "prune", "--quiet"), "/dev/null", own);
  const bytesAfter = await packBytes(repository.path);
  await run(invocation(repository, "check", "--quiet"));
  await Deno.remove(own, { recursive: true });
  return { step, peer: peer.name, ...usage, bytesBefore, bytesAfter };
}

/** The agent and restic use the same command names. */
function invocation({ init: { argv, env } }: PeerRepository, ...args: readonly string[]) {
  return { argv: [argv[0]!, ...args], env };
}

async function packBytes(repository: string): Promise<number> {
  const text = await run({ argv: ["du", "--bytes", "--summarize", join(repository, "data")], env: {} });
  return Number(text.split("\t")[0]);
}

/** A table: a row for each quantity of each step, a column for each tool. */
export function formatPrunes(samples: readonly PruneSample[], shape: PrunableShape): string {
  const peers = [...new Set(samples.map(({ peer }) => peer))];
  const rows = PRUNE_STEPS.flatMap((step) => {
    const cells = (value: (sample: PruneSample) => string) => {
      return peers.map((peer) => value(samples.find((sample) => sample.step === step && sample.peer === peer)!));
    };
    return [
      [`${step}   s`, ...cells(({ wallSeconds }) => wallSeconds.toFixed(2))],
      ["   CPU s", ...cells(({ cpuSeconds }) => cpuSeconds.toFixed(2))],
      ["   peak MB", ...cells(({ peakBytes }) => (peakBytes / 1e6).toFixed(0))],
      ["   packs before, MB", ...cells(({ bytesBefore }) => (bytesBefore / 1e6).toFixed(0))],
      ["   packs after, MB", ...cells(({ bytesAfter }) => (bytesAfter / 1e6).toFixed(0))],
    ];
  });
  const blobs = shape.backups * shape.chunksEach;
  return `${shape.backups} backups, ${blobs} chunks\n${alignColumns([["prune", ...peers], ...rows])}`;
}

/** The limit for the agent's peak memory. */
const PEAK_BYTES = 500e6;

/** The targets: bounded memory, and no slower than the restics compared with. `agent` is the agent's name. */
export function judgePrunes(samples: readonly PruneSample[], agent: string): Verdict[] {
  const ours = samples.filter(({ peer }) => peer === agent);
  if (ours.length === 0) return [];
  const peak = Math.max(...ours.map(({ peakBytes }) => peakBytes));
  const memory = {
    target: `prune: peak memory at most ${PEAK_BYTES / 1e6} MB`,
    measured: `${(peak / 1e6).toFixed(0)} MB`,
    met: peak <= PEAK_BYTES,
  };
  const others = samples.filter(({ peer }) => peer !== agent);
  return [memory, ...others.map((other) => judgeTime(ours.find(({ step }) => step === other.step)!, other))];
}

function judgeTime(ours: PruneSample, other: PruneSample): Verdict {
  const ratio = other.wallSeconds / ours.wallSeconds;
  const target = `prune, ${ours.step}: no slower than ${other.peer}`;
  return { target, measured: `${ratio.toFixed(2)}x`, met: ratio >= 1 };
}
