/** The plugins of an agent: those that its configuration enables, and those that the program adds while it runs. */
import type { Clock } from "../../base/clock.ts";
import { AgentError } from "../../base/errors.ts";
import { ENGINE_NAMES } from "../../engine/engine_names.ts";
import type { EngineRegistry } from "../../engine/engine_urls.ts";
import { BUILT_IN_GUARDS, type CustomGuard } from "../../guard/guard.ts";
import { BUILT_IN_STORES } from "../../store/built_in.ts";
import type { StoreRegistry } from "../../store/store_urls.ts";
import type { Events } from "../events/events.ts";
import type { Plugin, PluginLog } from "./plugin.ts";
import type { PluginSetup } from "./plugin_setup.ts";
import { type PluginRow, Plugins } from "./plugins.ts";
import type { RegisteredKind } from "./registrations.ts";

/** A line that a plugin writes. */
export interface PluginLogLine {
  /** The plugin's name. */
  readonly plugin: string;
  /** How much it matters. */
  readonly level: keyof PluginLog;
  /** What it says. */
  readonly message: string;
}

/** How a plugin is added. */
export interface UsePluginOptions {
  /** What messages call it; the name of its class by default, or else `plugin`. No two may have the same. */
  readonly name?: string;
  /** What it sees as `settings`. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** What the plugins of an agent work with. */
interface AgentPluginsTools {
  readonly engines: EngineRegistry;
  readonly stores: StoreRegistry;
  readonly events: Events;
  readonly clock: Clock;
  readonly onProblem: (problem: AgentError) => void;
  /** Takes what they write. Without it, what is no cause for concern is left out, and the rest is a problem. */
  readonly onLog: ((line: PluginLogLine) => void) | undefined;
}

/** Activates plugins, and puts what they register where the agent looks for it. */
export class AgentPlugins {
  readonly #tools: AgentPluginsTools;
  readonly #plugins: Plugins;
  /** The names that the next plugin may not take, by kind. */
  readonly #taken: Record<RegisteredKind, readonly string[]>;

  /** No plugin is active yet. */
  constructor(setup: PluginSetup, tools: AgentPluginsTools) {
    const { events, clock, onProblem } = tools;
    this.#tools = tools;
    this.#taken = this.#takenNow([]);
    const logFor = (plugin: string) => this.#logFor(plugin);
    this.#plugins = new Plugins({ ...setup, events, clock, onProblem, taken: this.#taken, logFor });
  }

  /** The guards of the active plugins. */
  get guards(): readonly CustomGuard[] {
    return this.#plugins.guards;
  }

  /** Activates those that are enabled. What is wrong with one is told, and the others are active. */
  async activate(): Promise<void> {
    await this.#plugins.activate(new AbortController().signal);
    this.#plugins.addEngines(this.#tools.engines);
    this.#plugins.addStores(this.#tools.stores);
  }

  /** Activates one more. Throws what `Plugins.use` throws. */
  async use(
    plugin: Plugin | (new () => Plugin),
    { name = nameOf(plugin), settings = {} }: UsePluginOptions,
    signal: AbortSignal,
  ): Promise<void> {
    Object.assign(this.#taken, this.#takenNow(this.guards));
    await this.#plugins.use(plugin, { name, settings }, signal);
    this.#plugins.addEngines(this.#tools.engines, name);
    this.#plugins.addStores(this.#tools.stores, name);
  }

  /** All plugins: the active and the faulty ones, then the others in the directory. */
  list(): Promise<PluginRow[]> {
    return this.#plugins.list();
  }

  /** Deactivates them. Never throws. */
  deactivate(): Promise<void> {
    return this.#plugins.deactivate();
  }

  /** The names that are taken, among them those of the program's own registries. */
  #takenNow(guards: readonly CustomGuard[]): Record<RegisteredKind, readonly string[]> {
    const { engines, stores } = this.#tools;
    return {
      engine: [...ENGINE_NAMES, ...engines.schemes],
      store: [...BUILT_IN_STORES, ...stores.schemes],
      guard: [...BUILT_IN_GUARDS, ...guards.map(({ name }) => name)],
      command: [],
    };
  }

  #logFor(plugin: string): PluginLog {
    const { onLog, onProblem } = this.#tools;
    const write = (level: keyof PluginLog) => (message: string) => {
      if (onLog !== undefined) onLog({ plugin, level, message });
      else if (level !== "info") onProblem(new AgentError(`${plugin}: ${message}`));
    };
    return { info: write("info"), warn: write("warn"), error: write("error") };
  }
}

function nameOf(plugin: Plugin | (new () => Plugin)): string {
  const name = typeof plugin === "function" ? plugin.name : plugin?.constructor?.name;
  return name === undefined || name === "" || name === "Object" ? "plugin" : name;
}
