/**
 * What a repository costs those who share it: the same puts, gets, prunes and checks with no other blobs and with
 * millions, which were made.
 */
import { join } from "node:path";
import { makePrunable, type PrunableShape } from "../made/prune_repository.ts";
import { type DumpFile, warm } from "../made/workload.ts";
import { median } from "../result/medians.ts";
import { alignColumns } from "../result/report.ts";
import { type Bounds, judgeAtLeast, judgeAtMost, judgePeak, type Verdict } from "../result/targets.ts";
import { type Invocation, run } from "../tools/invocation.ts";
import { measureWithFile, type Usage } from "../tools/measure.ts";
import type { Peer, PeerRepository } from "../tools/peers.ts";
import { writeByte } from "./one_byte.ts";

const STEPS = ["first put of one byte", "put of one byte", "put", "get", "prune", "check"] as const;
type ManyBlobsStep = (typeof STEPS)[number];

/** One step in a repository with or without the many blobs. The first put also makes what a tool keeps of them. */
export interface ManyBlobsSample extends Usage {
  readonly step: ManyBlobsStep;
  readonly tool: string;
  readonly isAgent: boolean;
  readonly blobs: number;
}

interface Request {
  readonly agent: Peer;
  /** It prunes and checks, too. */
  readonly restic: Peer | undefined;
  readonly blobs: number;
  /** What is put and got. */
  readonly dump: DumpFile;
  readonly rounds: number;
  /** Must be empty, apart from the dump. */
  readonly directory: string;
}

const PASSWORD = "bench";
/** Those of a dump of 100 MB. With fewer, the number of backups would count more than that of blobs. */
const CHUNKS_EACH = 10_000;
/** restic's memory and patience set a limit to prunes and checks: beyond it only puts and gets are measured. */
const MOST_BLOBS_FOR_RESTIC = 10e6;

/**
 * Backups of ten thousand chunks each, one of them at least. The chunks are as short as possible, since almost none is
 * ever read.
 */
function shapeOf(blobs: number): PrunableShape {
  return {
    backups: Math.max(1, Math.round(blobs / CHUNKS_EACH)),
    chunksEach: CHUNKS_EACH,
    staysFor: 1,
    chunkBytes: 64,
  };
}

interface Entrant {
  readonly tool: string;
  readonly isAgent: boolean;
  readonly blobs: number;
  readonly repository: PeerRepository;
  readonly directory: string;
}

/** Makes both repositories and runs all steps on copies of them. Throws if a tool fails. */
export async function measureManyBlobs(
  { agent, restic, blobs, dump, rounds, directory }: Request,
  onSample: (round: number, sample: ManyBlobsSample) => void,
): Promise<ManyBlobsSample[]> {
  const samples: ManyBlobsSample[] = [];
  const take = async (
    round: number,
    step: ManyBlobsStep,
    entrant: Entrant,
    command: Invocation,
    input = "/dev/null",
  ) => {
    const { tool, isAgent, blobs, directory } = entrant;
    const sample = { step, tool, isAgent, blobs, ...await measureWithFile(command, input, directory) };
    onSample(round, sample);
    samples.push(sample);
  };
  const few = await makeOrigin(join(directory, "few"), 0);
  const many = await makeOrigin(join(directory, "many"), blobs);
  const ours = [await enter(agent, few, 0, directory), await enter(agent, many, blobs, directory)];
  // The dump comes after the bytes: a series of dumps refuses what is none.
  for (let round = 0; round <= rounds; round++) {
    const input = await writeByte(directory, round);
    const step = round === 0 ? "first put of one byte" : "put of one byte";
    for (const entrant of ours) await take(round, step, entrant, entrant.repository.put(round), input);
  }
  await warm(dump.path);
  for (const entrant of ours) await take(1, "put", entrant, entrant.repository.put(1), dump.path);
  for (let round = 1; round <= rounds; round++) {
    for (const entrant of ours) await take(round, "get", entrant, entrant.repository.get(1));
  }
  if (restic === undefined || blobs > MOST_BLOBS_FOR_RESTIC) return samples;
  const both = [await enter(agent, many, blobs, directory), await enter(restic, many, blobs, directory)];
  for (let round = 1; round <= Math.min(rounds, 3); round++) {
    for (const step of ["check", "prune"] as const) {
      for (const entrant of both) {
        const { argv, env } = entrant.repository.init;
        await take(round, step, entrant, { argv: [argv[0]!, step, "--quiet"], env });
      }
    }
  }
  return samples;
}

async function makeOrigin(path: string, blobs: number): Promise<string> {
  await makePrunable(path, PASSWORD, shapeOf(blobs));
  return path;
}

