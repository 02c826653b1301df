/** One very long put, to measure its memory: `deno task bench --long 20`. */
import { join } from "node:path";
import { DEFAULT_DUMP, generateDump } from "../../dumps/dump.ts";
import { generateNoise, type NoiseKind } from "../../dumps/noise.ts";
import { run } from "../tools/invocation.ts";
import { measureWithPieces, type Usage } from "../tools/measure.ts";
import type { Peer } from "../tools/peers.ts";

/** The content of the long stream. */
type LongContent = "dump" | NoiseKind;

/** Puts `bytes` bytes into a new repository below `directory`, which must be empty. Throws if the put fails. */
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
