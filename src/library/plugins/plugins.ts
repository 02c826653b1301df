/** The plugins of a program: they are activated once at the start, and deactivated once at the end. */
import { pathToFileURL } from "node:url";
import { interruption, onAbort } from "../../base/abort.ts";
import type { Clock } from "../../base/clock.ts";
import { AgentError, messageOf, UsageError } from "../../base/errors.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { withinTime } from "../../base/time_limit.ts";
import type { EngineRegistry } from "../../engine/engine_urls.ts";
import type { CustomGuard } from "../../guard/guard.ts";
import { overNetwork } from "../../store/built_in.ts";
import type { StoreFactory, StoreRegistry } from "../../store/store_urls.ts";
import type { Events } from "../events/events.ts";
import type { Plugin, PluginContext, PluginEvents, PluginLog } from "./plugin.ts";
import {
  findPlugin,
  listPluginFiles,
  type LoadedPlugin,
  loadPlugin,
  pluginOf,
  type PluginPlace,
  trustPlugin,
} from "./plugin_files.ts";
import { PLUGIN_LIBRARY } from "./plugin_library.ts";
import {
  type RegisteredCommand,
  type RegisteredKind,
  type RegisteredStore,
  Registrations,
  type TakenNames,
} from "./registrations.ts";

/** How long the load and `activate` of a plugin may take. */
const ACTIVATE_MS = 10_000;
/** How long `deactivate` may take. */
const DEACTIVATE_MS = 5000;

/** What plugins are activated with. */
export interface PluginsOptions {
  /** Where they are. */
  readonly place: PluginPlace;
  /** The names of those to activate, in this order. */
  readonly enabled: readonly string[];
  /** What they see as `conf`. */
  readonly conf: Readonly<Record<string, unknown>>;
  /** The settings of each, by name. */
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** What they subscribe to. */
  readonly events: Pick<Events, "on">;
  /** Where they write. */
  readonly logFor: (plugin: string) => PluginLog;
  /** Measures their time. */
  readonly clock: Clock;
  /** The names that no plugin may take. */
  readonly taken: TakenNames;
  /** Called with what is wrong with a plugin, which changes nothing else. */
  readonly onProblem: (problem: AgentError) => void;
}

/** A plugin as a list shows it. */
export interface PluginRow {
  /** The name by which it is enabled. */
  readonly name: string;
  /** Its file; null if there is none. */
  readonly origin: string | null;
  /** Null if it tells none, or was not loaded. */
  readonly version: string | null;
  /** Whether it is active, does nothing because of what is wrong with it, or was not asked for. */
  readonly state: "enabled" | "faulty" | "not enabled";
  /** What is wrong with it; null unless it is faulty. */
  readonly reason: string | null;
}

/** A plugin that was to be activated. */
interface Activation {
  readonly name: string;
  /** What it sees as its own settings. */
  readonly settings: Readonly<Record<string, unknown>>;
  origin: string | null;
  version: string | null;
  /** Absent unless it is active. */
  plugin?: Plugin;
  /** What is wrong with it. */
  reason: string | null;
  /** What undoes its subscriptions. */
  readonly undo: (() => void)[];
}

/** Activates plugins. Throws `InterruptedError` if the signal is aborted meanwhile; nothing else makes it fail. */
export async function activatePlugins(options: PluginsOptions, signal: AbortSignal): Promise<Plugins> {
  const plugins = new Plugins(options);
  await plugins.activate(signal);
  return plugins;
}

/** Plugins, active or faulty. A faulty one does nothing: what it registered and subscribed to is taken back. */
export class Plugins {
  readonly #options: PluginsOptions;
  readonly #registrations: Registrations;
  readonly #activations: Activation[] = [];

  /** No plugins yet. */
  constructor(options: PluginsOptions) {
    this.#options = options;
    this.#registrations = new Registrations(options.taken);
  }

  /** The commands of the active plugins. */
  get commands(): readonly RegisteredCommand[] {
    return this.#registrations.commands;
  }

  /** The guards of the active plugins. */
  get guards(): readonly CustomGuard[] {
    return this.#registrations.guards;
  }

