/** Values under keys, after bakthat's KeyValue: JSON or bytes, kept as backups of a series for each key. */
import type { Backup } from "../../backup/backup.ts";
import { UnknownSeriesError } from "../../backup/naming/selector.ts";
import { UsageError } from "../../base/errors.ts";
import type { Password } from "../../crypto/kdf.ts";
import { seriesOfKey } from "../../format/manifest/key_series.ts";
import { deleteValue } from "../../ops/values/delete_value.ts";
import { getValue } from "../../ops/values/get_value.ts";
import { type ListedValue, listValues, listVersions } from "../../ops/values/list_values.ts";
import { setValues } from "../../ops/values/set_values.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import { type Agent, callsOf } from "../agent.ts";
import { beginAll } from "../events/told_action.ts";
import type { AgentCalls } from "../opening/agent_calls.ts";
import type { AgentParts, CallOptions, ReadingOptions } from "../opening/agent_parts.ts";
import type { AtOptions } from "../restore/which_backup.ts";
import { ValueSealer } from "./protected_value.ts";
import { contentOfValue, openStored, valueOfContent, valueToSet } from "./stored_form.ts";

/** What holds for all values of a `KeyValue`. */
export interface KeyValueOptions {
  /** The password of all its values, on top of the repository's encryption; by default they have none of their own. */
  readonly password?: Password;
  /** Whether values are compressed; true by default. */
  readonly compress?: boolean;
  /** The tags of the versions that it makes. */
  readonly tags?: readonly string[];
}

/** How values are set. */
export interface SetValueOptions extends CallOptions {
  /** Whether the value is compressed; by default as the `KeyValue` says. */
  readonly compress?: boolean;
  /** A password of its own; by default that of the `KeyValue`. */
  readonly password?: Password;
}

/** Which version of a value is read, and how. */
export interface GetValueOptions extends AtOptions, ReadingOptions {
  /** The password that it was set with; by default that of the `KeyValue`. */
  readonly password?: Password;
}

/** What of a URL is not as usual. */
export interface ValueUrlOptions extends AtOptions, CallOptions {
  /** The address of the gateway; by default what the configuration says, else this machine. */
  readonly gateway?: string;
}

/**
 * Values under keys, in the repository of an agent: what `JSON.parse` can make, or bytes. A key is any text that is not
 * too long. Each key is a series of its own, `kv/` and the key, and each value that is set a backup of it.
 *
 * All calls throw `AgentError` and its subclasses; what is no key or no JSON is a `UsageError`.
 */
export class KeyValue {
  readonly #agent: Agent;
  readonly #calls: AgentCalls;
  readonly #options: KeyValueOptions;

  /** The agent must stay open as long as values are set or read. */
  constructor(agent: Agent, options: KeyValueOptions = {}) {
    this.#agent = agent;
    this.#calls = callsOf(agent);
    this.#options = options;
  }

  /**
   * Sets the value of a key, and returns its backup. What is neither JSON nor bytes is refused with a `UsageError` that
   * names the place in it: nothing of a value is left out silently.
   */
  async set(key: string, value: unknown, options: SetValueOptions = {}): Promise<Backup> {
    const [backup] = await this.setAll([[key, value]], options);
    return backup!;
  }

  /**
   * Sets several values in one commit, by their keys, and returns their backups in the same order. If it fails or is
   * interrupted, each key has its earlier value or this one.
   */
  async setAll(
    values: Readonly<Record<string, unknown>> | Iterable<readonly [key: string, value: unknown]>,
    { compress = this.#options.compress ?? true, password = this.#options.password, signal }: SetValueOptions = {},
  ): Promise<Backup[]> {
    const entries = [...Symbol.iterator in values ? values : Object.entries(values)];
    const contents = entries.map(([key, value]) => ({ key, series: seriesOfKey(key), ...contentOfValue(value) }));
    if (contents.length === 0) return [];
    return await this.#calls.actEach(
      { action: "Backup", series: contents.map(({ series }) => series), signal },
      async ({ parts: { access, world, host, usual }, sessions, signal }) => {
        const sealer = password === undefined ? undefined : new ValueSealer(password, world);
        const sealing = contents.map((content) => valueToSet(content.key, content, { compress, sealer }));
        return await setValues(access, await Promise.all(sealing), {
          world,
          signal,
          begin: () => beginAll(sessions),
          host: usual.backup.host ?? host,
          ...this.#options.tags && { tags: this.#options.tags },
        });
      },
      (backups) => backups,
    );
  }

