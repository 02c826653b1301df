/**
 * Runs the agent's commands in this process instead of the executable, for tests of what repositories contain, not of
 * how the program runs: starting it would take most of their time.
 */
import { equal } from "node:assert/strict";
import { hostname, userInfo } from "node:os";
import { systemClock } from "../../src/base/clock.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { builtInEngines } from "../../src/engine/built_in.ts";
import { ownProcessMark, processExists } from "../../src/library/machine/process_table.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import type { World } from "../../src/ops/access.ts";
import { runInProcess } from "./command_line.ts";
import { type JsonRow, jsonRows, type Outcome, type RunOptions, Sandbox } from "./executable.ts";
import { CHEAP_KDF, CHEAP_VALUE_KDF } from "./world.ts";

let isHere = false;

/**
 * From here on `agent`, and everything based on it, runs commands in this process, in all sandboxes of the thread;
 * deriving keys from passwords then costs almost nothing. Commands that start another program still use the executable,
 * as do `start` and `shell`. Paths must be absolute; files and directories are backed up by `tar:` alone.
 */
export function runAgentHere(): void {
  if (isHere) return;
  isHere = true;
  const startExecutable = Sandbox.prototype.agent;
  Sandbox.prototype.agent = async function (args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    if (args.includes("--")) return await startExecutable.call(this, args, options);
    return await runHere(this, args, options);
  };
}

/**
 * Like `ok` of a sandbox, but in this process, whatever the others do: for looks at what the executable left behind. It
 * has no paths that are not absolute.
 */
export async function okHere(box: Sandbox, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await runHere(box, args, options);
  equal(exitCode, ExitCode.done, `agent ${args.join(" ")} failed: ${stderr}`);
  return stdout;
}

/** Like `okHere`, with `--json`; returns one object for each line. */
export async function jsonHere(box: Sandbox, args: readonly string[], options: RunOptions = {}): Promise<JsonRow[]> {
  return jsonRows(await okHere(box, ["--json", ...args], options));
}

/** Puts a stream in this process; returns the backup's id. For what the executable is to find. */
export async function putHere(
  box: Sandbox,
  series: string,
  stdin: string | Uint8Array<ArrayBuffer>,
  ...args: string[]
): Promise<string> {
  return (await okHere(box, ["put", series, "--quiet", ...args], { stdin })).trim();
}

async function runHere(box: Sandbox, args: readonly string[], { stdin = "", env = {} }: RunOptions): Promise<Outcome> {
  const environment = box.variables(env);
  const { exitCode, stdout, stderr } = await runInProcess(args, {
    stdin: typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin,
    env: environment,
    world: worldHere(),
    engines: builtInEngines({ environment }),
  });
  return { exitCode, stdout, stderr };
}

/** A world with this process on this machine. */
function worldHere(): World {
  const mark = ownProcessMark();
  const { username, uid, gid } = userInfo();
  const world: World & { readonly kdf: typeof CHEAP_KDF } = {
    clock: systemClock,
    identity: { hostname: hostname(), username, uid, gid, pid: Deno.pid, ...mark && { process: mark } },
    processExists,
    randomBytes: systemRandomBytes,
    blobThreads: 1,
    programVersion: "agent 0.1.0",
    kdf: CHEAP_KDF,
    valueKdf: CHEAP_VALUE_KDF,
  };
  return world;
}
