/** One very long put, to see how much memory it takes: `deno task bench --long 20`. */
import { join } from "node:path";
import { DEFAULT_DUMP, generateDump } from "../dumps/dump.ts";
import { generateNoise, type NoiseKind } from "../dumps/noise.ts";
import { run } from "./invocation.ts";
import { measureWithPieces, type Usage } from "./measure.ts";
import type { Peer } from "./peers.ts";

/** What the long stream consists of. */
type LongContent = "dump" | NoiseKind;

/** Puts `bytes` bytes into a fresh repository below `directory`, which is empty. Throws if the put fails. */
export async function measureLongPut(
  peer: Peer,
  content: LongContent,
  bytes: number,
  directory: string,
): Promise<Usage> {
  const own = join(directory, "long");
  await Deno.mkdir(own);
  const repository = peer.repository(own);
  await run(repository.init);
  const pieces = content === "dump"
    ? generateDump({ ...DEFAULT_DUMP, bytes })
    : generateNoise(content, DEFAULT_DUMP.seed, bytes);
  return await measureWithPieces(repository.put(1), pieces, own);
}
