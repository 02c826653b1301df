/**
 * `deno task bench`: compares the agent with restic and borg on generated dumps, locally and over HTTP, and says which
 * of the project's targets hold.
 */
import { join, resolve } from "node:path";
import process from "node:process";
import { withScratchDirectory } from "../scratch_directory.ts";
import { NAMED_PARTS, type Options, parseCommandLine, PROJECT } from "./command_line.ts";
import { describeMachine, type Machine, thisMachine } from "./result/machine.ts";
import { formatVerdicts } from "./result/report.ts";
import { type PartResult, putLong, RUN_PART, say } from "./run_parts.ts";
import { findPeers } from "./tools/find_peers.ts";
import { requireGnuTime } from "./tools/measure.ts";
import type { PeerKind } from "./tools/peers.ts";

async function main(): Promise<void> {
  const { parts, options } = parseCommandLine(Deno.args);
  await requireGnuTime();
  const machine = await thisMachine();
  process.stdout.write(`${describeMachine(machine)}\n`);
  const wanted = new Set<PeerKind>(options.long === undefined ? options.only : ["agent"]);
  const places = { agent: options.agent, resticNewest: Deno.env.get("RESTIC_NEWEST"), peersDirectory: options.peers };
  const peers = await findPeers(wanted, places, say);
  const results: PartResult[] = [];
  const take = async (run: (directory: string) => Promise<PartResult>) => {
    const result = await inScratch(options, run);
    await report(result, options, machine);
    results.push(result);
  };
  if (options.long !== undefined) {
    const gigabytes = options.long;
    await take((directory) => putLong(gigabytes, { options, peers, directory }));
  } else {
    for (const part of parts) await take((directory) => RUN_PART[part]({ options, peers, directory }));
    const others = NAMED_PARTS.filter((part) => !parts.has(part));
    if (others.length > 0) say(`Measured only when named: ${others.join(", ")}`);
  }
  const isMissed = results.some(({ verdicts }) => verdicts.some(({ met }) => !met));
  if (options.strict && isMissed) process.exitCode = 1;
}

function inScratch<T>({ directory }: Options, work: (directory: string) => Promise<T>): Promise<T> {
  const parent = directory === undefined ? undefined : resolve(directory);
  return withScratchDirectory({ prefix: "bench-", parent }, work);
}

async function report({ text, verdicts, data }: PartResult, { json }: Options, machine: Machine): Promise<void> {
  process.stdout.write(`\n${text}\n`);
  if (verdicts.length > 0) process.stdout.write(`\n${formatVerdicts(verdicts)}\n`);
  if (!json) return;
  const path = join(PROJECT, ".bench", `${new Date().toISOString().replaceAll(":", "-")}.json`);
  await Deno.mkdir(join(PROJECT, ".bench"), { recursive: true });
  await Deno.writeTextFile(path, `${JSON.stringify({ machine, ...data, verdicts }, null, 2)}\n`);
  say(`All measurements are in ${path}`);
}

try {
  await main();
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
