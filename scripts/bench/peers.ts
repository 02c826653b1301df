/** The tools that are compared: how each is asked to do the same. */
import { join } from "node:path";
import { type Invocation, run } from "./invocation.ts";

/** What kind of tool a peer is; targets are set against kinds. */
export type PeerKind = "agent" | "restic" | "borg";

/** A tool that backs up standard input. */
export interface Peer {
  readonly kind: PeerKind;
  /** With its version, so that two of a kind can be told apart. */
  readonly name: string;
  /**
   * The commands for a repository of its own. `directory` is there and empty and holds what the tool keeps beside the
   * repository, and the repository itself where no other place is given.
   */
  repository(directory: string, place?: RepositoryPlace): PeerRepository;
}

/** Where a repository lies. */
export interface RepositoryPlace {
  /** Where its files are on this machine. */
  readonly path: string;
  /** What the tool is told. */
  readonly url: string;
}

/** A fresh repository and what is done with it. */
export interface PeerRepository {
  /** Where its files lie; their sizes are what it stores. */
  readonly path: string;
  readonly init: Invocation;
  /** Backs up standard input as the next backup. */
  put(night: number): Invocation;
  /** Writes the backup of that night, the latest, to standard output. */
  get(night: number): Invocation;
}

/** The agent's executable as a peer. */
export async function agentPeer(executable: string): Promise<Peer> {
  const version = /\d+\.\d+\.\d+[^\s,]*/.exec(await run({ argv: [executable, "version"], env: homeOf("/tmp") }));
  return {
    kind: "agent",
    name: `agent ${version?.[0] ?? ""}`.trim(),
    repository(directory, { path, url } = localPlace(directory)) {
      const passwordFile = join(directory, "password");
      const env = { ...homeOf(directory), AGENT_REPOSITORY: url, AGENT_PASSWORD_FILE: passwordFile };
      return {
        path,
        init: { argv: [executable, "init", "--new-password-file", passwordFile], env },
        put: () => ({ argv: [executable, "put", "bench/shop"], env }),
        get: () => ({ argv: [executable, "get", "bench/shop"], env }),
      };
    },
  };
}

/** A restic executable as a peer. */
export async function resticPeer(executable: string): Promise<Peer> {
  const version = /^restic (\S+)/.exec(await run({ argv: [executable, "version"], env: {} }));
  return {
    kind: "restic",
    name: `restic ${version?.[1] ?? ""}`.trim(),
    repository(directory, { path, url } = localPlace(directory)) {
      const env = {
        ...homeOf(directory),
        RESTIC_REPOSITORY: url,
        RESTIC_PASSWORD: "bench",
        RESTIC_CACHE_DIR: join(directory, "cache"),
      };
      return {
        path,
        init: { argv: [executable, "init", "--quiet"], env },
        put: () => ({ argv: [executable, "backup", "--quiet", "--stdin", "--stdin-filename", "shop.sql"], env }),
        get: () => ({ argv: [executable, "dump", "--quiet", "latest", "shop.sql"], env }),
      };
    },
  };
}

/** A borg executable as a peer: the fastest of its authenticated encryptions, and the agent's compression. */
export async function borgPeer(executable: string): Promise<Peer> {
  const version = /^borg (\S+)/.exec(await run({ argv: [executable, "--version"], env: homeOf("/tmp") }));
  return {
    kind: "borg",
    name: `borg ${version?.[1] ?? ""}`.trim(),
    repository(directory, { path, url } = localPlace(directory)) {
      const env = { ...homeOf(directory), BORG_REPO: url, BORG_PASSPHRASE: "bench", BORG_BASE_DIR: directory };
      return {
        path,
        init: { argv: [executable, "init", "--encryption", "repokey-blake2"], env },
        put: (night) => ({ argv: [executable, "create", "--compression", "zstd,3", `::night-${night}`, "-"], env }),
        get: (night) => ({ argv: [executable, "extract", "--stdout", `::night-${night}`], env }),
      };
    },
  };
}

function localPlace(directory: string): RepositoryPlace {
  const path = join(directory, "repository");
  return { path, url: path };
}

/** Keeps a tool's caches and settings below `directory`. */
function homeOf(directory: string): Record<string, string> {
  return { HOME: directory, XDG_CACHE_HOME: join(directory, "cache"), LC_ALL: "C.UTF-8" };
}
