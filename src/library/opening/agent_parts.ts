/** What the methods of an agent work with. */
import type { Password } from "../../crypto/kdf.ts";
import type { ClientMachine } from "../../engine/client/machine.ts";
import type { EngineRegistry } from "../../engine/engine_urls.ts";
import type { RepositoryAccess, World } from "../../ops/access.ts";
import type { StoreRegistry } from "../../store/store_urls.ts";
import type { Events } from "../events/events.ts";
import type { AgentPlugins } from "../plugins/agent_plugins.ts";
import type { UsualOptions } from "./usual_options.ts";

/** An agent's repository, and everything that its methods need besides. */
export interface AgentParts {
  readonly access: RepositoryAccess;
  readonly world: World;
  readonly events: Events;
  readonly engines: EngineRegistry;
  readonly stores: StoreRegistry;
  readonly plugins: AgentPlugins;
  /** What client programs of databases are started with. */
  readonly machine: ClientMachine;
  /** Opens the repository with another password from here on. */
  readonly usePassword: (password: Password) => void;
  /** The host that backups belong to. */
  readonly host: string;
  /** The address of the gateway that signed URLs lead to; undefined for the usual one. */
  readonly gateway: string | undefined;
  /** What is usual for backups and rotations, where a call says nothing. */
  readonly usual: UsualOptions;
  /** Directories that no backup holds: those of the repository and of the cache. */
  readonly own: () => Promise<readonly OwnDirectory[]>;
}

/** A directory of the agent's own, and what it is, for messages. */
export interface OwnDirectory {
  readonly path: string;
  readonly what: string;
}

/** The options of every method. */
export interface CallOptions {
  /** Stops the work, which then throws `InterruptedError`. */
  readonly signal?: AbortSignal;
}

/** The options of every method that only reads. */
export interface ReadingOptions extends CallOptions {
  /** Whether no lock is taken, for stores that cannot be written to. */
  readonly noLock?: boolean;
}
