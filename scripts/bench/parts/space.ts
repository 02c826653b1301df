/**
 * What chunks of different sizes cost over many nights: bytes, trees and content lists included, and processor time. It
 * compares the agent with itself and has no targets.
 */
import { join } from "node:path";
import { directorySize } from "../../directory_size.ts";
import { DUMP_KINDS, type DumpKind } from "../../dumps/kinds.ts";
import { warm, writeDump } from "../made/workload.ts";
import { median } from "../result/medians.ts";
import { alignColumns } from "../result/report.ts";
import { type Invocation, run } from "../tools/invocation.ts";
import { measureWithFile } from "../tools/measure.ts";
import type { Peer, PeerRepository } from "../tools/peers.ts";

/** Means of chunks that are compared, in KiB. */
const SIZES_KIB: readonly number[] = [5, 7, 10];

/** What one series of nights took. */
export interface SpaceSample {
  readonly dump: DumpKind;
  readonly sizeKib: number;
  /** What each night added to the files of the repository, and the processor time of its put. */
  readonly nights: readonly { readonly bytesAdded: number; readonly cpuSeconds: number }[];
  /** Of a get of the last night, one for each round. */
  readonly getCpuSeconds: readonly number[];
  /** Of puts of the first night into new repositories, one for each round. */
  readonly firstPutCpuSeconds: readonly number[];
  /** Distinct blobs after the last night, and bytes of the index files. */
  readonly blobs: number;
  readonly indexBytes: number;
}

interface Request {
  readonly agent: Peer;
  readonly kinds: readonly DumpKind[];
  readonly megabytes: number;
  readonly nights: number;
  readonly rounds: number;
  /** Must be empty. */
  readonly directory: string;
  readonly say: (line: string) => void;
}

/** One size on its way through the nights. */
interface Series {
  readonly sizeKib: number;
  readonly directory: string;
  readonly repository: PeerRepository;
  readonly nights: { bytesAdded: number; cpuSeconds: number }[];
}

/** Puts all nights of each kind at each size, all sizes a night before the next. Throws if a put or get fails. */
export async function measureSpace(request: Request): Promise<SpaceSample[]> {
  const samples: SpaceSample[] = [];
  for (const kind of request.kinds) samples.push(...await measureKind(request, kind));
  return samples;
}

async function measureKind({ agent, megabytes, nights, rounds, directory, say }: Request, dump: DumpKind) {
  const all: Series[] = [];
  for (const sizeKib of SIZES_KIB) all.push(await begin(agent, sizeKib, directory));
  const firstPuts: number[][] = all.map(() => []);
  for (let night = 1; night <= nights; night++) {
    const file = await writeDump(directory, { kind: dump, megabytes, night });
    await warm(file.path);
    for (const series of all) await putNight(series, file.path);
    say(
      `${dump}, night ${night}: ${
        all.map(({ nights }) => `${(nights.at(-1)!.bytesAdded / 1e6).toFixed(2)} MB`).join(", ")
      }`,
    );
    // The first put of the series is the first of the rounds.
    for (let round = 2; night === 1 && round <= rounds; round++) {
      for (const [i, { sizeKib }] of all.entries()) {
        const extra = await begin(agent, sizeKib, directory);
        await putNight(extra, file.path);
        firstPuts[i]!.push(extra.nights[0]!.cpuSeconds);
        await Deno.remove(extra.directory, { recursive: true });
      }
    }
    await Deno.remove(file.path);
  }
  const gets: number[][] = all.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, { repository, directory }] of all.entries()) {
      gets[i]!.push((await measureWithFile(repository.get(nights), "/dev/null", directory)).cpuSeconds);
    }
  }
  const samples: SpaceSample[] = [];
  for (const [i, { sizeKib, repository, directory, nights }] of all.entries()) {
    const firstPutCpuSeconds = [nights[0]!.cpuSeconds, ...firstPuts[i]!];
    const common = { dump, sizeKib, nights, getCpuSeconds: gets[i]!, firstPutCpuSeconds };
    samples.push({ ...common, ...await indexOf(repository) });
    await Deno.remove(directory, { recursive: true });
  }
  return samples;
}

async function begin(agent: Peer, sizeKib: number, parent: string): Promise<Series> {
  const directory = await Deno.makeTempDir({ dir: parent, prefix: `${sizeKib}-` });
  const repository = agent.repository(directory);
  await run(repository.init);
  return { sizeKib, directory, repository, nights: [] };
}

async function putNight({ sizeKib, directory, repository, nights }: Series, path: string): Promise<void> {
  const before = await directorySize(repository.path);
  const { argv, env } = repository.put(nights.length + 1);
  const put: Invocation = { argv: [...argv, "--chunk-size", `${sizeKib}K`], env };
  const { cpuSeconds } = await measureWithFile(put, path, directory);
  nights.push({ bytesAdded: await directorySize(repository.path) - before, cpuSeconds });
}

async function indexOf({ init: { argv, env }, path }: PeerRepository) {
  const text = await run({ argv: [argv[0]!, "stats", "--json"], env });
  const summary = text.trim().split("\n").map((line) => JSON.parse(line)).at(-1);
  const { data, trees } = summary.repository.used;
  return { blobs: data.blobs + trees.blobs, indexBytes: await directorySize(join(path, "index")) };
}

/** A row for each dump and size. Beside each number stands its ratio to that of the largest size. */
export function formatSpace(samples: readonly SpaceSample[]): string {
  const rows = samples.map((sample) => {
    const largest = samples.findLast(({ dump }) => dump === sample.dump)!;
    const cell = (value: (sample: SpaceSample) => number, digits: number) =>
      `${value(sample).toFixed(digits)} (${(value(sample) / value(largest)).toFixed(2)})`;
    return [
      `${sample.dump}, ${sample.sizeKib} KiB`,
      cell(({ nights }) => nights[0]!.bytesAdded / 1e6, 2),
      cell((one) => followingNight(one, "bytesAdded") / 1e6, 3),
      cell(({ nights }) => nights.reduce((sum, { bytesAdded }) => sum + bytesAdded, 0) / 1e6, 2),
      cell(({ firstPutCpuSeconds }) => median(firstPutCpuSeconds), 2),
      cell((one) => followingNight(one, "cpuSeconds"), 2),
      cell(({ getCpuSeconds }) => median(getCpuSeconds), 2),
      cell(({ blobs }) => blobs, 0),
      cell(({ indexBytes }) => indexBytes / 1e6, 2),
    ];
  });
  const head = ["dump, mean", "night 1 MB", "night MB", "all MB", "put 1 CPU s", "put CPU s", "get CPU s", "blobs"];
  return alignColumns([[...head, "index MB"], ...rows]);
}

/** The median of the nights after the first. */
function followingNight({ nights }: SpaceSample, quantity: "bytesAdded" | "cpuSeconds"): number {
  return nights.length < 2 ? 0 : median(nights.slice(1).map((night) => night[quantity]));
}
