/**
 * The comparison itself. In each round every tool gets a new repository on the same file system. Each step is done by
 * one tool after the other before the next step begins; the order rotates from round to round. Before each step,
 * earlier writes are flushed, and the step's input is read into the page cache.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { directorySize } from "../../directory_size.ts";
import { command, failure, type Invocation, run } from "./invocation.ts";
import { measureWithFile, type Usage } from "./measure.ts";
import type { Peer, PeerRepository } from "./peers.ts";
import { type DumpFile, warm } from "../made/workload.ts";

/** The steps measured for each tool, in this order. */
export const STEPS = ["first put", "second put", "get"] as const;
export type Step = (typeof STEPS)[number];

/** One measurement. */
export interface Sample extends Usage {
  readonly round: number;
  readonly peer: string;
  readonly step: Step;
  /** By how many bytes the repository grew. */
  readonly bytesAdded: number;
}

/** The parameters of a comparison. */
export interface Trial {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly firstNight: DumpFile;
  readonly secondNight: DumpFile;
  /** An empty directory for the repositories. It is empty again afterwards. */
  readonly directory: string;
}

/** A tool in a round. */
interface Entrant {
  readonly peer: Peer;
  readonly repository: PeerRepository;
  readonly directory: string;
}

/** Runs all rounds and yields each measurement as it is made. Throws if a tool fails or restores other bytes. */
export async function* runTrial(trial: Trial): AsyncGenerator<Sample, void, void> {
  for (let round = 1; round <= trial.rounds; round++) {
    const entrants = await Promise.all(rotate(trial.peers, round - 1).map((peer) => enter(peer, trial.directory)));
    for (const { repository } of entrants) await run(repository.init);
    for (const step of STEPS) {
      for (const entrant of entrants) {
        if (entrant.peer.kind === "guest" && step !== "get") continue;
        yield { round, peer: entrant.peer.name, step, ...await take(step, entrant, trial) };
      }
    }
    if (round === 1) { for (const entrant of entrants) await requireSameBytes(entrant, trial.secondNight); }
    for (const { directory, repository } of entrants) {
      await Deno.remove(directory, { recursive: true });
      if (!repository.path.startsWith(directory)) await Deno.remove(repository.path, { recursive: true });
    }
  }
}

/** The items in the same cyclic order, beginning `by` items later. */
export function rotate<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/** The directory of a tool below that of a comparison. */
export function directoryOf({ name }: Pick<Peer, "name">, parent: string): string {
  return join(parent, name.replaceAll(/[^\w.]+/g, "-"));
}

async function enter(peer: Peer, parent: string): Promise<Entrant> {
  const directory = directoryOf(peer, parent);
  await Deno.mkdir(directory);
  return { peer, repository: peer.repository(directory), directory };
}

async function take(step: Step, { repository, directory }: Entrant, trial: Trial) {
  const before = await directorySize(repository.path);
  await run({ argv: ["sync"], env: {} });
  if (step !== "get") {
    const dump = step === "first put" ? trial.firstNight : trial.secondNight;
    await warm(dump.path);
    const usage = await measureWithFile(repository.put(dump.night), dump.path, directory);
    return { ...usage, bytesAdded: await directorySize(repository.path) - before };
  }
  const usage = await measureWithFile(repository.get(trial.secondNight.night), "/dev/null", directory);
  return { ...usage, bytesAdded: 0 };
}

/** Throws unless the tool restores the dump byte for byte. */
async function requireSameBytes({ peer, repository }: Entrant, dump: DumpFile): Promise<void> {
  const restored = await md5OfOutput(repository.get(dump.night));
  if (restored !== dump.md5) {
    throw new Error(`${peer.name} gave back other bytes than it was given: MD5 ${restored} instead of ${dump.md5}`);
  }
}

async function md5OfOutput(invocation: Invocation): Promise<string> {
  const child = command(invocation, { stdin: "null", stdout: "piped" }).spawn();
  const stderr = new Response(child.stderr).text();
  const md5 = createHash("md5");
  for await (const piece of child.stdout) md5.update(piece);
  const { code } = await child.status;
  if (code !== 0) throw new Error(failure(invocation, code, await stderr));
  await stderr;
  return md5.digest("hex");
}