/** Gives a tool a copy of a repository. Its files are never modified, so hard links serve. */
async function enter(peer: Peer, origin: string, blobs: number, parent: string): Promise<Entrant> {
  const directory = await Deno.makeTempDir({ dir: parent });
  const repository = peer.repository(directory);
  await run({ argv: ["cp", "-al", origin, repository.path], env: {} });
  await Deno.writeTextFile(join(directory, "password"), PASSWORD);
  // Executables unpack or compile themselves at their first start, which must not be measured.
  await run({ argv: [repository.init.argv[0]!, "version"], env: repository.init.env });
  return { tool: peer.name, isAgent: peer.kind === "agent", blobs, repository, directory };
}

/** A row for each step of each tool, with and without the blobs. */
export function formatManyBlobs(samples: readonly ManyBlobsSample[]): string {
  const all = STEPS.flatMap((step) => {
    const ofStep = samples.filter((sample) => sample.step === step);
    const entrants = new Map(ofStep.map(({ tool, blobs }) => [`${tool} ${blobs}`, { step, tool, blobs }]));
    return [...entrants.values()];
  });
  const rows = all.map((which) => [
    `${which.step}, ${which.tool}, ${which.blobs / 1e6} million blobs`,
    medianOf(samples, which, "wallSeconds").toFixed(2),
    medianOf(samples, which, "cpuSeconds").toFixed(2),
    (medianOf(samples, which, "peakBytes") / 1e6).toFixed(0),
  ]);
  return alignColumns([["median of", "s", "CPU s", "peak MB"], ...rows]);
}

/** From where on the bounds of fifty million blobs apply. */
const MOST_OF_FEW_BLOBS = 5e6;
const BYTE_TIME = { few: { must: 1.5, goal: 1.2 }, many: { must: 1.8, goal: 1.3 } } as const;
const BYTE_MEMORY: Bounds = { must: 1.4, goal: 1.2 };
const GET_TIME: Bounds = { must: 1.3, goal: 1.1 };
const BESIDE_RESTIC: Bounds = { must: 1, goal: 1.5 };
const MEMORY_BESIDE_RESTIC: Bounds = { must: 1, goal: 0.5 };

/** The targets: puts and gets cost what they cost without the blobs; prune and check are not dearer than restic's. */
export function judgeManyBlobs(samples: readonly ManyBlobsSample[]): Verdict[] {
  const ours = samples.filter(({ isAgent }) => isAgent);
  const blobs = Math.max(...ours.map((sample) => sample.blobs));
  const tool = ours[0]!.tool;
  const beside = (step: ManyBlobsStep, quantity: keyof Usage) => {
    return medianOf(ours, { step, tool, blobs }, quantity) / medianOf(ours, { step, tool, blobs: 0 }, quantity);
  };
  const times = (step: ManyBlobsStep) => ({ ratio: beside(step, "wallSeconds"), cpuRatio: beside(step, "cpuSeconds") });
  const words = `with ${blobs / 1e6} million other blobs, to none`;
  const byteTime = blobs > MOST_OF_FEW_BLOBS ? BYTE_TIME.many : BYTE_TIME.few;
  const putsAndGets = ours.filter(({ step }) => step !== "prune" && step !== "check");
  return [
    judgeAtMost(`put of one byte ${words}: time`, { ...times("put of one byte"), bounds: byteTime }),
    judgeAtMost(`put of one byte ${words}: memory`, {
      ratio: beside("put of one byte", "peakBytes"),
      bounds: BYTE_MEMORY,
    }),
    judgeAtMost(`get ${words}: time`, { ...times("get"), bounds: GET_TIME }),
    judgePeak(Math.max(...putsAndGets.map(({ peakBytes }) => peakBytes))),
    ...(["prune", "check"] as const).flatMap((step) => judgeBesideRestic(samples, step, tool, blobs)),
  ];
}

function judgeBesideRestic(samples: readonly ManyBlobsSample[], step: ManyBlobsStep, tool: string, blobs: number) {
  const restic = samples.find((sample) => sample.step === step && !sample.isAgent)?.tool;
  if (restic === undefined) return [];
  const ratio = (quantity: keyof Usage) => {
    return medianOf(samples, { step, tool: restic, blobs }, quantity) /
      medianOf(samples, { step, tool, blobs }, quantity);
  };
  const words = `${step} with ${blobs / 1e6} million blobs`;
  const speed = { ratio: ratio("wallSeconds"), cpuRatio: ratio("cpuSeconds"), bounds: BESIDE_RESTIC };
  return [
    judgeAtLeast(`${words}: as fast as ${restic}`, speed),
    judgeAtMost(`${words}: memory / ${restic}`, { ratio: 1 / ratio("peakBytes"), bounds: MEMORY_BESIDE_RESTIC }),
  ];
}

function medianOf(
  samples: readonly ManyBlobsSample[],
  which: Pick<ManyBlobsSample, "step" | "tool" | "blobs">,
  quantity: keyof Usage,
): number {
  const found = samples.filter(({ step, tool, blobs }) => {
    return step === which.step && tool === which.tool && blobs === which.blobs;
  });
  return median(found.map((sample) => sample[quantity]));
}
