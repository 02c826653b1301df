/** What plugins register, and what is known of a name that none of them gives: who would have, and why it does not. */
import { AgentError, UsageError } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import { type CustomGuard, requireGuardName } from "../../guard/guard.ts";
import type { StoreFactory } from "../../store/store_urls.ts";
import { type PluginCommand, requireCommand } from "./plugin_command.ts";
import type { PluginStoreOptions } from "./plugin.ts";

/** What can be registered. */
export type RegisteredKind = "engine" | "store" | "guard" | "command";

/** The names that are the program's own, by kind. */
export type TakenNames = Readonly<Record<RegisteredKind, readonly string[]>>;

/** A store and how it is registered. */
export interface RegisteredStore extends PluginStoreOptions {
  readonly factory: StoreFactory;
}

/** A command, and whose it is. */
export interface RegisteredCommand {
  /** The name of the plugin. */
  readonly plugin: string;
  /** What it registered. */
  readonly command: PluginCommand;
}

interface Registered<Value> {
  readonly plugin: string;
  readonly value: Value;
}

type Values = {
  readonly engine: Engine;
  readonly store: RegisteredStore;
  readonly guard: CustomGuard;
  readonly command: PluginCommand;
};

/** A name that no plugin gives, and why. */
interface Lost {
  readonly kind: RegisteredKind;
  readonly name: string;
  readonly reason: string;
}

const SCHEME = /^[a-z][a-z0-9+.-]+$/;

/** The registrations of all plugins. */
export class Registrations {
  readonly #taken: TakenNames;
  readonly #found: { readonly [Kind in RegisteredKind]: Map<string, Registered<Values[Kind]>> } = {
    engine: new Map(),
    store: new Map(),
    guard: new Map(),
    command: new Map(),
  };
  readonly #lost: Lost[] = [];

  constructor(taken: TakenNames) {
    this.#taken = taken;
  }

  /** Takes an engine. Throws `UsageError` for a scheme that is taken or is none. */
  addEngine(plugin: string, scheme: string, engine: Engine): void {
    requireScheme(scheme);
    const problem = problemOf(engine);
    if (problem !== undefined) throw new UsageError(`the engine "${scheme}" ${problem}`);
    this.#add("engine", scheme, { plugin, value: engine });
  }

  /** Takes a store. Throws `UsageError` for a scheme that is taken or is none. */
  addStore(plugin: string, scheme: string, factory: StoreFactory, options: PluginStoreOptions = {}): void {
    requireScheme(scheme);
    if (typeof factory !== "function") throw new UsageError(`the store "${scheme}" is not a function that opens one`);
    this.#add("store", scheme, { plugin, value: { factory, ...options } });
  }

  /** Takes a guard. Throws `UsageError` for a name that is taken or is none. */
  addGuard(plugin: string, name: string, create: CustomGuard["create"]): void {
    requireGuardName(name);
    if (typeof create !== "function") throw new UsageError(`the guard "${name}" is not a function that makes a judge`);
    this.#add("guard", name, { plugin, value: { name, create } });
  }

  /** Takes a command. Throws `UsageError` for one that exists, or that has another form. */
  addCommand(plugin: string, command: PluginCommand): void {
    requireCommand(command);
    this.#add("command", command.name, { plugin, value: command });
  }

  /** Takes back what a plugin registered, because of what is wrong with it. */
  withdraw(plugin: string, reason: string): void {
    for (const kind of KINDS) {
      for (const [name, { plugin: owner }] of this.#found[kind]) {
        if (owner !== plugin) continue;
        this.#found[kind].delete(name);
        this.#lost.push({ kind, name, reason: `is that of the plugin "${plugin}", which is faulty: ${reason}` });
      }
    }
  }

  /** Whether data passes through what a plugin registered. */
  handlesData(plugin: string): boolean {
    const { engine, store, guard } = this.#found;
    return [engine, store, guard].some((found) =>
      [...found.values()].some((registered) => registered.plugin === plugin)
    );
  }

  /** The engines of all plugins, or of one, by scheme. */
  engines(plugin?: string): ReadonlyMap<string, Engine> {
    return valuesOf(this.#found.engine, plugin);
  }

  /** The stores of all plugins, or of one, by scheme. */
  stores(plugin?: string): ReadonlyMap<string, RegisteredStore> {
    return valuesOf(this.#found.store, plugin);
  }

  /** The guards. */
  get guards(): readonly CustomGuard[] {
    return [...valuesOf(this.#found.guard).values()];
  }

  /** The commands. */
  get commands(): readonly RegisteredCommand[] {
    return [...this.#found.command.values()].map(({ plugin, value }) => ({ plugin, command: value }));
  }

  /** Why a name means nothing, if a plugin is known to be the reason. */
  lost(kind: RegisteredKind, name: string): AgentError | undefined {
    const found = this.#lost.find((lost) => lost.kind === kind && lost.name === name);
    return found && new AgentError(`The ${kind} "${name}" ${found.reason}`);
  }

  #add<Kind extends RegisteredKind>(kind: Kind, name: string, registered: Registered<Values[Kind]>): void {
    if (this.#taken[kind].includes(name)) {
      throw new UsageError(`the ${kind} "${name}" is the program's own: choose another name`);
    }
    const other = this.#found[kind].get(name);
    if (other !== undefined) {
      if (other.plugin === registered.plugin) throw new UsageError(`it registers the ${kind} "${name}" twice`);
      // Neither gets it: which of them is meant must not depend on the order in which they were enabled.
      this.#found[kind].delete(name);
      const both = `both plugins "${other.plugin}" and "${registered.plugin}"`;
      this.#lost.push({ kind, name, reason: `is registered by ${both}: enable one of them` });
    }
    const lost = this.#lost.find((known) => known.kind === kind && known.name === name);
    if (lost !== undefined) throw new UsageError(`the ${kind} "${name}" ${lost.reason}`);
    this.#found[kind].set(name, registered);
  }
}

const KINDS: readonly RegisteredKind[] = ["engine", "store", "guard", "command"];

function valuesOf<Value>(found: ReadonlyMap<string, Registered<Value>>, owner?: string): ReadonlyMap<string, Value> {
  const wanted = [...found].filter(([, { plugin }]) => owner === undefined || plugin === owner);
  return new Map(wanted.map(([name, { value }]) => [name, value]));
}

function requireScheme(scheme: unknown): void {
  if (typeof scheme === "string" && SCHEME.test(scheme)) return;
  throw new UsageError(
    `not a scheme: ${JSON.stringify(scheme)}; write at least two lower-case letters, digits, "+", "." and "-"`,
  );
}

/** What an engine lacks, as the rest of a sentence; undefined if it has the form of one. */
function problemOf(engine: unknown): string | undefined {
  const { version, replays, parameters, source, target } = (engine ?? {}) as Partial<Record<keyof Engine, unknown>>;
  if (typeof version !== "string") return "has no version, which is a text";
  if (typeof replays !== "boolean") return "does not say whether it replays levels (true or false)";
  if (parameters !== "any" && !Array.isArray(parameters)) return 'has no parameters: list their names, or write "any"';
  if (typeof source !== "function" && typeof target !== "function") return "has neither source() nor target()";
  return undefined;
}
