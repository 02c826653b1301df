/** Computes medians from measurements. Pure arithmetic. */
import type { PeerKind } from "../tools/peers.ts";
import type { Sample, Step } from "../tools/trial.ts";

/** The quantities measured in each step. */
export type Quantity = "wallSeconds" | "cpuSeconds" | "peakBytes" | "bytesAdded";

/** The name and kind of a tool. */
export interface PeerName {
  readonly kind: PeerKind;
  readonly name: string;
}

/** Medians over all rounds, for each tool, step and quantity. */
export class Medians {
  readonly #samples: readonly Sample[];

  constructor(readonly peers: readonly PeerName[], samples: readonly Sample[]) {
    this.#samples = samples;
  }

  /** The median. Throws `RangeError` if nothing was measured. */
  of(peer: PeerName, step: Step, quantity: Quantity): number {
    const values = this.#samples
      .filter((sample) => sample.peer === peer.name && sample.step === step)
      .map((sample) => sample[quantity]);
    return median(values);
  }

  /** Whether the tool does this step. */
  has(peer: PeerName, step: Step): boolean {
    return this.#samples.some((sample) => sample.peer === peer.name && sample.step === step);
  }

  /** The tool under test, if it took part. */
  get agent(): PeerName | undefined {
    return this.peers.find(({ kind }) => kind === "agent");
  }

  /** The newest tool of a kind, which is the first of them, or none. */
  newestOfKind(kind: PeerKind): PeerName[] {
    return this.peers.filter((peer) => peer.kind === kind).slice(0, 1);
  }
}

/**
 * The middle value; for an even number of values, the mean of the two in the middle. Throws `RangeError` if there are
 * none.
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("No median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
