/** What a configuration file says. Nothing in it is resolved: secrets are references, and no profile is chosen. */

/** The value of an option: a list for one that may be repeated. */
export type SettingValue = string | number | boolean | readonly (string | number)[];

/** A value, and the line of its key. */
export interface Setting<Value = SettingValue> {
  /** As it is in the file. */
  readonly value: Value;
  /** The line of its key. */
  readonly line: number;
}

/** Values by key; the keys of options are their long names without the dashes. */
export type Settings = ReadonlyMap<string, Setting>;

/** A table of the file. */
export interface SettingsTable {
  /** The line of its header. */
  readonly line: number;
  /** Its values. */
  readonly settings: Settings;
}

/** A repository with a name. */
export interface RepositorySettings extends SettingsTable {
  /** What `--repo` calls it. */
  readonly name: string;
}

/** Which plugins are used. */
export interface PluginSettings {
  /** An absolute path; null for the usual place. */
  readonly directory: string | null;
  /** The names of plugins, in the order in which they are activated. */
  readonly enabled: readonly string[];
  /** The settings of plugins by name; their form is the plugin's own matter. */
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What one table says of plugins. */
export interface PluginTable extends PluginSettings {
  /** The lines of the enabled names. */
  readonly lines: ReadonlyMap<string, number>;
}

/** What is done at an event. */
export interface HookSettings {
  /** What messages call it. */
  readonly name: string;
  /** The line of its header. */
  readonly line: number;
  /** Names of events, at least one. */
  readonly events: readonly string[];
  /** A command for `sh -c`, or an address that is posted to. */
  readonly run: { readonly command: string } | { readonly url: string };
  /** After this time, the hook counts as failed. */
  readonly timeoutMs: number;
}

/** What the file as a whole and each of its profiles may say. */
export interface Section {
  /** The name or the address of the repository. */
  readonly repository: Setting<string> | undefined;
  /** Options of any command that has them. */
  readonly options: Settings;
  /** Options of one command, by its name, such as `put` or `key add`; they win over `options`. */
  readonly commands: ReadonlyMap<string, SettingsTable>;
  /** What a rotation keeps. */
  readonly rotation: Settings;
  /** Which plugins are used. */
  readonly plugins: PluginTable;
  /** What is done at events, in the order of the file. */
  readonly hooks: readonly HookSettings[];
}

/** A profile. */
export interface Profile extends Section {
  /** What `--profile` calls it. */
  readonly name: string;
  /** The line of its header. */
  readonly line: number;
  /** The profile as a plain object. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** A configuration file. */
export interface Configuration extends Section {
  /** Where it is, for messages. */
  readonly path: string;
  /** The profile that is used if none is chosen. */
  readonly profile: Setting<string> | undefined;
  /** The repositories by name. */
  readonly repositories: ReadonlyMap<string, RepositorySettings>;
  /** The profiles by name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** The whole file as a plain object. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** The form of the file that this program reads and writes. */
export const CONFIGURATION_VERSION = 1;

/** What `--repo`, `--from` and `--also` may mean instead of a path. */
export const NAME = /^[A-Za-z0-9_-]+$/;
