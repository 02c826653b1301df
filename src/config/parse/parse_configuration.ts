/**
 * Parses a configuration file. All mistakes are found in one reading. Whether the options exist that the tables of
 * defaults name is known only to the commands (`cli/settings/`).
 */
import { nearestName } from "../../base/text/nearest_name.ts";
import {
  type Configuration,
  CONFIGURATION_VERSION,
  NAME,
  type Profile,
  type Section,
  type Setting,
  type Settings,
  type SettingsTable,
} from "../configuration.ts";
import { parseHooks } from "./parse_hooks.ts";
import { parsePlugins } from "./parse_plugins.ts";
import { ConfigurationError, type Problem } from "../problems.ts";
import { readRepository } from "./parse_repository.ts";
import { TableReader } from "./table_reader.ts";
import { parseToml, plainObject } from "./toml.ts";
import { checkName, checkNameOrAddress, checkPath, refusePassword } from "../values.ts";

/** What a rotation may say. */
const ROTATION_KEYS = ["days", "weeks", "months", "years", "first-week-day"];

const TOP_KEYS = [
  "version",
  "profile",
  "repository",
  "repositories",
  "profiles",
  "defaults",
  "rotation",
  "plugins",
  "hooks",
];

/** What is near no key of the file's top may be an option. */
const OPTIONS_ELSEWHERE = "options of commands stand in [defaults] or [defaults.COMMAND]";

/** Parses `text`, the content of the file at `path`. Throws `ConfigurationError`. */
export function parseConfiguration(text: string, path: string): Configuration {
  const tree = parseToml(text);
  if (!("kind" in tree)) throw new ConfigurationError(path, [tree]);
  const problems: Problem[] = [];
  const configuration = readTop(new TableReader(tree, null, problems), path);
  checkNames(configuration, problems);
  if (problems.length > 0) throw new ConfigurationError(path, problems, configuration);
  return configuration;
}

function readTop(top: TableReader, path: string): Configuration {
  checkVersion(top);
  const profile = top.text("profile", checkName);
  const common = readCommon(top);
  const defaults = top.inner("defaults");
  const configuration = {
    path,
    profile,
    ...common,
    ...defaults === undefined ? { options: new Map(), commands: new Map() } : readDefaults(defaults),
    repositories: new Map(top.named("repositories", NAME).map(([name, table]) => [name, readRepository(name, table)])),
    profiles: new Map(top.named("profiles", NAME).map(([name, table]) => [name, readProfile(name, table)])),
    raw: plainObject(top.table),
  };
  top.finish((key) => nearestName(key, TOP_KEYS) === undefined ? OPTIONS_ELSEWHERE : undefined);
  return configuration;
}

function checkVersion(top: TableReader): void {
  const entry = top.take("version");
  if (entry === undefined) return;
  const { kind } = entry.value;
  if (kind === "number" && entry.value.value === CONFIGURATION_VERSION) return;
  const shown = kind === "number" ? `${entry.value.value} ` : "";
  top.refuse(
    entry.line,
    `Version ${shown}of this file is not known here: write version = ${CONFIGURATION_VERSION}, or use a newer agent`,
  );
}

/** What the top of the file and profiles have in common, save the options. */
function readCommon(table: TableReader): Omit<Section, "options" | "commands"> {
  return {
    repository: table.text("repository", checkNameOrAddress),
    rotation: readRotation(table),
    plugins: parsePlugins(table.inner("plugins")),
    hooks: parseHooks(table.list("hooks")),
  };
}

function readRotation(table: TableReader): Settings {
  const rotation = table.inner("rotation");
  if (rotation === undefined) return new Map();
  const settings = takeSettings(rotation, ROTATION_KEYS);
  rotation.finish();
  return settings;
}

/** The settings of these keys. */
function takeSettings(table: TableReader, keys: readonly string[]): Settings {
  return new Map(keys.flatMap((key) => {
    const setting = table.setting(key);
    return setting === undefined ? [] : [[key, setting] as const];
  }));
}