  /**
   * The value of a key; undefined if there is no such key. A password must be given if the value has one of its own, and
   * only then. Throws `WrongPasswordError` for another one.
   */
  get<T = unknown>(key: string, fallback?: undefined, options?: GetValueOptions): Promise<T | undefined>;
  /** The value of a key; `fallback` if there is no such key. */
  get<T>(key: string, fallback: T, options?: GetValueOptions): Promise<T>;
  async get<T>(
    key: string,
    fallback?: T,
    { password = this.#options.password, at, noLock = false, signal }: GetValueOptions = {},
  ): Promise<T | undefined> {
    const selector = at === undefined ? "latest" : selectorOfTime(at);
    const found = await this.#calls.actEach(
      { action: "Restore", series: [seriesOfKey(key)], signal },
      async ({ parts: { access, world }, sessions, signal }) => {
        const stored = await getValue(access, { key, selector, noLock }, { world, signal });
        if (stored === null) return null;
        await beginAll(sessions);
        return { backup: stored.backup, value: valueOfContent(key, await openStored(stored, password)) };
      },
      (found) => [found && found.backup],
    );
    return found === null ? fallback : found.value as T;
  }

  /**
   * A URL at which a gateway gives the value that the key has at this moment, for so many seconds, to whoever has the URL.
   * One with a password of its own is given as it is stored. Throws `UsageError` if there is no such key.
   */
  async getUrl(key: string, seconds: number, options: ValueUrlOptions = {}): Promise<string> {
    try {
      return await this.#agent.getUrl(seriesOfKey(key), { ...options, seconds });
    } catch (error) {
      if (!(error instanceof UnknownSeriesError)) throw error;
      throw new UsageError(`There is no key ${JSON.stringify(key)}, so there is nothing that a URL could give`);
    }
  }

  /** Removes a key with all its versions, and returns them, oldest first: none if there is no such key. */
  async delete(key: string, { signal }: CallOptions = {}): Promise<Backup[]> {
    return await this.#calls.actEach(
      { action: "Delete", series: [seriesOfKey(key)], signal },
      ({ parts: { access, world }, sessions, signal }) =>
        deleteValue(access, { key }, { world, signal, begin: () => beginAll(sessions) }),
      (removed) => [removed.length === 0 ? null : removed.length === 1 ? removed[0]! : removed],
    );
  }

  /** The keys, or those that begin with a prefix, in order, each with its newest version. Values are not read. */
  list(prefix = "", { signal }: CallOptions = {}): Promise<ListedValue[]> {
    return this.#calls.run({ series: null, signal }, async (parts, signal) => {
      const { values, damaged } = await listValues(parts.access, { prefix }, { world: parts.world, signal });
      tellDamage(damaged, parts);
      return [...values];
    });
  }

  /** The versions of a key, oldest first: none if there is no such key. */
  async history(key: string, { signal }: CallOptions = {}): Promise<Backup[]> {
    return await this.#calls.run({ series: seriesOfKey(key), signal }, async (parts, signal) => {
      const { versions, damaged } = await listVersions(parts.access, { key }, { world: parts.world, signal });
      tellDamage(damaged, parts);
      return [...versions];
    });
  }
}

function tellDamage(damaged: readonly DamagedSnapshot[], { world }: AgentParts): void {
  for (const { error } of damaged) world.onProblem?.(error);
}

function selectorOfTime(at: string | Date): string {
  return typeof at === "string" ? at : at.toISOString();
}
