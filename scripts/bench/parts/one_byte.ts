/** A put of one byte: what every run costs before it does anything. The agent and restic open it with the same key. */
import { join } from "node:path";
import { median } from "../result/medians.ts";
import { alignColumns } from "../result/report.ts";
import { judgeAtLeast, type Verdict } from "../result/targets.ts";
import { run } from "../tools/invocation.ts";
import { measureWithFile, type Usage } from "../tools/measure.ts";
import { guestPeer, type Peer, type PeerRepository } from "../tools/peers.ts";
import { rotate } from "../tools/trial.ts";

/** One put of one byte. */
export interface OneByteSample extends Usage {
  readonly kind: "agent" | "guest";
  readonly tool: string;
}

interface Request {
  readonly agent: Peer;
  readonly restics: readonly Peer[];
  readonly rounds: number;
  /** Must be empty. */
  readonly directory: string;
}

interface Entrant extends Pick<OneByteSample, "kind" | "tool"> {
  readonly repository: PeerRepository;
  readonly directory: string;
}

/** Puts one byte with each tool in each round, into a repository that the agent made for it. Throws if a put fails. */
export async function measureOneByte(
  { agent, restics, rounds, directory }: Request,
  onSample: (round: number, sample: OneByteSample) => void,
): Promise<OneByteSample[]> {
  const origin = join(directory, "origin");
  await Deno.mkdir(origin);
  await run(agent.repository(origin).init);
  const entrants = [await enter(agent, origin, directory)];
  for (const restic of restics) entrants.push(await enter(restic, origin, directory));
  const samples: OneByteSample[] = [];
  // The first round fills caches and is not measured.
  for (let round = 0; round <= rounds; round++) {
    const input = await writeByte(directory, round);
    for (const { kind, tool, repository, directory } of rotate(entrants, round)) {
      const sample = { kind, tool, ...await measureWithFile(repository.put(round), input, directory) };
      if (round === 0) continue;
      onSample(round, sample);
      samples.push(sample);
    }
  }
  return samples;
}

/** Gives a tool a copy of the repository. */
async function enter(peer: Peer, origin: string, parent: string): Promise<Entrant> {
  const directory = await Deno.makeTempDir({ dir: parent });
  await run({ argv: ["cp", "-a", join(origin, "repository"), join(origin, "password"), directory], env: {} });
  const kind = peer.kind === "agent" ? "agent" : "guest";
  const user = kind === "agent" ? peer : guestPeer(peer, directory);
  return { kind, tool: peer.name, repository: user.repository(directory), directory };
}

/** Writes a file of one byte, another one in each round. */
export async function writeByte(directory: string, round: number): Promise<string> {
  const path = join(directory, "byte");
  await Deno.writeFile(path, new Uint8Array([round]));
  return path;
}

/** A row for each tool. */
export function formatOneByte(samples: readonly OneByteSample[]): string {
  const rows = toolsOf(samples).map((tool) => [
    tool,
    medianOf(samples, tool, ({ wallSeconds }) => wallSeconds).toFixed(2),
    medianOf(samples, tool, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
    (medianOf(samples, tool, ({ peakBytes }) => peakBytes) / 1e6).toFixed(0),
  ]);
  return alignColumns([["put of one byte", "s", "CPU s", "peak MB"], ...rows]);
}

/** The target: as fast as each restic, which derives the same key. */
export function judgeOneByte(samples: readonly OneByteSample[]): Verdict[] {
  const agent = samples.find(({ kind }) => kind === "agent")?.tool;
  if (agent === undefined) return [];
  return toolsOf(samples).filter((tool) => tool !== agent).map((tool) => {
    const ratio = (value: (sample: Usage) => number) =>
      medianOf(samples, tool, value) / medianOf(samples, agent, value);
    return judgeAtLeast(`put of one byte: as fast as ${tool}, same key`, {
      ratio: ratio(({ wallSeconds }) => wallSeconds),
      cpuRatio: ratio(({ cpuSeconds }) => cpuSeconds),
      bounds: { must: 1, goal: 1.3 },
    });
  });
}

function toolsOf(samples: readonly OneByteSample[]): string[] {
  return [...new Set(samples.map(({ tool }) => tool))];
}

function medianOf(samples: readonly OneByteSample[], tool: string, value: (sample: Usage) => number): number {
  return median(samples.filter((sample) => sample.tool === tool).map(value));
}
