/** Which threads mix for scrypt: the one that needs the key, and perhaps another one beside it. */
import { setImmediate } from "node:timers";
import { startWorker, Thread } from "../../base/thread.ts";
import type { MixingCalls } from "./mixing_calls.ts";
import { laneBytesOf, lanesOf, MOST_SIDE_BY_SIDE_BYTES, romix, type RomixParameters } from "./romix.ts";

/** Mixes each piece of `blocks` in its place, as `romix` does. Throws `AgentError` if the system has not the memory. */
export type Mix = (blocks: Uint8Array<ArrayBuffer>, parameters: RomixParameters) => Promise<void>;

/** Mixes in this thread, and lets others have their turn. */
export const mixHere: Mix = (blocks, parameters) =>
  romix(blocks, parameters, () => new Promise((resolve) => setImmediate(resolve)));

/**
 * Mixes the last pieces in another thread meanwhile, which `start` starts, if there are more than this one mixes side by
 * side. A thread takes half as long to start as a piece to be mixed. Should it fail, this thread mixes them all.
 */
export function mixOnTwoThreads(start: () => Worker = () => startWorker("mixing")): Mix {
  return async (blocks, parameters) => {
    const ownBytes = ownShareBytes(blocks.length, parameters);
    const given = blocks.slice(ownBytes);
    const mixing = given.length > 0 ? mixThere(start, given, parameters) : given;
    await mixHere(blocks.subarray(0, ownBytes), parameters);
    const mixed = await mixing;
    if (mixed === undefined) await mixHere(blocks.subarray(ownBytes), parameters);
    else blocks.set(mixed, ownBytes);
  };
}

/** Returns the pieces mixed by another thread; undefined if it could not start, or failed. */
async function mixThere(
  start: () => Worker,
  blocks: Uint8Array<ArrayBuffer>,
  parameters: RomixParameters,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let thread: Thread<MixingCalls> | undefined;
  try {
    thread = new Thread(start());
    return await thread.call("mix", { blocks, ...parameters }, [blocks.buffer]);
  } catch {
    return undefined;
  } finally {
    thread?.terminate();
  }
}

/**
 * How many bytes this thread mixes. It may mix two pieces in the time of one, the other thread mixes one after the other:
 * of three, two are mixed here and one there. All of them, if each takes so much memory that two threads would take too
 * much.
 */
function ownShareBytes(bytes: number, parameters: RomixParameters): number {
  if (laneBytesOf(parameters) > MOST_SIDE_BY_SIDE_BYTES) return bytes;
  const pieceBytes = 128 * parameters.r;
  const given = Math.floor(bytes / pieceBytes / (lanesOf(bytes, parameters) + 1));
  return bytes - given * pieceBytes;
}
