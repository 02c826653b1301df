/**
 * The contract of plugins: what one is, and what it gets. After bakthat's, whose plugins are classes with `activate` and
 * `deactivate` that see the configuration and a logger, and subscribe to what happens.
 */
import type { Engine } from "../../engine/engine.ts";
import type { CustomJudge } from "../../guard/guard.ts";
import type { StoreFactory } from "../../store/store_urls.ts";
import type { EventName } from "../../config/event_names.ts";
import type { EventHandler } from "../events/event.ts";
import type { PluginCommand } from "./plugin_command.ts";
import type { PluginLibrary } from "./plugin_library.ts";

/** A plugin: the default export of its module, or what that makes with `new`. */
export interface Plugin {
  /** Its version, which the list of plugins shows; also as a static property of a class. */
  readonly version?: string;
  /** Called once at the start. The plugin registers and subscribes what it has. Throws if it cannot work. */
  activate(context: PluginContext): void | Promise<void>;
  /** Called once at the end, also when what the program did failed, if `activate` succeeded. */
  deactivate?(): void | Promise<void>;
}

/** What a plugin writes, with its name in front, for whoever started the program. */
export interface PluginLog {
  /** What is no cause for concern. Quiet commands and those with `--json` leave it out. */
  info(message: string): void;
  /** What somebody should look at. */
  warn(message: string): void;
  /** What the plugin could not do. */
  error(message: string): void;
}

/** The events of the agent, for a plugin. */
export interface PluginEvents {
  /**
   * Subscribes a handler; the result undoes that. A handler of a `before…` event vetoes the action by throwing. Throws
   * `UsageError` for a name that no event has.
   */
  on<Name extends EventName>(
    event: Name,
    handler: EventHandler<Name>,
    options?: { readonly timeoutMs?: number },
  ): () => void;
}

/** How a store is registered. */
export interface PluginStoreOptions {
  /**
   * Whether it lies on another machine: calls that fail in a way that may pass are then repeated, what is damaged on the
   * way is read again, and this machine keeps a cache. False by default.
   */
  readonly isRemote?: boolean;
}

/** What a plugin gets. It registers while `activate` runs; it may subscribe to events as long as it is active. */
export interface PluginContext {
  /** The plugin's name: that of its file, by which it was enabled. */
  readonly name: string;
  /** The configuration as it was written: the top level and the profile. Secrets in it are not resolved. */
  readonly conf: Readonly<Record<string, unknown>>;
  /** The plugin's own settings, the table `[plugins.NAME]`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Writes for people. */
  readonly log: PluginLog;
  /** What happens to backups. */
  readonly events: PluginEvents;
  /** What a plugin in the executable cannot import: the classes of errors, and tools for engines. */
  readonly library: PluginLibrary;
  /** Aborted when the time for `activate` is over, or the program is to stop. */
  readonly signal: AbortSignal;
  /** Adds an engine, whose URLs begin with `scheme`. Throws `UsageError` for a scheme that is taken or is none. */
  registerEngine(scheme: string, engine: Engine): void;
  /** Adds a store, whose URLs begin with `scheme`. Throws `UsageError` for a scheme that is taken or is none. */
  registerStore(scheme: string, factory: StoreFactory, options?: PluginStoreOptions): void;
  /** Adds a guard, which `--guard NAME` asks for. Throws `UsageError` for a name that is taken or is none. */
  registerGuard(name: string, create: () => CustomJudge): void;
  /** Adds a command. Throws `UsageError` for one that exists, or that has another form. */
  registerCommand(command: PluginCommand): void;
}
