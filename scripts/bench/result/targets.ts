/** The project's performance targets, and whether they are met: pure decisions on medians. */
import type { Medians, PeerName, Quantity } from "./medians.ts";
import type { PeerKind } from "../tools/peers.ts";
import { type Step, STEPS } from "../tools/trial.ts";

/** The limit for the agent's peak memory, in all steps. */
const PEAK_BYTES = 250e6;

/** A target of the form: another tool takes at least `atLeast` times as much as the agent. */
interface RatioTarget {
  readonly step: Step;
  readonly quantity: Quantity;
  readonly against: PeerKind;
  readonly atLeast: number;
  /** The target in words, completed by the other tool's name. */
  readonly words: string;
}

const RATIO_TARGETS: readonly RatioTarget[] = [
  { step: "first put", quantity: "wallSeconds", against: "restic", atLeast: 1.3, words: "first put 1.3x as fast as" },
  { step: "second put", quantity: "wallSeconds", against: "restic", atLeast: 2.5, words: "second put 2.5x as fast as" },
  { step: "get", quantity: "wallSeconds", against: "restic", atLeast: 1.3, words: "get 1.3x as fast as" },
  { step: "second put", quantity: "bytesAdded", against: "restic", atLeast: 5, words: "second put adds 1/5 of" },
  { step: "first put", quantity: "wallSeconds", against: "borg", atLeast: 1, words: "first put no slower than" },
  { step: "second put", quantity: "wallSeconds", against: "borg", atLeast: 1, words: "second put no slower than" },
];

/** A target and its result. */
export interface Verdict {
  readonly target: string;
  /** The measured value, in words. */
  readonly measured: string;
  readonly met: boolean;
}

/** Every target that can be judged: none without the agent, and one comparison for each tool that took part. */
export function judge(medians: Medians): Verdict[] {
  const { agent } = medians;
  if (agent === undefined) return [];
  const ratios = RATIO_TARGETS.flatMap((target) => {
    return medians.ofKind(target.against).map((other) => judgeRatio(medians, target, agent, other));
  });
  return [...ratios, judgePeak(Math.max(...STEPS.map((step) => medians.of(agent, step, "peakBytes"))))];
}

function judgeRatio(medians: Medians, target: RatioTarget, agent: PeerName, other: PeerName): Verdict {
  const ratio = medians.of(other, target.step, target.quantity) / medians.of(agent, target.step, target.quantity);
  const measured = target.quantity === "bytesAdded" ? `1/${ratio.toFixed(1)}` : `${ratio.toFixed(2)}x`;
  return { target: `${target.words} ${other.name}`, measured, met: ratio >= target.atLeast };
}

/** Over HTTP, the agent must be no slower than another client of the same server. */
const REMOTE_TARGETS: readonly RatioTarget[] = STEPS.map((step) => {
  return { step, quantity: "wallSeconds", against: "restic", atLeast: 1, words: `${step} no slower than` };
});

/** The share of its local speed that a first put must keep if the server is near. */
const LEAST_OF_LOCAL = 0.85;

/**
 * Every target of a comparison over HTTP that can be judged. `local` has the agent's local speed in the same rounds.
 */
export function judgeRemote(remote: Medians, local: Medians, roundTripMs: number): Verdict[] {
  const { agent } = remote;
  if (agent === undefined || local.agent === undefined) return [];
  const ratios = REMOTE_TARGETS.flatMap((target) => {
    return remote.ofKind(target.against).map((other) => judgeRatio(remote, target, agent, other));
  });
  if (roundTripMs > 0) return ratios;
  const share = local.of(local.agent, "first put", "wallSeconds") / remote.of(agent, "first put", "wallSeconds");
  const ofLocal = {
    target: `first put at ${LEAST_OF_LOCAL * 100} % of the local speed or more`,
    measured: `${(share * 100).toFixed(0)} %`,
    met: share >= LEAST_OF_LOCAL,
  };
  return [ofLocal, ...ratios];
}

/** Judges whether memory stayed within its limit. */
export function judgePeak(bytes: number): Verdict {
  return {
    target: `peak memory at most ${PEAK_BYTES / 1e6} MB`,
    measured: `${(bytes / 1e6).toFixed(0)} MB`,
    met: bytes <= PEAK_BYTES,
  };
}
