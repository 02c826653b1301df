/** The tools that are compared, and the commands that make each do the same. */
import { join } from "node:path";
import { type Invocation, run } from "./invocation.ts";

/** What kind of tool a peer is. Targets refer to kinds. A guest is restic on a repository that the agent made. */
export type PeerKind = "agent" | "restic" | "borg" | "guest";

/** The kinds of which each has repositories of its own. */
export const OWN_KINDS = ["agent", "restic", "borg"] as const satisfies readonly PeerKind[];

/** A tool that backs up standard input. */
export interface Peer {
  readonly kind: PeerKind;
  /** Its name with the version, so that two of a kind can be told apart. */
  readonly name: string;
  /**
   * The commands for a new repository. `directory` exists and is empty. It receives the tool's other files, and the
   * repository itself if no other place is given.
   */
  repository(directory: string, place?: RepositoryPlace): PeerRepository;
}

/** The place of a repository. */
export interface RepositoryPlace {
  /** The path of its files on this machine. */
  readonly path: string;
  /** The address given to the tool. */
  readonly url: string;
}

/** A new repository, and the commands to use it. */
export interface PeerRepository {
  /** The path of its files. Their sizes are what the tool stores. */
  readonly path: string;
  readonly init: Invocation;
  /** Backs up standard input as the next backup. */
  put(night: number): Invocation;
  /** Writes the backup of that night, which is the latest, to standard output. */
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

/**
 * A restic as a guest in a repository that the agent made. It has the same key, and the agent's last backup as its
 * latest. `hostDirectory` is what the agent's peer was given for its repository.
 */
export function guestPeer(restic: Peer, hostDirectory: string): Peer {
  return {
    kind: "guest",
    name: `${restic.name} on the agent's`,
    repository(directory) {
      const host = localPlace(hostDirectory);
      const { path } = localPlace(directory);
      const { init, put } = restic.repository(directory, host);
      const env: Record<string, string> = { ...init.env, RESTIC_PASSWORD_FILE: join(hostDirectory, "password") };
      delete env["RESTIC_PASSWORD"];
      const argv = [init.argv[0]!, "dump", "--quiet", "latest", "/bench/shop/data"];
      return {
        path,
        init: { argv: ["mkdir", path], env: {} },
        put: (night) => ({ ...put(night), env }),
        get: () => ({ argv, env }),
      };
    },
  };
}

/** A borg executable as a peer, with the fastest of its authenticated encryptions and the agent's compression. */
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
