/** From measurements to medians: pure arithmetic. */
import type { PeerKind } from "./peers.ts";
import type { Sample, Step } from "./trial.ts";

/** What is measured of a step. */
export type Quantity = "wallSeconds" | "cpuSeconds" | "peakBytes" | "bytesAdded";

/** The name and kind of a tool. */
export interface PeerName {
  readonly kind: PeerKind;
  readonly name: string;
}

/** Medians over all rounds, of each tool, step and quantity. */
export class Medians {
  readonly #samples: readonly Sample[];

  constructor(readonly peers: readonly PeerName[], samples: readonly Sample[]) {
    this.#samples = samples;
  }

  /** The median; throws `RangeError` where nothing was measured. */
  of(peer: PeerName, step: Step, quantity: Quantity): number {
    const values = this.#samples
      .filter((sample) => sample.peer === peer.name && sample.step === step)
      .map((sample) => sample[quantity]);
    return median(values);
  }

  /** The tool under test, if it took part. */
  get agent(): PeerName | undefined {
    return this.peers.find(({ kind }) => kind === "agent");
  }

  /** All tools of a kind. */
  ofKind(kind: PeerKind): PeerName[] {
    return this.peers.filter((peer) => peer.kind === kind);
  }
}

/** The middle value, of an even number the mean of the two in the middle. Throws `RangeError` for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("No median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