  /**
   * Adds the engines of the active plugins, or of one of them, and tells for an unknown one which plugin may be the
   * reason.
   */
  addEngines(registry: EngineRegistry, plugin?: string): void {
    for (const [scheme, engine] of this.#registrations.engines(plugin)) registry.register(scheme, engine);
    registry.onUnknown = (scheme, error) => this.explain("engine", scheme, error);
  }

  /**
   * Adds the stores of the active plugins, or of one of them, and tells for an unknown one which plugin may be the
   * reason.
   */
  addStores(registry: StoreRegistry, plugin?: string): void {
    for (const [scheme, store] of this.#registrations.stores(plugin)) {
      registry.register(scheme, openingOf(store), { isRemote: store.isRemote ?? false });
    }
    registry.onUnknown = (scheme, error) => this.explain("store", scheme, error);
  }

  /** The error to throw instead of `error`, which says that a name is unknown: it names faulty plugins. */
  explain(kind: RegisteredKind, name: string, error: UsageError): AgentError {
    const lost = this.#registrations.lost(kind, name);
    if (lost !== undefined) return lost;
    const faulty = this.#activations.filter(({ reason }) => reason !== null);
    if (faulty.length === 0) return error;
    const reasons = faulty.map(({ name, reason }) => `"${name}", which is faulty: ${reason}`);
    return new UsageError(`${error.message}; it may be that of the plugin ${reasons.join("; or ")}`, { cause: error });
  }

  /** All plugins: those that were to be activated, then the others in the directory. */
  async list(): Promise<PluginRow[]> {
    const rows = this.#activations.map(({ name, origin, version, reason }) => {
      return { name, origin, version, reason, state: reason === null ? "enabled" : "faulty" } satisfies PluginRow;
    });
    const files = await listPluginFiles(this.#options.place);
    const others = [...files].filter(([name]) => this.#find(name) === undefined).sort();
    return [
      ...rows,
      ...others.map(([name, [origin]]): PluginRow => {
        return { name, origin: origin ?? null, version: null, state: "not enabled", reason: null };
      }),
    ];
  }

  /** Activates those that are enabled. Throws `InterruptedError` if the signal is aborted meanwhile. */
  async activate(signal: AbortSignal): Promise<void> {
    try {
      for (const name of this.#options.enabled) await this.#activateEnabled(name, signal);
    } catch (error) {
      await this.deactivate();
      throw error;
    }
  }

  /**
   * Activates a class or an object that the program itself has. Throws `UsageError` for a name that another plugin has,
   * `AgentError` for a plugin that is faulty, and `InterruptedError` if the signal is aborted meanwhile.
   */
  async use(
    plugin: unknown,
    { name, settings = {} }: { readonly name: string; readonly settings?: Readonly<Record<string, unknown>> },
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#find(name) !== undefined) throw new UsageError(`There is a plugin "${name}" already: use another name`);
    await this.#activateOne({ name, settings }, () => Promise.resolve(pluginOf(plugin, "what is given")), signal);
  }

  /**
   * The plugin that an error nobody waits for comes from, by its stack, if no data depends on it: of a plugin with
   * engines, stores or guards nobody knows what else went wrong.
   */
  ownerOfStray(stack: string): string | undefined {
    const owner = this.#activations.find(({ origin }) => origin !== null && stack.includes(pathToFileURL(origin).href));
    return owner === undefined || this.#registrations.handlesData(owner.name) ? undefined : owner.name;
  }

  #find(name: string): Activation | undefined {
    return this.#activations.find((activation) => activation.name === name);
  }

  async #activateEnabled(name: string, signal: AbortSignal): Promise<void> {
    const { settings: all, onProblem } = this.#options;
    const settings = Object.hasOwn(all, name) ? all[name]! : {};
    try {
      await this.#activateOne({ name, settings }, (activation) => this.#load(activation), signal);
    } catch (error) {
      if (!(error instanceof AgentError) || signal.aborted) throw error;
      onProblem(error);
    }
  }

