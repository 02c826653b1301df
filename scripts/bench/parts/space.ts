/**
 * What chunks of different sizes cost over many nights: bytes, trees and content lists included, and processor time. It
 * compares the agent with itself, in this process, so that the start of programs is not in it, and has no targets.
 */
import { join } from "node:path";
import process from "node:process";
import { type Agent, openAgent } from "../../../src/mod.ts";
import { directorySize } from "../../directory_size.ts";
import { type DumpKind, generateKind } from "../../dumps/kinds.ts";
import { median } from "../result/medians.ts";
import { alignColumns } from "../result/report.ts";
import { run } from "../tools/invocation.ts";
import type { Peer } from "../tools/peers.ts";

/** Means of chunks that are compared, in KiB. The last is what the others are compared with. */
const SIZES_KIB: readonly number[] = [5, 7, 10];
const SERIES = "bench/shop";

/** What one series of nights took. */
export interface SpaceSample {
  readonly dump: DumpKind;
  readonly sizeKib: number;
  /** What each night added to the files of the repository, and the processor time of its put. */
  readonly nights: readonly Night[];
  /** Of a get of the last night, one for each round. */
  readonly getCpuSeconds: readonly number[];
  /** Of puts of the first night into new repositories, one for each round. */
  readonly firstPutCpuSeconds: readonly number[];
  /** Distinct blobs after the last night, and bytes of the index files. */
  readonly blobs: number;
  readonly indexBytes: number;
}

interface Night {
  readonly bytesAdded: number;
  readonly cpuSeconds: number;
}

interface Request {
  /** Makes the repositories. */
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
interface Series extends AsyncDisposable {
  readonly sizeKib: number;
  readonly path: string;
  readonly agent: Agent;
  readonly nights: Night[];
}

/** Puts all nights of each kind at each size, all sizes a night before the next. Throws if a put or get fails. */
export async function measureSpace(request: Request): Promise<SpaceSample[]> {
  const samples: SpaceSample[] = [];
  for (const kind of request.kinds) samples.push(...await measureKind(request, kind));
  return samples;
}

async function measureKind(request: Request, dump: DumpKind): Promise<SpaceSample[]> {
  const { agent, megabytes, nights, rounds, directory, say } = request;
  await using all = new AsyncDisposableStack();
  const begun: { readonly series: Series; readonly firstPutCpuSeconds: number[] }[] = [];
  for (const sizeKib of SIZES_KIB) {
    begun.push({ series: all.use(await begin(agent, sizeKib, directory)), firstPutCpuSeconds: [] });
  }
  for (let night = 1; night <= nights; night++) {
    const pieces = [...generateKind(dump, { bytes: megabytes * 1e6, night })];
    for (let round = 2; night === 1 && round <= rounds; round++) {
      for (const { series: { sizeKib }, firstPutCpuSeconds } of begun) {
        await using extra = await begin(agent, sizeKib, directory);
        firstPutCpuSeconds.push((await putNight(extra, pieces)).cpuSeconds);
      }
    }
    const added: string[] = [];
    for (const { series, firstPutCpuSeconds } of begun) {
      const { cpuSeconds, bytesAdded } = await putNight(series, pieces);
      if (night === 1) firstPutCpuSeconds.push(cpuSeconds);
      added.push(`${(bytesAdded / 1e6).toFixed(3)} MB`);
    }
    say(`${dump}, night ${night}: ${added.join(", ")}`);
  }
  const samples: SpaceSample[] = [];
  for (const { series, firstPutCpuSeconds } of begun) {
    const { sizeKib, path, nights } = series;
    const getCpuSeconds: number[] = [];
    for (let round = 1; round <= rounds; round++) getCpuSeconds.push(await getCpuOf(series));
    const { repository: { used } } = await series.agent.stats();
    const blobs = used.data.blobs + used.tree.blobs;
    const indexBytes = await directorySize(join(path, "index"));
    samples.push({ dump, sizeKib, nights, getCpuSeconds, firstPutCpuSeconds, blobs, indexBytes });
  }
  return samples;
}

async function begin(peer: Peer, sizeKib: number, parent: string): Promise<Series> {
  const directory = await Deno.makeTempDir({ dir: parent, prefix: `${sizeKib}-` });
  const { init, path } = peer.repository(directory);
  await run(init);
  const agent = await openAgent({
    repository: path,
    passwordFile: join(directory, "password"),
    cacheDirectory: null,
    catalogue: false,
  });
  return {
    sizeKib,
    path,
    agent,
    nights: [],
    async [Symbol.asyncDispose]() {
      await agent.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

async function putNight({ sizeKib, path, agent, nights }: Series, pieces: readonly Uint8Array[]): Promise<Night> {
  const before = await directorySize(path);
  const cpuSeconds = await cpuSecondsOf(() => {
    return agent.backup(SERIES, ReadableStream.from(pieces), { chunkAverage: sizeKib * 1024 });
  });
  const night = { bytesAdded: await directorySize(path) - before, cpuSeconds };
  nights.push(night);
  return night;
}

function getCpuOf({ agent }: Series): Promise<number> {
  return cpuSecondsOf(() => agent.restore(SERIES, { to: new WritableStream<Uint8Array>() }));
}

/** What all threads of this process take meanwhile. */
async function cpuSecondsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
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
function followingNight({ nights }: SpaceSample, quantity: keyof Night): number {
  return nights.length < 2 ? 0 : median(nights.slice(1).map((night) => night[quantity]));
}
