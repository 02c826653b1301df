/** Each part of the benchmark from its measurements to its text: what it says meanwhile, its table and its targets. */
import process from "node:process";
import { LONG_CHAIN } from "./made/list_repository.ts";
import { MILLION_BLOBS } from "./made/prune_repository.ts";
import { TREES } from "./made/file_trees.ts";
import { writeDump } from "./made/workload.ts";
import { COMPARED_DUMPS, type Options, type Part } from "./command_line.ts";
import { formatDatabases, judgeDatabases, measureDatabases } from "./parts/databases.ts";
import { formatFiles, judgeFiles, measureFiles } from "./parts/files.ts";
import { formatGuards, judgeGuards, measureGuards } from "./parts/guard.ts";
import { formatListings, judgeListings, measureListings } from "./parts/list.ts";
import { formatLoad, judgeLoad, measureLoad } from "./parts/load.ts";
import { compareLocal } from "./parts/local.ts";
import { measureLongPut } from "./parts/long_put.ts";
import { formatManyBlobs, judgeManyBlobs, measureManyBlobs } from "./parts/many_blobs.ts";
import { formatOneByte, judgeOneByte, measureOneByte } from "./parts/one_byte.ts";
import { formatPrunes, judgePrunes, measurePrunes } from "./parts/prune.ts";
import { compareRemote } from "./parts/remote.ts";
import { formatSpace, measureSpace } from "./parts/space.ts";
import { formatStreams, judgeStreams, measureStreams } from "./parts/streams.ts";
import { judgePeak, type Verdict } from "./result/targets.ts";
import type { Peer } from "./tools/peers.ts";
import type { Sample } from "./tools/trial.ts";
import { DUMP_KINDS } from "../dumps/kinds.ts";

/** What a part works with. */
interface PartRun {
  readonly options: Options;
  readonly peers: readonly Peer[];
  /** Empty. */
  readonly directory: string;
}

/** What a part found. */
export interface PartResult {
  /** Its tables. */
  readonly text: string;
  readonly verdicts: readonly Verdict[];
  /** What else goes into the file of all measurements. */
  readonly data: object;
}

