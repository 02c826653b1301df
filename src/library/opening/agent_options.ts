/** What a program says when it opens an agent. */
import type { AgentError, LockedError } from "../../base/errors.ts";
import type { Password } from "../../crypto/kdf.ts";
import type { EngineRegistry } from "../../engine/engine_urls.ts";
import type { World } from "../../ops/access.ts";
import type { NetworkOptions } from "../../store/http/client.ts";
import type { Retry } from "../../store/retry.ts";
import type { StoreRegistry } from "../../store/store_urls.ts";
import type { PluginLogLine } from "../plugins/agent_plugins.ts";

/** Where the repository is, and how it is opened. Everything but the repository and its password has a default. */
export interface AgentOptions {
  /**
   * A path, a URL such as `s3:https://host/bucket/prefix`, or the name of a repository in the configuration file. Without
   * it, the file says which one.
   */
  readonly repository?: string;
  /**
   * The configuration file; by default that of the user or of the machine. It counts if it or a profile is given, or no
   * repository.
   */
  readonly config?: string;
  /** A profile of that file. */
  readonly profile?: string;
  /** Receives what hooks of that file print, in whole lines. */
  readonly onHookOutput?: (lines: Uint8Array) => void | Promise<void>;
  /** Receives what plugins write. Without it, their warnings and errors are problems, and nobody hears the rest. */
  readonly onPluginLog?: (line: PluginLogLine) => void;
  /** The password: bytes, or a text that stands for its bytes in UTF-8. One of the three ways must be given. */
  readonly password?: Password;
  /** A file that holds the password. */
  readonly passwordFile?: string;
  /** A command for the shell that prints the password. */
  readonly passwordCommand?: string;
  /** Whether a repository is made, with this password, if there is none. */
  readonly init?: boolean;
  /** The host that backups belong to; this machine by default. */
  readonly host?: string;
  /** The address of the gateway that signed URLs lead to; by default that of `AGENT_GATEWAY` or the configuration. */
  readonly gateway?: string;
  /** How long to wait for another process's lock, in milliseconds; 0, the default, fails at once. */
  readonly retryLockMs?: number;
  /** Settings of stores, such as `{ "s3.region": "eu-west-1" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How to reach servers; by default with the proxies of the environment. */
  readonly network?: NetworkOptions;
  /**
   * The variables that stores take credentials from, and that client programs of databases get; by default those of this
   * process.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where what is read repeatedly or exceeds memory is kept; null for nowhere. By default a folder in `~/.cache`. */
  readonly cacheDirectory?: string | null;
  /**
   * The catalogue of this machine, which is told what calls did and learned: a path, or false for none. By default the
   * one of `AGENT_CATALOGUE`, or in `~/.local/state`.
   */
  readonly catalogue?: string | false;
  /** The engines; by default those that this library comes with. */
  readonly engines?: EngineRegistry;
  /** The kinds of stores; by default those that this library comes with. */
  readonly stores?: StoreRegistry;
  /** Called with problems that do not stop the work, such as a handler that failed. */
  readonly onProblem?: (problem: AgentError) => void;
  /** Called with the lock that is waited for. */
  readonly onWait?: (locked: LockedError) => void;
  /** Called before a failed call to a store on another machine is made again. */
  readonly onRetry?: (retry: Retry) => void;
  /** Clock, identity, randomness and memory in place of those of this process. */
  readonly world?: Partial<World>;
}
