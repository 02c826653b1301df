/** The compiled form: `deno compile` appends the program to the runtime `denort`. */
import { join } from "node:path";
import { runDeno, runProgram } from "./deno_process.ts";
import { MAIN_FILE, type Program, V8_FLAGS, writeProgram } from "./program.ts";

/** Long enough for 40 MB over a slow line, short enough for a network that drops packets. */
const COMPILE_TIMEOUT_MS = 180_000;
const START_TIMEOUT_MS = 30_000;

/**
 * Writes the executable into the directory `scratch` and returns its path. The runtime comes from DENORT_BIN, or `deno
 * compile` downloads it. Throws `Error` if neither works, or if the result does not start (a runtime of another version
 * is linked without an error).
 */
export async function buildCompiled(program: Program, scratch: string): Promise<string> {
  const folder = join(scratch, "program");
  const output = join(scratch, "agent");
  await Deno.mkdir(folder);
  await writeProgram(program, folder);
  const flags = [...PERMISSIONS, ...CLOSED_WORLD, V8_FLAGS, "--quiet", "--no-check"];
  const others = [...program.keys()].filter((name) => name !== MAIN_FILE);
  const files = [...others.map((name) => `--include=${join(folder, name)}`), `--output=${output}`];
  await runDeno(["compile", ...flags, ...files, join(folder, MAIN_FILE)], {
    cwd: scratch,
    timeoutMs: COMPILE_TIMEOUT_MS,
  });
  await runProgram(output, ["version"], { cwd: scratch, timeoutMs: START_TIMEOUT_MS });
  return output;
}

/**
 * All permissions: a backup reads devices and `/proc`, which Deno opens only with `--allow-all`, and starts the
 * commands that the user names. Nothing is ever asked on the terminal.
 */
const PERMISSIONS = ["--allow-all", "--no-prompt"];

/**
 * The program is complete: no configuration, no lock file, nothing fetched. No code cache either: the runtime would
 * keep it under a predictable name in the shared temporary directory, and execute whatever another user put there.
 */
const CLOSED_WORLD = ["--no-config", "--no-lock", "--no-remote", "--no-npm", "--no-code-cache"];
