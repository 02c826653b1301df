/**
 * The comparison over HTTP: the same tools and steps on one server, near and far away, compared with the agent's local
 * speed.
 */
import { join } from "node:path";
import { Medians } from "../result/medians.ts";
import type { Peer } from "../tools/peers.ts";
import { formatMedians } from "../result/report.ts";
import { farAway, startBlobServer } from "../tools/server.ts";
import { judgeRemote, type Verdict } from "../result/targets.ts";
import { runTrial, type Sample, type Trial } from "../tools/trial.ts";

/** The distances of the server, as milliseconds of a round trip. */
const ROUND_TRIPS_MS: readonly number[] = [0, 20];

/** The result of a comparison over HTTP. */
interface RemoteResult {
  readonly samples: readonly Sample[];
  readonly verdicts: readonly Verdict[];
  /** One table for each distance. */
  readonly text: string;
}

/**
 * Runs all rounds with the tools that support restic's REST protocol, at every distance in each round, against the
 * agent's own server. `executable` is the agent's. Throws if a tool fails or restores other bytes.
 */
export async function compareRemote(
  trial: Trial,
  executable: string,
  onSample: (sample: Sample) => void,
): Promise<RemoteResult> {
  const tools = trial.peers.filter(({ kind }) => kind !== "borg");
  await using server = await startBlobServer(executable, trial.directory);
  await using distances = new AsyncDisposableStack();
  const peersByDistance: Peer[][] = [];
  for (const roundTripMs of ROUND_TRIPS_MS) {
    const far = roundTripMs === 0 ? server : distances.use(await farAway(server.address, roundTripMs));
    const origin = `rest:http://${far.address.hostname}:${far.address.port}`;
    peersByDistance.push(tools.map((tool) => atDistance(tool, origin, server.path, roundTripMs)));
  }
  const local = tools.filter(({ kind }) => kind === "agent").map((tool) => ({ ...tool, name: `${tool.name} local` }));
  const samples: Sample[] = [];
  for await (const sample of runTrial({ ...trial, peers: [...local, ...peersByDistance.flat()] })) {
    onSample(sample);
    samples.push(sample);
  }
  const medians = peersByDistance.map((peers) => new Medians(peers, samples));
  const verdicts = medians.flatMap((far, i) => judgeRemote(far, new Medians(local, samples), ROUND_TRIPS_MS[i]!));
  return { samples, verdicts, text: medians.map(formatMedians).join("\n\n") };
}

/** The tool with its repositories on the server. Each repository is removed before the next one begins. */
function atDistance(tool: Peer, origin: string, servedPath: string, roundTripMs: number): Peer {
  const name = `${tool.name} at ${roundTripMs} ms`;
  const folder = name.replaceAll(/[^\w]+/g, "-");
  let round = 0;
  return {
    ...tool,
    name,
    repository(directory) {
      const own = `${folder}-${++round}`;
      return tool.repository(directory, { path: join(servedPath, own), url: `${origin}/${own}/` });
    },
  };
}
