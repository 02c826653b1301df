/** Four dumps in one put, side by side, compared with one put after the other. */
import { join } from "node:path";
import { DEFAULT_DUMP, generateDump } from "../../dumps/dump.ts";
import { run } from "../tools/invocation.ts";
import { measureWithFile, type Usage } from "../tools/measure.ts";
import { median } from "../result/medians.ts";
import type { Peer, PeerRepository } from "../tools/peers.ts";
import { alignColumns } from "../result/report.ts";
import type { Verdict } from "../result/targets.ts";
import { warm } from "../made/workload.ts";

const STREAMS = 4;
/** A dump program that is limited by its server: a piece of 1 MiB, then a pause. */
const PAUSE_SECONDS = 0.05;
const PIECE_BYTES = 1024 * 1024;

/** How fast the dumps come. */
export const PRODUCERS = ["as fast as read", "at most 20 MB/s each"] as const;
type Producer = (typeof PRODUCERS)[number];

/** How the four dumps are put. */
export const WAYS = ["four puts", "--jobs 1", "--jobs 2", "--jobs 4"] as const;
type Way = (typeof WAYS)[number];

/** All four dumps put in one way. */
export interface StreamsSample extends Usage {
  readonly producer: Producer;
  readonly way: Way;
}

interface Request {
  readonly agent: Peer;
  /** Bytes of all dumps together. */
  readonly bytes: number;
  readonly rounds: number;
  /** Must be empty. */
  readonly directory: string;
}

/** Puts four dumps into new repositories in every way. Throws if a put fails. */
export async function measureStreams(
  { agent, bytes, rounds, directory }: Request,
  onSample: (round: number, sample: StreamsSample) => void,
): Promise<StreamsSample[]> {
  const dumps: string[] = [];
  for (let i = 0; i < STREAMS; i++) dumps.push(await writeOwnDump(directory, i, bytes / STREAMS));
  const samples: StreamsSample[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const producer of PRODUCERS) {
      for (const way of WAYS) {
        const sample = { producer, way, ...await measureWay(agent, { dumps, producer, way, directory }) };
        onSample(round, sample);
        samples.push(sample);
      }
    }
  }
  return samples;
}

/** Each dump has its own seed, so that no two share chunks. */
async function writeOwnDump(directory: string, number: number, bytes: number): Promise<string> {
  const path = join(directory, `dump-${number}.sql`);
  using file = await Deno.open(path, { write: true, createNew: true });
  for (const piece of generateDump({ ...DEFAULT_DUMP, seed: number + 1, bytes })) {
    for (let written = 0; written < piece.length;) written += await file.write(piece.subarray(written));
  }
  await warm(path);
  return path;
}

interface WayRequest {
  readonly dumps: readonly string[];
  readonly producer: Producer;
  readonly way: Way;
  readonly directory: string;
}

async function measureWay(agent: Peer, { dumps, producer, way, directory }: WayRequest): Promise<Usage> {
  const own = await Deno.makeTempDir({ dir: directory });
  const repository = agent.repository(own);
  await run(repository.init);
  const commands = await Promise.all(dumps.map((path) => commandFor(path, producer)));
  const options = commands.map((command, i) => ["--stream", `dump-${i}.sql=${command}`]);
  const runs = way === "four puts" ? options : [[...options.flat(), ...way.split(" ")]];
  const usages: Usage[] = [];
  for (const args of runs) usages.push(await measureWithFile(withArguments(repository, args), "/dev/null", own));
  await Deno.remove(own, { recursive: true });
  return {
    wallSeconds: sum(usages.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: sum(usages.map(({ cpuSeconds }) => cpuSeconds)),
    peakBytes: Math.max(...usages.map(({ peakBytes }) => peakBytes)),
  };
}

function withArguments(repository: PeerRepository, args: readonly string[]) {
  const { argv, env } = repository.put(1);
  return { argv: [...argv, ...args], env };
}

async function commandFor(path: string, producer: Producer): Promise<string> {
  if (producer === "as fast as read") return `cat ${path}`;
  const pieces = Math.ceil((await Deno.stat(path)).size / PIECE_BYTES);
  const piece = `dd if=${path} bs=${PIECE_BYTES} skip=$i count=1 status=none`;
  return `i=0; while [ $i -lt ${pieces} ]; do ${piece}; i=$((i+1)); sleep ${PAUSE_SECONDS}; done`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A row for each producer and way: medians, and how much faster than four puts. */
export function formatStreams(samples: readonly StreamsSample[]): string {
  const rows = PRODUCERS.flatMap((producer) =>
    WAYS.map((way) => [
      `${producer}, ${way}`,
      secondsOf(samples, producer, way).toFixed(2),
      medianOf(samples, producer, way, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
      Math.round(medianOf(samples, producer, way, ({ peakBytes }) => peakBytes) / 1e6).toString(),
      `${gain(samples, producer, way).toFixed(2)}x`,
    ])
  );
  return alignColumns([["median of", "s", "CPU s", "peak MB", "as fast as four puts"], ...rows]);
}

/** The targets: side by side is never slower, and much faster if the dumps are what is slow. */
export function judgeStreams(samples: readonly StreamsSample[]): Verdict[] {
  const [fast, slow] = PRODUCERS;
  return [
    { producer: fast, atLeast: 1 },
    { producer: slow, atLeast: 2 },
  ].map(({ producer, atLeast }) => {
    const measured = gain(samples, producer, "--jobs 4");
    return {
      target: `four streams at once, ${producer}: ${atLeast}x as fast as four puts`,
      measured: `${measured.toFixed(2)}x`,
      met: measured >= atLeast,
    };
  });
}

function gain(samples: readonly StreamsSample[], producer: Producer, way: Way): number {
  return secondsOf(samples, producer, "four puts") / secondsOf(samples, producer, way);
}

function secondsOf(samples: readonly StreamsSample[], producer: Producer, way: Way): number {
  return medianOf(samples, producer, way, ({ wallSeconds }) => wallSeconds);
}

function medianOf(
  samples: readonly StreamsSample[],
  producer: Producer,
  way: Way,
  value: (sample: StreamsSample) => number,
): number {
  return median(samples.filter((sample) => sample.producer === producer && sample.way === way).map(value));
}
