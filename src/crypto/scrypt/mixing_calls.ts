/** Runs in a thread: mixes pieces for scrypt while the thread that needs the key mixes others. */
import type { Handlers } from "../../base/thread.ts";
import { romix, type RomixParameters } from "./romix.ts";

/** The calls of a thread that mixes. */
export type MixingCalls = {
  readonly mix: { request: MixingRequest; response: Uint8Array<ArrayBuffer> };
};

/** Whole pieces to be mixed in their places. The answer is the same memory. */
interface MixingRequest extends RomixParameters {
  readonly blocks: Uint8Array<ArrayBuffer>;
}

/** The handlers of `MixingCalls`. */
export function mixingCalls(): Handlers<MixingCalls> {
  return {
    async mix({ blocks, ...parameters }) {
      // Two side by side in two threads wait for each other's memory, and take twice as much of it.
      await romix(blocks, parameters, () => Promise.resolve(), 1);
      return { response: blocks, transfer: [blocks.buffer] };
    },
  };
}
