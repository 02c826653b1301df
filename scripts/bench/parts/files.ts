/** Backups and restores of whole trees by all tools: each step by one tool after the other, in turn. */
import { join } from "node:path";
import { directorySize } from "../../directory_size.ts";
import { FileTree, type TreeShape } from "../made/file_trees.ts";
import { type Invocation, run } from "../tools/invocation.ts";
import { measureWithFile, type Usage } from "../tools/measure.ts";
import type { Quantity } from "../result/medians.ts";
import type { Peer, PeerKind, PeerRepository } from "../tools/peers.ts";
import { alignColumns } from "../result/report.ts";
import { medianAmong, QUANTITIES, rowTitle, unique } from "../result/step_medians.ts";
import type { Verdict } from "../result/targets.ts";
import { rotate } from "../tools/trial.ts";

/** The steps, in this order. */
export const FILES_STEPS = ["first", "unchanged", "1 % changed", "restore"] as const;
type FilesStep = (typeof FILES_STEPS)[number];

/** One step of one tool. */
export interface FilesSample extends Usage {
  readonly tree: string;
  readonly step: FilesStep;
  readonly kind: PeerKind;
  readonly peer: string;
  /** By how many bytes the repository grew. */
  readonly bytesAdded: number;
}

interface Request {
  readonly peers: readonly Peer[];
  readonly trees: readonly TreeShape[];
  readonly rounds: number;
  /** Must be empty. */
  readonly directory: string;
}

/** A tool in a round. */
interface Entrant {
  readonly peer: Peer;
  readonly repository: PeerRepository;
  readonly directory: string;
}

/** Runs all rounds. Throws if a tool fails, or restores anything else than it was given. */
export async function measureFiles(
  { peers, trees, rounds, directory }: Request,
  onSample: (round: number, sample: FilesSample) => void,
): Promise<FilesSample[]> {
  const samples: FilesSample[] = [];
  for (const shape of trees) {
    const tree = await FileTree.make(shape, join(directory, "tree"));
    for (let round = 1; round <= rounds; round++) {
      for await (const sample of measureRound({ peers: rotate(peers, round - 1), tree, round, directory })) {
        onSample(round, sample);
        samples.push(sample);
      }
    }
    await Deno.remove(tree.root, { recursive: true });
  }
  return samples;
}

interface Round {
  readonly peers: readonly Peer[];
  readonly tree: FileTree;
  readonly round: number;
  readonly directory: string;
}

async function* measureRound({ peers, tree, round, directory }: Round): AsyncGenerator<FilesSample, void, void> {
  const entrants: Entrant[] = [];
  for (const peer of peers) {
    const own = join(directory, peer.name.replaceAll(/[^\w.]+/g, "-"));
    await Deno.mkdir(join(own, "target"), { recursive: true });
    entrants.push({ peer, repository: peer.repository(own), directory: own });
  }
  for (const { repository } of entrants) await run(repository.init);
  for (const step of FILES_STEPS) {
    if (step === "1 % changed") await tree.change(round);
    for (const { peer: { kind, name }, repository, directory } of entrants) {
      const before = await directorySize(repository.path);
      await run({ argv: ["sync"], env: {} });
      await warmTree(step === "restore" ? repository.path : tree.root);
      const usage = await measureWithFile(commandFor(step, kind, repository, tree, directory), "/dev/null", directory);
      const bytesAdded = await directorySize(repository.path) - before;
      yield { tree: tree.name, step, kind, peer: name, ...usage, bytesAdded };
      if (step !== "restore") continue;
      if (round === 1) await requireSame(tree.root, join(directory, "target", tree.root));
      await Deno.remove(join(directory, "target"), { recursive: true });
    }
  }
  for (const entrant of entrants) await Deno.remove(entrant.directory, { recursive: true });
}

/** Reads every file once, so that the next reader finds it in the page cache. */
async function warmTree(root: string): Promise<void> {
  await run({ argv: ["/bin/sh", "-c", 'find "$0" -type f -exec cat {} + > /dev/null', root], env: {} });
}

async function requireSame(tree: string, restored: string): Promise<void> {
  await run({ argv: ["diff", "--recursive", "--no-dereference", tree, restored], env: {} });
}

function commandFor(
  step: FilesStep,
  kind: PeerKind,
  { init: { argv: [executable], env } }: PeerRepository,
  { root }: FileTree,
  directory: string,
): Invocation {
  const target = join(directory, "target");
  const isRestore = step === "restore";
  switch (kind) {
    case "agent": {
      const args = isRestore ? ["get", "bench/tree", "--target", target] : ["put", "bench/tree", root];
      return { argv: [executable!, ...args], env };
    }
    case "restic": {
      const args = isRestore ? ["restore", "latest", "--target", target] : ["backup", root];
      return { argv: [executable!, ...args, "--quiet"], env };
    }
    case "borg": {
      if (!isRestore) {
        const archive = `::${FILES_STEPS.indexOf(step)}`;
        return { argv: [executable!, "create", "--compression", "zstd,3", archive, root], env };
      }
      // It extracts into the current directory.
      const archive = `::${FILES_STEPS.indexOf("1 % changed")}`;
      return { argv: ["/bin/sh", "-c", 'cd "$0" && exec "$@"', target, executable!, "extract", archive], env };
    }
    case "guest":
      throw new RangeError("A guest has no trees of its own");
  }
}

/** A table for each tree: a row for each quantity of each step, a column for each tool, medians. */
export function formatFiles(samples: readonly FilesSample[]): string {
  const peers = unique(samples.map(({ peer }) => peer));
  return unique(samples.map(({ tree }) => tree)).map((tree) => {
    const rows = FILES_STEPS.flatMap((step) =>
      QUANTITIES.filter(({ quantity }) => step !== "restore" || quantity !== "bytesAdded")
        .map((row) => [
          rowTitle(step, row),
          ...peers.map((peer) => row.show(medianAmong(samples, { tree, step, peer }, row.quantity)!)),
        ])
    );
    return alignColumns([[tree, ...peers], ...rows]);
  }).join("\n\n");
}

/** How many times the memory of restic the agent may take. */
const MOST_MEMORY = 1.5;

/** The targets: in each step no slower than another tool, and not much more memory than restic. */
export function judgeFiles(samples: readonly FilesSample[]): Verdict[] {
  const agent = samples.find(({ kind }) => kind === "agent")?.peer;
  if (agent === undefined) return [];
  const others = unique(samples.filter(({ kind }) => kind === "restic").map(({ peer }) => peer));
  return unique(samples.map(({ tree }) => tree)).flatMap((tree) =>
    FILES_STEPS.flatMap((step) =>
      others.flatMap((peer) => {
        const ratio = (quantity: Quantity) =>
          medianAmong(samples, { tree, step, peer: agent }, quantity)! /
          medianAmong(samples, { tree, step, peer }, quantity)!;
        const [time, memory] = [ratio("wallSeconds"), ratio("peakBytes")];
        const what = `${tree}, ${step}:`;
        return [
          { target: `${what} no slower than ${peer}`, measured: `${(1 / time).toFixed(2)}x`, met: time <= 1 },
          {
            target: `${what} at most ${MOST_MEMORY} times the memory of ${peer}`,
            measured: `${memory.toFixed(2)}x`,
            met: memory <= MOST_MEMORY,
          },
        ];
      })
    )
  );
}