/** A profile has at its top what stands in `[defaults]` elsewhere. */
function readProfile(name: string, table: TableReader): Profile {
  const common = readCommon(table);
  for (const key of ["profile", "repositories", "profiles", "defaults", "version"]) {
    const entry = table.take(key);
    if (entry === undefined) continue;
    const advice = key === "defaults"
      ? `options stand in ${table.name} itself, those of one command in ${table.nameOf("COMMAND")}`
      : "it stands at the top of the file";
    table.refuse(entry.line, `There is no key "${key}" in ${table.name}; ${advice}`);
  }
  return { name, line: table.table.line, raw: plainObject(table.table), ...common, ...readDefaults(table) };
}

/** The options of a table, and the tables of commands in it: all that is left. */
function readDefaults(table: TableReader): Pick<Section, "options" | "commands"> {
  const commands = new Map<string, SettingsTable>();
  const options = optionsOf(table, commands, "");
  return { options, commands };
}

/** Options of a command may have tables of subcommands among them: `[defaults.key.add]`. */
function optionsOf(table: TableReader, commands: Map<string, SettingsTable>, command: string): Settings {
  const options = new Map<string, Setting>();
  for (const key of table.left) {
    if (table.table.entries.get(key)!.value.kind === "table") {
      const inner = table.inner(key)!;
      const name = command === "" ? key : `${command} ${key}`;
      commands.set(name, { line: inner.table.line, settings: optionsOf(inner, commands, name) });
      continue;
    }
    const setting = table.setting(key);
    if (setting === undefined) continue;
    options.set(key, setting);
    checkOption(key, setting, table);
  }
  return options;
}

/** Options that name a file or folder. */
const PATH_OPTIONS =
  /^(?:(?:from-|also-|new-)?(?:password|repository)-file|cacert|tls-client-cert|cache-dir|files-from(?:-raw|-verbatim)?|i?exclude-file)$/;

/** What can be said of an option's value by its name alone. */
function checkOption(key: string, { value, line }: Setting, table: TableReader): void {
  const refuse = (message: string) => table.refuse(line, `Wrong value of ${table.whole(key)}: ${message}`);
  const check = (use: (text: string) => unknown) => {
    for (const text of [value].flat()) {
      try {
        if (typeof text === "string") use(text);
      } catch (error) {
        refuse((error as Error).message);
      }
    }
  };
  if (key === "repo") table.refuse(line, `Not an option for ${table.name}: write repository = … in its place`);
  else if (key === "from" || key === "also") check(checkNameOrAddress);
  else if (PATH_OPTIONS.test(key)) check((text) => text === "-" || checkPath(text));
  else check(refusePassword);
}

/** Names that stand for repositories and profiles must be those of the file. */
function checkNames(configuration: Configuration, problems: Problem[]): void {
  const { repositories, profiles, profile } = configuration;
  const check = (setting: Setting | undefined, kind: string, known: ReadonlyMap<string, unknown>) => {
    if (typeof setting?.value !== "string" || !NAME.test(setting.value) || known.has(setting.value)) return;
    const nearest = nearestName(setting.value, known.keys());
    const hint = nearest === undefined
      ? `write [${kind === "profile" ? "profiles" : "repositories"}.${setting.value}]`
      : `did you mean "${nearest}"?`;
    problems.push({ line: setting.line, message: `There is no ${kind} "${setting.value}" in this file; ${hint}` });
  };
  check(profile, "profile", profiles);
  for (const section of [configuration, ...profiles.values()]) {
    check(section.repository, "repository", repositories);
    for (const settings of [section.options, ...[...section.commands.values()].map(({ settings }) => settings)]) {
      for (const key of ["from", "also"]) check(settings.get(key), "repository", repositories);
    }
  }
}
