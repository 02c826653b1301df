/** Listings of one repository with many backups, by the agent and by restic: time and memory, locally and over HTTP. */
import { join } from "node:path";
import { type Invocation, run } from "../tools/invocation.ts";
import { type ChainShape, makeChain, SERIES } from "../made/list_repository.ts";
import { measureWithFile, type Usage } from "../tools/measure.ts";
import { median } from "../result/medians.ts";
import type { Peer, PeerRepository, RepositoryPlace } from "../tools/peers.ts";
import { alignColumns } from "../result/report.ts";
import { startBlobServer } from "../tools/server.ts";
import { type Bounds, judgeAtMost, type Verdict } from "../result/targets.ts";
import { rotate } from "../tools/trial.ts";

/** Where the repository is, and whether the tool has a cache of it. */
export const LIST_STEPS = ["local, cold", "local, warm", "HTTP, cold", "HTTP, warm"] as const;
type ListStep = (typeof LIST_STEPS)[number];

/** The measurement of one listing. */
export interface ListSample extends Usage {
  readonly step: ListStep;
  /** The tool and its command. */
  readonly listing: string;
  readonly isAgent: boolean;
}

/** The parameters of the measurement. */
interface ListTrial {
  readonly peers: readonly Peer[];
  /** The agent's executable, for the server. */
  readonly executable: string;
  readonly shape: ChainShape;
  readonly rounds: number;
  /** An empty directory. */
  readonly directory: string;
}

const PASSWORD = "bench";

/** The commands of each kind of tool. */
const LISTINGS: Readonly<Record<Peer["kind"], readonly (readonly string[])[]>> = {
  agent: [["ls"], ["status"], ["chain", SERIES]],
  restic: [["snapshots"]],
  borg: [],
  guest: [],
};

/** One command of one tool, with its repository and directory. */
interface Entrant {
  readonly peer: Peer;
  readonly args: readonly string[];
  readonly repository: PeerRepository;
  readonly directory: string;
}

/** Makes the repository and lets each tool list it, one command after the other in each round. Throws if one fails. */
export async function measureListings(
  trial: ListTrial,
  onSample: (round: number, sample: ListSample) => void,
): Promise<ListSample[]> {
  await using server = await startBlobServer(trial.executable, trial.directory);
  const path = join(server.path, "chain");
  await makeChain(path, PASSWORD, trial.shape, new Date());
  const { hostname, port } = server.address;
  const near = await enter(trial, { path, url: path }, "near");
  const far = await enter(trial, { path, url: `rest:http://${hostname}:${port}/chain/` }, "far");
  const samples: ListSample[] = [];
  for (let round = 1; round <= trial.rounds; round++) {
    for (
      const [entrants, cold, warm] of [[near, "local, cold", "local, warm"], [far, "HTTP, cold", "HTTP, warm"]] as const
    ) {
      for (const entrant of rotate(entrants, round - 1)) {
        await dropCache(entrant);
        for (const step of [cold, warm]) {
          const sample = await take(step, entrant);
          onSample(round, sample);
          samples.push(sample);
        }
      }
    }
  }
  return samples;
}

/** Gives every command its own directory, so that no other command fills its cache. */
async function enter({ peers, directory }: ListTrial, place: RepositoryPlace, name: string): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  for (const peer of peers) {
    for (const args of LISTINGS[peer.kind]) {
      const own = await Deno.makeTempDir({ dir: directory, prefix: `${name}-` });
      const repository = peer.repository(own, place);
      await Deno.writeTextFile(join(own, "password"), PASSWORD);
      // Executables unpack or compile themselves at their first start, which must not be measured.
      await run(invocation(repository, ...args));
      entrants.push({ peer, args, repository, directory: own });
    }
  }
  return entrants;
}

/** The agent and restic take their commands in the same way. */
function invocation({ init: { argv, env } }: PeerRepository, ...args: readonly string[]): Invocation {
  return { argv: [argv[0]!, ...args], env };
}

/** Removes the tools' caches of repositories below the directory. */
async function dropCache({ directory }: Entrant): Promise<void> {
  for (const cache of [".cache/agent", "cache"]) await run({ argv: ["rm", "-rf", join(directory, cache)], env: {} });
}

async function take(step: ListStep, { peer, args, repository, directory }: Entrant): Promise<ListSample> {
  const usage = await measureWithFile(invocation(repository, ...args), "/dev/null", directory);
  return { step, listing: `${peer.name} ${args[0]}`, isAgent: peer.kind === "agent", ...usage };
}

/** A table of medians: a row for each quantity of each step, a column for each listing. */
export function formatListings(samples: readonly ListSample[], { backups, chunksEach }: ChainShape): string {
  const listings = [...new Set(samples.map(({ listing }) => listing))];
  const rows = LIST_STEPS.flatMap((step) => {
    const cells = (value: (sample: ListSample) => number, digits: number) =>
      listings.map((listing) => medianOf(samples, step, listing, value).toFixed(digits));
    return [
      [`${step}   s`, ...cells(({ wallSeconds }) => wallSeconds, 2)],
      ["   CPU s", ...cells(({ cpuSeconds }) => cpuSeconds, 2)],
      ["   peak MB", ...cells(({ peakBytes }) => peakBytes / 1e6, 0)],
    ];
  });
  return `${backups} backups, ${backups * chunksEach} chunks\n${alignColumns([["median of", ...listings], ...rows])}`;
}

function medianOf(
  samples: readonly ListSample[],
  step: ListStep,
  listing: string,
  value: (sample: ListSample) => number,
): number {
  return median(samples.filter((sample) => sample.step === step && sample.listing === listing).map(value));
}

/** The longest that a user should wait for a listing, in seconds; a chain also measures what restores of it read. */
const MOST_SECONDS: Bounds = { must: 1, goal: 1 };
const MOST_SECONDS_OF_CHAIN: Bounds = { must: 1.2, goal: 0.8 };

/** The targets: with a cache, every listing of the agent is done at once, wherever the repository is. */
export function judgeListings(samples: readonly ListSample[]): Verdict[] {
  const listings = new Set(samples.filter(({ isAgent }) => isAgent).map(({ listing }) => listing));
  return [...listings].flatMap((listing) =>
    (["local, warm", "HTTP, warm"] as const).map((step) => {
      const seconds = medianOf(samples, step, listing, ({ wallSeconds }) => wallSeconds);
      const bounds = listing.endsWith(" chain") ? MOST_SECONDS_OF_CHAIN : MOST_SECONDS;
      return judgeAtMost(`${listing}, ${step}: seconds`, { ratio: seconds, bounds });
    })
  );
}
