/** The tools on a local disk, on a dump of each kind, with restic as a guest in the agent's repository, too. */
import type { DumpKind } from "../../dumps/kinds.ts";
import { Medians } from "../result/medians.ts";
import { formatMedians } from "../result/report.ts";
import { judge, type Verdict } from "../result/targets.ts";
import { guestPeer, type Peer } from "../tools/peers.ts";
import { directoryOf, runTrial, type Sample, type Trial } from "../tools/trial.ts";

/** The result for one kind of dump. */
interface LocalResult {
  readonly samples: readonly Sample[];
  readonly verdicts: readonly Verdict[];
  readonly text: string;
}

/** Runs all rounds. Throws if a tool fails or restores other bytes. */
export async function compareLocal(
  trial: Trial,
  kind: DumpKind,
  onSample: (sample: Sample) => void,
): Promise<LocalResult> {
  const peers = withGuest(trial.peers, trial.directory);
  const samples: Sample[] = [];
  for await (const sample of runTrial({ ...trial, peers })) {
    onSample(sample);
    samples.push(sample);
  }
  const medians = new Medians(peers, samples);
  const verdicts = judge(medians).map((verdict) => ({ ...verdict, target: `${kind}, ${verdict.target}` }));
  return { samples, verdicts, text: `The dump "${kind}"\n${formatMedians(medians)}` };
}

/** Adds the newest restic as a guest, if both it and the agent take part. */
function withGuest(peers: readonly Peer[], directory: string): readonly Peer[] {
  const agent = peers.find(({ kind }) => kind === "agent");
  const restic = peers.find(({ kind }) => kind === "restic");
  if (agent === undefined || restic === undefined) return peers;
  return [...peers, guestPeer(restic, directoryOf(agent, directory))];
}
