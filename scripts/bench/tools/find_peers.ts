/** Finds the tools that are on this machine. */
import { delimiter, join, resolve } from "node:path";
import { agentPeer, borgPeer, type Peer, type PeerKind, resticPeer } from "./peers.ts";

/** Where to look in addition to PATH. */
interface Places {
  /** The agent's executable. */
  readonly agent: string;
  /** A restic that is newer than the one on PATH. */
  readonly resticNewest: string | undefined;
  /** A folder into which a newer restic was unpacked: `DIR/restic/usr/bin/restic` or `DIR/restic`. */
  readonly peersDirectory: string | undefined;
}

/** Every wanted tool that is present, in the order agent, restic (the newest first), borg. Reports what is missing. */
export async function findPeers(
  wanted: ReadonlySet<PeerKind>,
  places: Places,
  say: (line: string) => void,
): Promise<Peer[]> {
  const peers: Peer[] = [];
  if (wanted.has("agent")) {
    if (await isFile(places.agent)) peers.push(await agentPeer(places.agent));
    else say(`agent is left out: ${places.agent} is missing; make it with "deno task build"`);
  }
  if (wanted.has("restic")) {
    const executables = await resticExecutables(places);
    if (executables.length === 0) say("restic is left out: it is neither on PATH nor named by --peers");
    peers.push(...withoutTwins(await Promise.all(executables.map(resticPeer))));
  }
  if (wanted.has("borg")) {
    const executable = await onPath("borg");
    if (executable) peers.push(await borgPeer(executable));
    else say("borg is left out: it is not on PATH");
  }
  return peers;
}

async function resticExecutables({ resticNewest, peersDirectory }: Places): Promise<string[]> {
  const named = resticNewest === undefined ? [] : [resolve(resticNewest)];
  const unpacked = peersDirectory === undefined
    ? []
    : [join(resolve(peersDirectory), "restic/usr/bin/restic"), join(resolve(peersDirectory), "restic")];
  const candidates = [...named, ...unpacked, await onPath("restic") ?? ""];
  const found = [];
  for (const candidate of candidates) if (candidate !== "" && await isFile(candidate)) found.push(candidate);
  return found;
}

/** Removes peers with the same name, except the first of each. */
function withoutTwins(peers: Peer[]): Peer[] {
  return peers.filter((peer, i) => peers.findIndex((other) => other.name === peer.name) === i);
}

async function onPath(program: string): Promise<string | undefined> {
  for (const directory of (Deno.env.get("PATH") ?? "").split(delimiter)) {
    if (await isFile(join(directory, program))) return join(directory, program);
  }
  return undefined;
}

function isFile(path: string): Promise<boolean> {
  return Deno.stat(path).then((info) => info.isFile, () => false);
}
