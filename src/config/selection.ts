/** One profile of a configuration, or none, chosen: which tables count for a command, the strongest first. */
import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/text/nearest_name.ts";
import type {
  Configuration,
  HookSettings,
  PluginSettings,
  Profile,
  RepositorySettings,
  Section,
  Setting,
  Settings,
} from "./configuration.ts";

/** Commands that are another one with less to say, and take its settings too. */
const SHORT_FORMS: Readonly<Record<string, string>> = { backup: "put" };

/** A table whose settings count, and what messages call it. */
interface Layer {
  /** As it is in the file: `[defaults.put]`. */
  readonly table: string;
  readonly settings: Settings;
}

/** A setting that counts, and where it is from. */
interface Found {
  /** What messages call its table. */
  readonly table: string;
  readonly setting: Setting;
}

/** A configuration with a profile chosen. */
export interface Selection {
  readonly configuration: Configuration;
  /** The chosen profile, if there is one. */
  readonly profile: Profile | undefined;
  /** The name or address of the repository, if the file gives one. */
  readonly repository: Found | undefined;
  /** The plugins of the file and the profile. */
  readonly plugins: PluginSettings;
  /** The hooks of the file, then those of the profile. */
  readonly hooks: readonly HookSettings[];
  /** The file as a plain object, with what the profile changes: what plugins see. */
  readonly conf: Readonly<Record<string, unknown>>;
}

/**
 * The configuration with the profile `name`, or else that which the file names. Throws `UsageError` if there is no such
 * profile.
 */
export function selectProfile(configuration: Configuration, name: string | undefined): Selection {
  const wanted = name ?? configuration.profile?.value;
  const profile = wanted === undefined ? undefined : profileOf(configuration, wanted);
  return {
    configuration,
    profile,
    repository: repositoryOf(configuration, profile),
    plugins: pluginsOf(configuration, profile),
    hooks: [...configuration.hooks, ...profile?.hooks ?? []],
    conf: confOf(configuration, profile),
  };
}

/** The repository that has this name; undefined if none has it. */
export function namedRepository({ configuration }: Selection, name: string): RepositorySettings | undefined {
  return configuration.repositories.get(name);
}

/** The tables that count for a command such as `put` or `key add`, the strongest first. */
export function layersFor(
  { configuration, profile }: Pick<Selection, "configuration" | "profile">,
  command: string,
): Layer[] {
  return [
    ...profile === undefined ? [] : layersOf(profile, `profiles.${profile.name}`, command, `profiles.${profile.name}.`),
    ...layersOf(configuration, "defaults", command, ""),
  ];
}

/** Those of a section; `above` is how the names of its own tables begin. */
function layersOf(section: Section, name: string, command: string, above: string): Layer[] {
  return [
    ...withTables(command).map((own) => ({
      table: `[${name}.${own.replaceAll(" ", ".")}]`,
      settings: section.commands.get(own)?.settings ?? new Map(),
    })),
    ...command === "rotate" ? [{ table: `[${above}rotation]`, settings: section.rotation }] : [],
    { table: `[${name}]`, settings: section.options },
  ].filter(({ settings }) => settings.size > 0);
}

/** The commands whose tables count for one, its own first: those above it, and what it is a short form of. */
function withTables(command: string): string[] {
  const words = command.split(" ");
  const above = words.map((_, i) => words.slice(0, words.length - i).join(" "));
  return Object.hasOwn(SHORT_FORMS, command) ? [...above, SHORT_FORMS[command]!] : above;
}

function profileOf({ profiles, path }: Configuration, name: string): Profile {
  const profile = profiles.get(name);
  if (profile !== undefined) return profile;
  const known = [...profiles.keys()];
  const hint = didYouMean(name, known) ||
    (known.length === 0
      ? "; the file has none"
      : `; there ${known.length === 1 ? "is" : "are"} ${known.toSorted().join(", ")}`);
  throw new UsageError(`There is no profile "${name}" in ${path}${hint}`);
}

function repositoryOf(configuration: Configuration, profile: Profile | undefined): Found | undefined {
  if (profile?.repository !== undefined) return { table: `[profiles.${profile.name}]`, setting: profile.repository };
  const { repository } = configuration;
  return repository === undefined ? undefined : { table: "the top of the file", setting: repository };
}

/** A profile adds plugins, and replaces the directory and single settings. */
function pluginsOf({ plugins }: Configuration, profile: Profile | undefined): PluginSettings {
  if (profile === undefined) return plugins;
  const { directory, enabled, settings } = profile.plugins;
  return {
    directory: directory ?? plugins.directory,
    enabled: [...new Set([...plugins.enabled, ...enabled])],
    settings: merge(plugins.settings, settings) as PluginSettings["settings"],
  };
}

function confOf({ raw }: Configuration, profile: Profile | undefined): Readonly<Record<string, unknown>> {
  return profile === undefined ? raw : merge(raw, profile.raw);
}

type Plain = Readonly<Record<string, unknown>>;

/** `over` over `under`, tables within tables alike. */
function merge(under: Plain, over: Plain): Record<string, unknown> {
  const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => {
    if (!Object.hasOwn(over, key)) return [key, under[key]];
    const [lower, upper] = [Object.hasOwn(under, key) ? under[key] : undefined, over[key]];
    return [key, isPlain(lower) && isPlain(upper) ? merge(lower, upper) : upper];
  }));
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