  async #activateOne(
    { name, settings }: Pick<Activation, "name" | "settings">,
    load: (activation: Activation) => Promise<LoadedPlugin>,
    signal: AbortSignal,
  ): Promise<void> {
    const activation: Activation = { name, settings, origin: null, version: null, reason: null, undo: [] };
    this.#activations.push(activation);
    const late = new AgentError(`it was not ready within ${formatDuration(ACTIVATE_MS)}`);
    try {
      await withinTime({ clock: this.#options.clock, ms: ACTIVATE_MS, late }, async (over) => {
        const ending = AbortSignal.any([signal, over]);
        const interrupted = Promise.withResolvers<never>();
        interrupted.promise.catch(() => {});
        using _stopping = onAbort(signal, () => interrupted.reject(interruption(signal)));
        const work = this.#start(activation, load, ending);
        work.catch(() => {}); // Nobody is left to hear of its failure once its time is over.
        await Promise.race([work, interrupted.promise]);
      });
    } catch (error) {
      this.#giveUp(activation, messageOf(error));
      if (signal.aborted) throw interruption(signal);
      const message = `The plugin "${name}" is faulty and does nothing: ${activation.reason}`;
      throw new AgentError(message, { cause: error });
    }
  }

  /** Deactivates the active plugins, the last one first. Never throws. */
  async deactivate(): Promise<void> {
    const { clock, onProblem } = this.#options;
    for (const activation of this.#activations.toReversed()) {
      const { name, plugin, undo } = activation;
      delete activation.plugin;
      if (plugin === undefined) continue;
      for (const unsubscribe of undo.splice(0)) unsubscribe();
      const late = new AgentError(`it did not end within ${formatDuration(DEACTIVATE_MS)}`);
      try {
        await withinTime({ clock, ms: DEACTIVATE_MS, late }, async () => await plugin.deactivate?.());
      } catch (error) {
        onProblem(new AgentError(`The plugin "${name}" failed at its end: ${messageOf(error)}`, { cause: error }));
      }
    }
  }

  async #load(activation: Activation): Promise<LoadedPlugin> {
    const { place } = this.#options;
    activation.origin = await findPlugin(activation.name, place);
    activation.origin = await trustPlugin(activation.origin, place);
    return await loadPlugin(activation.origin);
  }

  async #start(
    activation: Activation,
    load: (activation: Activation) => Promise<LoadedPlugin>,
    signal: AbortSignal,
  ): Promise<void> {
    const { plugin, version } = await load(activation);
    activation.version = version;
    const opening = new PluginOpening(activation.name, this.#registrations, signal);
    try {
      signal.throwIfAborted();
      await plugin.activate(this.#contextOf(activation, opening, signal));
      signal.throwIfAborted();
    } finally {
      opening.close();
    }
    // A plugin that went on after a failed registration lacks something that it believes to have.
    if (opening.failure !== undefined) throw opening.failure;
    activation.plugin = plugin;
  }

  #giveUp(activation: Activation, reason: string): void {
    activation.reason = reason.replaceAll(/\s*\n\s*/g, " ");
    for (const unsubscribe of activation.undo.splice(0)) unsubscribe();
    this.#registrations.withdraw(activation.name, activation.reason);
  }

  #contextOf(activation: Activation, opening: PluginOpening, signal: AbortSignal): PluginContext {
    const { conf, logFor } = this.#options;
    const { name, settings } = activation;
    return Object.freeze<PluginContext>({
      name,
      conf,
      settings,
      log: logFor(name),
      events: this.#eventsFor(activation),
      library: PLUGIN_LIBRARY,
      signal,
      registerEngine: (...engine) => opening.register((registrations) => registrations.addEngine(name, ...engine)),
      registerStore: (...store) => opening.register((registrations) => registrations.addStore(name, ...store)),
      registerGuard: (...guard) => opening.register((registrations) => registrations.addGuard(name, ...guard)),
      registerCommand: (command) => opening.register((registrations) => registrations.addCommand(name, command)),
    });
  }

  #eventsFor(activation: Activation): PluginEvents {
    return {
      on: (event, handler, { timeoutMs } = {}) => {
        if (activation.reason !== null) throw new UsageError(`The plugin "${activation.name}" is not active`);
        const how = { name: `The plugin "${activation.name}"`, ...timeoutMs === undefined ? {} : { timeoutMs } };
        const undo = this.#options.events.on(event, handler, how);
        activation.undo.push(undo);
        return undo;
      },
    };
  }
}

/** Takes the registrations of one plugin while it is being activated. */
class PluginOpening {
  readonly #name: string;
  readonly #registrations: Registrations;
  /** Aborted when nobody waits for `activate` any more. */
  readonly #signal: AbortSignal;
  #isClosed = false;
  /** The first registration that failed. */
  failure: unknown;

  constructor(name: string, registrations: Registrations, signal: AbortSignal) {
    this.#name = name;
    this.#registrations = registrations;
    this.#signal = signal;
  }

  register(work: (registrations: Registrations) => void): void {
    if (this.#isClosed || this.#signal.aborted) {
      throw new UsageError(`The plugin "${this.#name}" may register only while activate() runs`);
    }
    try {
      work(this.#registrations);
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
  }
}

function openingOf({ factory, isRemote = false }: RegisteredStore): StoreFactory {
  if (!isRemote) return factory;
  return async (place, dependencies) => overNetwork(await factory(place, dependencies), dependencies);
}
