/** The project's performance targets, and whether they are met: pure decisions on medians. */
import type { PeerKind } from "../tools/peers.ts";
import { type Step, STEPS } from "../tools/trial.ts";
import type { Medians, PeerName, Quantity } from "./medians.ts";

/** What a measured value must reach, and what is hoped for. */
export interface Bounds {
  readonly must: number;
  readonly goal: number;
}

/** A target and its result. */
export interface Verdict {
  readonly target: string;
  /** The measured value, in words. */
  readonly measured: string;
  readonly met: boolean;
  /** What must be reached and what is hoped for, if the target has both; and whether it is the latter. */
  readonly bounds?: Bounds;
  readonly reachesGoal?: boolean;
}

/** The limit for the peak memory of every put and get. */
const PEAK_BYTES: Bounds = { must: 240e6, goal: 200e6 };

/** Times as fast as another tool: its seconds by ours. */
interface SpeedTarget {
  readonly step: Step;
  readonly against: PeerKind;
  readonly bounds: Bounds;
}

const SPEED_TARGETS: readonly SpeedTarget[] = [
  { step: "first put", against: "restic", bounds: { must: 1.2, goal: 1.35 } },
  { step: "first put", against: "borg", bounds: { must: 1.25, goal: 1.4 } },
  { step: "second put", against: "restic", bounds: { must: 1.9, goal: 2.2 } },
  { step: "second put", against: "borg", bounds: { must: 2.0, goal: 2.4 } },
  { step: "get", against: "restic", bounds: { must: 0.8, goal: 1.0 } },
  { step: "get", against: "guest", bounds: { must: 1.25, goal: 1.4 } },
];

/** The same for a distant server. */
const REMOTE_SPEED_TARGETS: readonly SpeedTarget[] = [
  { step: "first put", against: "restic", bounds: { must: 1.25, goal: 1.35 } },
  { step: "second put", against: "restic", bounds: { must: 2.0, goal: 2.3 } },
  { step: "get", against: "restic", bounds: { must: 1.0, goal: 1.2 } },
];

/** Bytes added by the second night as a share of another tool's. */
const BYTES_TARGET = { step: "second put", against: "restic", bounds: { must: 0.16, goal: 0.12 } } as const;

/**
 * Every target that can be judged: none without the agent, and one comparison for each kind of tool that took part, with
 * its newest version.
 */
export function judge(medians: Medians): Verdict[] {
  const { agent } = medians;
  if (agent === undefined) return [];
  const speeds = SPEED_TARGETS.flatMap((target) => judgeSpeeds(medians, target, agent));
  const { step, against, bounds } = BYTES_TARGET;
  const bytes = medians.newestOfKind(against).map((other) => {
    const [ours, theirs] = [medians.of(agent, step, "bytesAdded"), medians.of(other, step, "bytesAdded")];
    return judgeAtMost(`${step}: bytes added / ${other.name}`, { ratio: ours / theirs, bounds });
  });
  return [...speeds, ...bytes, judgePeakOf(medians, agent)];
}

function judgePeakOf(medians: Medians, agent: PeerName): Verdict {
  return judgePeak(Math.max(...STEPS.map((step) => medians.of(agent, step, "peakBytes"))));
}

function judgeSpeeds(medians: Medians, { step, against, bounds }: SpeedTarget, agent: PeerName): Verdict[] {
  return medians.newestOfKind(against).map((other) => {
    const ratio = (quantity: Quantity) => medians.of(other, step, quantity) / medians.of(agent, step, quantity);
    const measured = { ratio: ratio("wallSeconds"), cpuRatio: ratio("cpuSeconds"), bounds };
    return judgeAtLeast(`${step}: as fast as ${other.name}`, measured);
  });
}

/** The share of its local speed that a first put must keep if the server is near. */
const LEAST_OF_LOCAL = 0.85;
/** With a near server, the agent must be no slower than another client. */
const NO_SLOWER: Bounds = { must: 1, goal: 1 };

/**
 * Every target of a comparison over HTTP that can be judged. `local` has the agent's local speed in the same rounds.
 */
export function judgeRemote(remote: Medians, local: Medians, roundTripMs: number): Verdict[] {
  const { agent } = remote;
  if (agent === undefined || local.agent === undefined) return [];
  const isNear = roundTripMs === 0;
  const speeds = REMOTE_SPEED_TARGETS.flatMap((target) => {
    return judgeSpeeds(remote, isNear ? { ...target, bounds: NO_SLOWER } : target, agent);
  });
  const peak = judgePeakOf(remote, agent);
  if (!isNear) return [...speeds, peak];
  const share = local.of(local.agent, "first put", "wallSeconds") / remote.of(agent, "first put", "wallSeconds");
  const ofLocal = {
    target: `first put at ${LEAST_OF_LOCAL * 100} % of the local speed or more`,
    measured: `${(share * 100).toFixed(0)} %`,
    met: share >= LEAST_OF_LOCAL,
  };
  return [ofLocal, ...speeds, peak];
}

/** A ratio of medians, and the same of processor time, which says more if the machine is busy. */
interface Measured {
  readonly ratio: number;
  readonly cpuRatio?: number;
  readonly bounds: Bounds;
}

/** Judges a ratio that must be at least so large. */
export function judgeAtLeast(target: string, { ratio, cpuRatio, bounds }: Measured): Verdict {
  const result = { met: ratio >= bounds.must, reachesGoal: ratio >= bounds.goal };
  return { target, measured: inWords(ratio, cpuRatio), bounds, ...result };
}

/** Judges a ratio that must be at most so large. */
export function judgeAtMost(target: string, { ratio, cpuRatio, bounds }: Measured): Verdict {
  const result = { met: ratio <= bounds.must, reachesGoal: ratio <= bounds.goal };
  return { target: `${target} (at most)`, measured: inWords(ratio, cpuRatio), bounds, ...result };
}

function inWords(ratio: number, cpuRatio: number | undefined): string {
  // Shares are small, and their bounds have two decimals.
  return cpuRatio === undefined ? ratio.toPrecision(3) : `${ratio.toFixed(2)} (CPU ${cpuRatio.toFixed(2)})`;
}

/** Judges whether the memory of puts and gets stayed within its limit. */
export function judgePeak(bytes: number): Verdict {
  const inMegabytes = { must: PEAK_BYTES.must / 1e6, goal: PEAK_BYTES.goal / 1e6 };
  const verdict = judgeAtMost("peak memory, MB", { ratio: bytes / 1e6, bounds: inMegabytes });
  return { ...verdict, measured: (bytes / 1e6).toFixed(0) };
}
