/**
 * `deno task bench`: compares the agent with restic and borg, on generated dumps of two nights, locally and over HTTP.
 */
import { Argument, Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { join, resolve } from "node:path";
import process from "node:process";
import { withScratchDirectory } from "../scratch_directory.ts";
import { formatDatabases, judgeDatabases, measureDatabases } from "./parts/databases.ts";
import { TREES } from "./made/file_trees.ts";
import { formatFiles, judgeFiles, measureFiles } from "./parts/files.ts";
import { findPeers } from "./tools/find_peers.ts";
import { formatLoad, judgeLoad, measureLoad } from "./parts/load.ts";
import { formatGuards, judgeGuards, measureGuards } from "./parts/guard.ts";
import { formatListings, judgeListings, measureListings } from "./parts/list.ts";
import { LONG_CHAIN } from "./made/list_repository.ts";
import { measureLongPut } from "./parts/long_put.ts";
import { requireGnuTime } from "./tools/measure.ts";
import { Medians } from "./result/medians.ts";
import type { Peer, PeerKind } from "./tools/peers.ts";
import { formatPrunes, judgePrunes, measurePrunes } from "./parts/prune.ts";
import { MILLION_BLOBS } from "./made/prune_repository.ts";
import { formatMedians, formatVerdicts } from "./result/report.ts";
import { compareRemote } from "./parts/remote.ts";
import { formatStreams, judgeStreams, measureStreams } from "./parts/streams.ts";
import { judge, judgePeak, type Verdict } from "./result/targets.ts";
import { runTrial, type Sample, type Trial } from "./tools/trial.ts";
import { writeDump } from "./made/workload.ts";

/** The parts that can be measured separately. */
const PARTS = ["local", "remote", "load", "prune", "list", "guard", "streams", "files", "databases"] as const;
type Part = (typeof PARTS)[number];

const PROJECT = resolve(import.meta.dirname!, "../..");
const KINDS: readonly PeerKind[] = ["agent", "restic", "borg"];

function parseCommandLine() {
  const program = new Command("bench")
    .description("Compare agent, restic and borg on dumps of two nights: medians and the project's targets.")
    .addArgument(
      new Argument(
        "[parts...]",
        "on this machine's disk, over HTTP, many clients on one server, prunes, listings, guards, several streams, trees of files, databases; all by default",
      )
        .choices(PARTS).default(PARTS),
    )
    .option("--megabytes <n>", "length of the first dump (10^6 bytes each)", positive, 447)
    .option("--rounds <n>", "how often everything is measured", positive, 5)
    .option("--only <kinds>", "which tools take part, for example agent,restic", kinds, new Set(KINDS))
    .option("--agent <file>", "the agent's executable", join(PROJECT, "dist/agent"))
    .option("--peers <dir>", "where a newer restic was unpacked (or RESTIC_NEWEST names its executable)")
    .option("--directory <dir>", "where dumps and repositories are put while it runs")
    .option("--json", "write all measurements to .bench/")
    .option("--long <gigabytes>", "instead: one put of that length, to see how much memory it takes", positive)
    .addOption(
      new Option("--content <kind>", "what --long puts").choices(["letters", "random", "dump"]).default("letters"),
    )
    .option("--clients <n>", "how many clients the load consists of", positive, 64)
    .option("--seconds <n>", "how long the load lasts", positive, 60)
    .parse(Deno.args, { from: "user" });
  return { parts: program.processedArgs[0], options: program.opts() };
}

type Options = ReturnType<typeof parseCommandLine>["options"];

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

function kinds(text: string): ReadonlySet<PeerKind> {
  const names = text.split(",");
  const unknown = names.find((name) => !KINDS.some((kind) => kind === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${KINDS.join(", ")}.`);
  return new Set(KINDS.filter((kind) => names.includes(kind)));
}

/** The comparisons: dumps, rounds, reports. */
async function compare(
  parts: ReadonlySet<Part>,
  options: Options,
  peers: readonly Peer[],
  directory: string,
): Promise<void> {
  say(`Generating two dumps of ${options.megabytes} MB in ${directory}`);
  const firstNight = await writeDump(directory, options.megabytes, 1);
  const secondNight = await writeDump(directory, options.megabytes, 2);
  const trial: Trial = { peers, rounds: options.rounds, firstNight, secondNight, directory };
  const samples: Sample[] = [];
  const verdicts: Verdict[] = [];
  if (parts.has("local")) {
    for await (const sample of runTrial(trial)) {
      saySample(sample);
      samples.push(sample);
    }
    const medians = new Medians(peers, samples);
    verdicts.push(...judge(medians));
    print(`${formatMedians(medians)}\n`);
  }
  if (parts.has("remote")) {
    const remote = await compareRemote(trial, options.agent, saySample);
    samples.push(...remote.samples);
    verdicts.push(...remote.verdicts);
    print(`\n${remote.text}\n`);
  }
  if (verdicts.length > 0) print(`\n${formatVerdicts(verdicts)}\n`);
  if (options.json) {
    const machine = { cores: navigator.hardwareConcurrency, os: Deno.osRelease(), deno: Deno.version.deno };
    await writeJson({ machine, firstNight, secondNight, samples, verdicts });
  }
}

function saySample({ round, step, peer, wallSeconds }: Sample): void {
  say(`round ${round}  ${step.padEnd(10)}  ${peer.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
}

/** Many clients on one server. */
async function load({ agent, clients, seconds, json }: Options, directory: string): Promise<void> {
  say(`Loading a server with ${clients} clients for ${seconds} s`);
  const result = await measureLoad({ executable: agent, directory, clients, seconds });
  const verdict = judgeLoad(result);
  print(`\n${formatLoad(result)}\n\n${formatVerdicts([verdict])}\n`);
  if (json) await writeJson({ ...result, verdict });
}

/** Prunes of a million blobs. */
async function prunes({ json }: Options, peers: readonly Peer[], directory: string): Promise<void> {
  const shape = MILLION_BLOBS;
  say(`Making a repository of ${shape.backups * shape.chunksEach} chunks in ${directory}`);
  const tools = peers.filter(({ kind }) => kind !== "borg");
  const samples = await measurePrunes(tools, shape, directory, ({ step, peer, wallSeconds }) => {
    say(`prune, ${step}  ${peer.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
  });
  const verdicts = judgePrunes(samples, tools.find(({ kind }) => kind === "agent")?.name ?? "");
  print(`\n${formatPrunes(samples, shape)}\n\n${formatVerdicts(verdicts)}\n`);
  if (json) await writeJson({ shape, samples, verdicts });
}

/** Listings of a thousand backups. */
async function listings(options: Options, peers: readonly Peer[], directory: string): Promise<void> {
  const { agent: executable, rounds, json } = options;
  const shape = LONG_CHAIN;
  say(`Making a repository of ${shape.backups} backups in ${directory}`);
  const samples = await measureListings({ peers, executable, shape, rounds, directory }, (round, sample) => {
    const { step, listing, wallSeconds } = sample;
    say(`round ${round}  ${step.padEnd(11)}  ${listing.padEnd(26)} ${wallSeconds.toFixed(2)} s`);
  });
  const verdicts = judgeListings(samples);
  print(`\n${formatListings(samples, shape)}\n\n${formatVerdicts(verdicts)}\n`);
  if (json) await writeJson({ shape, samples, verdicts });
}

/** Guards beside digests. */
async function guards({ rounds, json }: Options): Promise<void> {
  say("Judging dumps of four kinds in memory");
  const samples = await measureGuards(rounds);
  const verdicts = judgeGuards(samples);
  print(`\n${formatGuards(samples)}\n\n${formatVerdicts(verdicts)}\n`);
  if (json) await writeJson({ samples, verdicts });
}

/** Several streams of the agent alone. */
async function severalStreams(options: Options, peers: readonly Peer[], directory: string): Promise<void> {
  const { megabytes, rounds, json } = options;
  const agent = peers.find(({ kind }) => kind === "agent");
  if (agent === undefined) throw new Error("streams are those of the agent, which is missing");
  say(`Generating four dumps of ${megabytes} MB together in ${directory}`);
  const request = { agent, bytes: megabytes * 1e6, rounds, directory };
  const samples = await measureStreams(request, (round, { producer, way, wallSeconds }) => {
    say(`round ${round}  ${producer.padEnd(20)}  ${way.padEnd(9)} ${wallSeconds.toFixed(2)} s`);
  });
  const verdicts = judgeStreams(samples);
  print(`\n${formatStreams(samples)}\n\n${formatVerdicts(verdicts)}\n`);
  if (json) await writeJson({ megabytes, samples, verdicts });
}

/** Backups and restores of trees. */
async function trees({ rounds, json }: Options, peers: readonly Peer[], directory: string): Promise<void> {
  say(`Generating trees in ${directory}`);
  const request = { peers, trees: TREES, rounds, directory };
  const samples = await measureFiles(request, (round, { tree, step, peer, wallSeconds }) => {
    say(`round ${round}  ${tree}, ${step.padEnd(11)}  ${peer.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
  });
  const verdicts = judgeFiles(samples);
  print(`\n${formatFiles(samples)}\n\n${formatVerdicts(verdicts)}\n`);
  if (json) await writeJson({ samples, verdicts });
}

/** Dumps and restores of running servers. */
async function databases(options: Options, peers: readonly Peer[], directory: string): Promise<void> {
  const { megabytes, rounds, json } = options;
  say(`Filling databases of ${megabytes} MB`);
  const request = { peers, bytes: megabytes * 1e6, rounds, directory, say };
  const samples = await measureDatabases(request, (round, { system, step, tool, wallSeconds }) => {
    say(`round ${round}  ${system}, ${step.padEnd(17)}  ${tool.padEnd(22)} ${wallSeconds.toFixed(2)} s`);
  });
  const verdicts = judgeDatabases(samples);
  print(`\n${formatDatabases(samples)}\n\n${formatVerdicts(verdicts)}\n`);
  if (json) await writeJson({ megabytes, samples, verdicts });
}

/** The long put of the agent alone. */
async function putLong(options: Options, peers: readonly Peer[], gigabytes: number, directory: string): Promise<void> {
  const agent = peers.find(({ kind }) => kind === "agent");
  if (agent === undefined) throw new Error("--long measures the agent, which is missing");
  say(`Putting ${gigabytes} GB of ${options.content} in ${directory}`);
  const usage = await measureLongPut(agent, options.content, gigabytes * 1e9, directory);
  const verdict = judgePeak(usage.peakBytes);
  const speed = Math.round((gigabytes * 1000) / usage.wallSeconds);
  print(`${gigabytes} GB of ${options.content} in ${usage.wallSeconds.toFixed(1)} s, ${speed} MB/s, `);
  print(`${usage.cpuSeconds.toFixed(1)} s of CPU\n${formatVerdicts([verdict])}\n`);
  if (options.json) await writeJson({ content: options.content, gigabytes, usage, verdict });
}

async function writeJson(data: unknown): Promise<void> {
  const path = join(PROJECT, ".bench", `${new Date().toISOString().replaceAll(":", "-")}.json`);
  await Deno.mkdir(join(PROJECT, ".bench"), { recursive: true });
  await Deno.writeTextFile(path, `${JSON.stringify(data, null, 2)}\n`);
  say(`All measurements are in ${path}`);
}

function print(text: string): void {
  process.stdout.write(text);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  const { parts: named, options } = parseCommandLine();
  const parts = new Set(named);
  await requireGnuTime();
  const places = {
    agent: options.agent,
    resticNewest: Deno.env.get("RESTIC_NEWEST"),
    peersDirectory: options.peers,
  };
  const wanted = options.long === undefined ? options.only : new Set<PeerKind>(["agent"]);
  const peers = await findPeers(wanted, places, say);
  const parent = options.directory === undefined ? undefined : resolve(options.directory);
  const inScratch = (work: (directory: string) => Promise<void>) => {
    return withScratchDirectory({ prefix: "bench-", parent }, work);
  };
  if (options.long !== undefined) {
    const gigabytes = options.long;
    return await inScratch((directory) => putLong(options, peers, gigabytes, directory));
  }
  if (parts.has("local") || parts.has("remote")) {
    await inScratch((directory) => compare(parts, options, peers, directory));
  }
  if (parts.has("load")) await inScratch((directory) => load(options, directory));
  if (parts.has("prune")) await inScratch((directory) => prunes(options, peers, directory));
  if (parts.has("list")) await inScratch((directory) => listings(options, peers, directory));
  if (parts.has("guard")) await guards(options);
  if (parts.has("streams")) await inScratch((directory) => severalStreams(options, peers, directory));
  if (parts.has("files")) await inScratch((directory) => trees(options, peers, directory));
  if (parts.has("databases")) await inScratch((directory) => databases(options, peers, directory));
}

try {
  await main();
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
