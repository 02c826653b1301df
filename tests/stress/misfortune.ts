/** What may befall a command on its way: a store that fails, a power cut, somebody who interrupts it. */
import { AgentError, InterruptedError, StoreFullError } from "../../src/base/errors.ts";
import { everyNth, type FaultPlan, withFaults } from "../helpers/fault_store.ts";
import { withPowerCut } from "../helpers/power_cut_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import type { Draws } from "./draws.ts";

/** A store as a command finds it, and the signal that may stop the command. */
export interface Circumstances {
  readonly store: BlobStore;
  readonly signal: AbortSignal;
}

/** One thing that goes wrong. */
export interface Misfortune {
  /** For messages. */
  readonly name: string;
  /** The circumstances of one command whose store is `store`. */
  readonly befall: (store: BlobStore) => Circumstances;
}

/** All is well. */
export const NO_MISFORTUNE: Misfortune = {
  name: "undisturbed",
  befall: (store) => ({ store, signal: new AbortController().signal }),
};

const FULL = { type: "fail", error: new StoreFullError("no space, on purpose") } as const;

function faults(name: string, makePlan: () => FaultPlan): Misfortune {
  return { ...NO_MISFORTUNE, name, befall: (store) => NO_MISFORTUNE.befall(withFaults(store, makePlan())) };
}

function powerCut(afterChanges: number, unacknowledged: "kept" | "forgotten"): Misfortune {
  const name = `power cut after ${afterChanges} changes, the next one ${unacknowledged}`;
  return { name, befall: (store) => NO_MISFORTUNE.befall(withPowerCut(store, { afterChanges, unacknowledged })) };
}

function interruption(atCall: number): Misfortune {
  return {
    name: `interrupted at call ${atCall}`,
    befall(store) {
      const stop = new AbortController();
      const interrupt: FaultPlan = ({ number }) => {
        if (number === atCall) stop.abort(new InterruptedError());
        return undefined;
      };
      return { store: withFaults(store, interrupt), signal: stop.signal };
    },
  };
}

/** How many calls, and among them changes, a command makes to its store. */
export interface Extent {
  readonly calls: number;
  readonly changes: number;
}

/** The kinds of misfortune, each at a moment that is drawn. */
const KINDS: readonly [Drawn, ...Drawn[]] = [
  (draws, { calls }) => {
    const at = 1 + draws.below(calls);
    return faults(`call ${at} fails`, () => ({ number }) => number === at ? FULL : undefined);
  },
  (draws, { calls }) => {
    const n = 2 + draws.below(Math.ceil(calls / 2));
    return faults(`every call number ${n} fails`, () => everyNth(n, FULL));
  },
  (draws, { calls }) => {
    const at = 1 + draws.below(calls);
    return faults(
      `the answer to call ${at} is lost`,
      () => ({ number }) => number === at ? { type: "lose-answer" } : undefined,
    );
  },
  (draws, { changes }) => {
    const n = 1 + draws.below(changes);
    const isPut: Parameters<typeof everyNth>[2] = ({ method }) => method === "put";
    return faults(`put number ${n} is torn`, () => everyNth(n, { type: "tear" }, isPut));
  },
  (draws, { changes }) => powerCut(draws.below(changes), draws.pick(["kept", "forgotten"])),
  (draws, { calls }) => interruption(1 + draws.below(calls)),
];

type Drawn = (draws: Draws, extent: Extent) => Misfortune;

/** Draws what befalls a command of about that extent. */
export function drawMisfortune(draws: Draws, extent: Extent): Misfortune {
  return draws.pick(KINDS)(draws, extent);
}

/** Runs `work` to whatever end; gives what was thrown, which must be an error of the project's and no bug. */
export async function thrownBy(work: () => Promise<unknown>): Promise<AgentError | undefined> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AgentError && error.code !== "bug") return error;
    throw error;
  }
}