/** Every part by its name. */
export const RUN_PART: Readonly<Record<Part, (run: PartRun) => Promise<PartResult>>> = {
  async local({ options, peers, directory }) {
    const { megabytes, rounds, dumps = COMPARED_DUMPS } = options;
    const found = [];
    for (const kind of dumps) {
      const { firstNight, secondNight } = await writeNights(kind, megabytes, directory);
      const trial = { peers, rounds, firstNight, secondNight, directory };
      found.push({ kind, ...await compareLocal(trial, kind, saySample) });
      for (const { path } of [firstNight, secondNight]) await Deno.remove(path);
    }
    return {
      text: found.map(({ text }) => text).join("\n\n"),
      verdicts: found.flatMap(({ verdicts }) => verdicts),
      data: { megabytes, samples: found.map(({ kind, samples }) => ({ kind, samples })) },
    };
  },

  async remote({ options: { megabytes, rounds, agent }, peers, directory }) {
    const trial = { peers, rounds, ...await writeNights("shop", megabytes, directory), directory };
    const { samples, verdicts, text } = await compareRemote(trial, agent, saySample);
    return { text, verdicts, data: { megabytes, samples } };
  },

  async byte({ options: { rounds }, peers, directory }) {
    // The first is the newest.
    const restics = peers.filter(({ kind }) => kind === "restic").slice(0, 1);
    const request = { agent: agentAmong(peers), restics, rounds, directory };
    const samples = await measureOneByte(request, (round, { tool, wallSeconds }) => {
      say(`round ${round}  one byte  ${tool.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
    });
    return { text: formatOneByte(samples), verdicts: judgeOneByte(samples), data: { samples } };
  },

  async blobs({ options: { rounds, megabytes, blobs: millions }, peers, directory }) {
    const dump = await writeDump(directory, { kind: "shop", megabytes, night: 1 });
    say(`Making a repository of ${millions} million blobs in ${directory}`);
    const restic = peers.find(({ kind }) => kind === "restic");
    const request = { agent: agentAmong(peers), restic, blobs: millions * 1e6, dump, rounds, directory };
    const samples = await measureManyBlobs(request, (round, { step, tool, blobs, wallSeconds }) => {
      say(`round ${round}  ${blobs / 1e6} M blobs  ${step.padEnd(15)}  ${tool.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
    });
    return { text: formatManyBlobs(samples), verdicts: judgeManyBlobs(samples), data: { megabytes, samples } };
  },

  async space({ options: { megabytes, nights, rounds, dumps = DUMP_KINDS }, peers, directory }) {
    const request = { agent: agentAmong(peers), kinds: dumps, megabytes, nights, rounds, directory, say };
    const samples = await measureSpace(request);
    return { text: formatSpace(samples), verdicts: [], data: { megabytes, samples } };
  },

  async load({ options: { agent, clients, seconds }, directory }) {
    say(`Loading a server with ${clients} clients for ${seconds} s`);
    const result = await measureLoad({ executable: agent, directory, clients, seconds });
    return { text: formatLoad(result), verdicts: [judgeLoad(result)], data: result };
  },

  async prune({ peers, directory }) {
    const shape = MILLION_BLOBS;
    say(`Making a repository of ${shape.backups * shape.chunksEach} chunks in ${directory}`);
    const tools = peers.filter(({ kind }) => kind !== "borg");
    const samples = await measurePrunes(tools, shape, directory, ({ step, peer, wallSeconds }) => {
      say(`prune, ${step}  ${peer.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
    });
    const verdicts = judgePrunes(samples, tools.find(({ kind }) => kind === "agent")?.name ?? "");
    return { text: formatPrunes(samples, shape), verdicts, data: { shape, samples } };
  },

  async list({ options: { agent: executable, rounds }, peers, directory }) {
    const shape = LONG_CHAIN;
    say(`Making a repository of ${shape.backups} backups in ${directory}`);
    const samples = await measureListings({ peers, executable, shape, rounds, directory }, (round, sample) => {
      const { step, listing, wallSeconds } = sample;
      say(`round ${round}  ${step.padEnd(11)}  ${listing.padEnd(26)} ${wallSeconds.toFixed(2)} s`);
    });
    return { text: formatListings(samples, shape), verdicts: judgeListings(samples), data: { shape, samples } };
  },

  async guard({ options: { rounds } }) {
    say("Judging dumps of four kinds in memory");
    const samples = await measureGuards(rounds);
    return { text: formatGuards(samples), verdicts: judgeGuards(samples), data: { samples } };
  },

  async streams({ options: { megabytes, rounds }, peers, directory }) {
    say(`Generating four dumps of ${megabytes} MB together in ${directory}`);
    const request = { agent: agentAmong(peers), bytes: megabytes * 1e6, rounds, directory };
    const samples = await measureStreams(request, (round, { producer, way, wallSeconds }) => {
      say(`round ${round}  ${producer.padEnd(20)}  ${way.padEnd(9)} ${wallSeconds.toFixed(2)} s`);
    });
    return { text: formatStreams(samples), verdicts: judgeStreams(samples), data: { megabytes, samples } };
  },

  async files({ options: { rounds }, peers, directory }) {
    say(`Generating trees in ${directory}`);
    const request = { peers, trees: TREES, rounds, directory };
    const samples = await measureFiles(request, (round, { tree, step, peer, wallSeconds }) => {
      say(`round ${round}  ${tree}, ${step.padEnd(11)}  ${peer.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
    });
    return { text: formatFiles(samples), verdicts: judgeFiles(samples), data: { samples } };
  },

  async databases({ options: { megabytes, rounds }, peers, directory }) {
    say(`Filling databases of ${megabytes} MB`);
    const request = { peers, bytes: megabytes * 1e6, rounds, directory, say };
    const samples = await measureDatabases(request, (round, { system, step, tool, wallSeconds }) => {
      say(`round ${round}  ${system}, ${step.padEnd(17)}  ${tool.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
    });
    return { text: formatDatabases(samples), verdicts: judgeDatabases(samples), data: { megabytes, samples } };
  },
};

/** The long put of the agent alone, which is measured instead of all parts. */
export async function putLong(gigabytes: number, { options, peers, directory }: PartRun): Promise<PartResult> {
  const { content } = options;
  say(`Putting ${gigabytes} GB of ${content} in ${directory}`);
  const usage = await measureLongPut(agentAmong(peers), content, gigabytes * 1e9, directory);
  const speed = Math.round((gigabytes * 1000) / usage.wallSeconds);
  const text = `${gigabytes} GB of ${content} in ${usage.wallSeconds.toFixed(1)} s, ${speed} MB/s, ` +
    `${usage.cpuSeconds.toFixed(1)} s of CPU`;
  return { text, verdicts: [judgePeak(usage.peakBytes)], data: { content, gigabytes, usage } };
}

async function writeNights(kind: (typeof DUMP_KINDS)[number], megabytes: number, directory: string) {
  say(`Generating two dumps "${kind}" of ${megabytes} MB in ${directory}`);
  const firstNight = await writeDump(directory, { kind, megabytes, night: 1 });
  return { firstNight, secondNight: await writeDump(directory, { kind, megabytes, night: 2 }) };
}

function agentAmong(peers: readonly Peer[]): Peer {
  const agent = peers.find(({ kind }) => kind === "agent");
  if (agent === undefined) throw new Error("this part measures the agent, which is missing");
  return agent;
}

function saySample({ round, step, peer, wallSeconds }: Sample): void {
  say(`round ${round}  ${step.padEnd(10)}  ${peer.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
}

/** Tells the person who waits how far it is. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
