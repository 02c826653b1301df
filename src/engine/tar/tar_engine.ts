/** The engine `tar`: `tar:PATH?exclude=…&dereference=none|soft|hard|all&one-file-system`. */
import type { Engine } from "../engine.ts";
import { type TarMachine, THIS_MACHINE } from "./gnu_tar.ts";
import { SOURCE_PARAMETERS, sourceOptions, TARGET_PARAMETERS, targetOptions } from "./tar_options.ts";
import { TarSource } from "./tar_source.ts";
import { TarTarget } from "./tar_target.ts";

/**
 * The mean size of chunks in bytes. With that of dumps, the content list of a large file that changed in one place would
 * be larger than the change: 3.3 MB for 1 GB instead of 0.5.
 */
const CHUNK_AVERAGE_BYTES = 64 * 1024;

/** An engine that backs up directories with GNU tar, level upon level. */
export function createTarEngine(machine: TarMachine = THIS_MACHINE): Engine {
  return {
    version: "1",
    replays: true,
    chunkAverage: CHUNK_AVERAGE_BYTES,
    parameters: [...SOURCE_PARAMETERS, ...TARGET_PARAMETERS],
    source: (url) => new TarSource(sourceOptions(url), machine),
    target: (url) => new TarTarget(targetOptions(url), machine),
  };
}
