/** Which value of each option counts, and where it is from. */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { NAME, type RepositorySettings, type Setting } from "../../config/configuration.ts";
import { layersFor, namedRepository, type Selection } from "../../config/selection.ts";
import type { Source } from "../../config/sources.ts";
import { maskedValue } from "../../config/write/masked.ts";
import type { CliContext } from "../context.ts";
import { commandName, keyOf, type Origin, originOf, STORE_SETTINGS } from "./origin.ts";
import { variableFor } from "./variables.ts";

/** A value that counts. */
export interface Explained {
  /** The long name of an option without its dashes, or a key of a repository. */
  readonly option: string;
  /** As the file or the command line has it, with secrets masked. */
  readonly value: string;
  readonly from: Source;
  /** The variable, if it is from the environment. */
  readonly variable: string | null;
  /** The table, if it is from the file. */
  readonly table: string | null;
  /** The line in the file. */
  readonly line: number | null;
}

/** Options that say nothing about what a command does. */
const NOT_EXPLAINED = ["help", "debug", "config", "profile"];

type Variables = Pick<CliContext, "env" | "envBytes">;

/** The values of the options of `command` that have one, and those of the repository that it opens. */
export function explain(
  command: CommandUnknownOpts,
  selection: Selection | undefined,
  variables: Variables,
): Explained[] {
  const origins = command.options
    .filter((option) => !NOT_EXPLAINED.includes(keyOf(option)))
    .map((option) => ({ option, origin: originOf(option, command, selection, variables) }));
  const repository = selection && repositoryOf(origins, selection, variables);
  const isFromRepository = (key: string) =>
    repository !== undefined && countsInRepository(key, repository, origins, variables);
  const rows = origins.flatMap(({ option, origin }) => {
    const key = keyOf(option);
    if (key === STORE_SETTINGS && selection !== undefined) {
      return storeSettings(option, origin, { command, selection, repository });
    }
    return isFromRepository(key) ? [] : explained(option, origin, variables);
  });
  const own = [...repository?.settings ?? []].filter(([key]) => key !== STORE_SETTINGS && isFromRepository(key));
  return [...rows, ...own.map(([key, setting]) => ofFile(key, `[repositories.${repository!.name}]`, setting))];
}

interface Traced {
  readonly option: Option;
  readonly origin: Origin;
}

/** The repository with a name that the command would open. */
function repositoryOf(
  origins: readonly Traced[],
  selection: Selection,
  { env }: Variables,
): RepositorySettings | undefined {
  const origin = origins.find(({ option }) => keyOf(option) === "repo")?.origin;
  if (origin === undefined) return undefined;
  const name = origin.kind === "option"
    ? origin.value
    : origin.kind === "file"
    ? origin.setting.value
    : origin.kind === "environment"
    ? env("AGENT_REPOSITORY")
    : undefined;
  return typeof name === "string" && NAME.test(name) ? namedRepository(selection, name) : undefined;
}

/** Keys of a repository that stand for the same as an option of another name. */
const OPTION_OF_KEY: Readonly<Record<string, string>> = { password: "password-file" };

function countsInRepository(
  key: string,
  { settings }: RepositorySettings,
  origins: readonly Traced[],
  variables: Variables,
): boolean {
  const hasPassword = ["password", "password-file", "password-command"].some((name) => settings.has(name));
  const isPassword = key === "password" || key === "password-file" || key === "password-command";
  if (isPassword ? !hasPassword : !settings.has(key)) return false;
  const option = OPTION_OF_KEY[key] ?? key;
  const kinds = origins.filter((traced) =>
    isPassword ? /^password-/.test(keyOf(traced.option)) : keyOf(traced.option) === option
  )
    .map(({ origin }) => origin.kind);
  return !kinds.includes("option") && variableFor(option, variables) === undefined;
}

function explained(option: Option, origin: Origin, { env }: Variables): Explained[] {
  const key = keyOf(option);
  const none = { variable: null, table: null, line: null };
  switch (origin.kind) {
    case "option":
      return [{ option: key, value: shown(key, origin.value), from: "option", ...none }];
    case "environment":
      // One variable stands for several options; it is shown with the one that it is named after.
      if (!isNamedAfter(origin.variable, key)) return [];
      return [{
        option: key,
        value: shownVariable(origin.variable, env),
        from: "environment",
        ...none,
        variable: origin.variable,
      }];
    case "file":
      return [ofFile(key, origin.table, origin.setting)];
    case "built-in":
      if (option.defaultValue === undefined) return [];
      return [{
        option: key,
        value: option.defaultValueDescription ?? shown(key, option.defaultValue),
        from: "built-in",
        ...none,
      }];
  }
}

function isNamedAfter(variable: string, key: string): boolean {
  const ofPassword = /PASSWORD(_FILE|_COMMAND)?$/.exec(variable);
  if (ofPassword !== null) return key.endsWith(ofPassword[1] === "_COMMAND" ? "password-command" : "password-file");
  return variable.endsWith("REPOSITORY_FILE") === key.endsWith("repository-file");
}

/** A password is never shown, nor the command that prints one. */
function shownVariable(variable: string, env: Variables["env"]): string {
  return /PASSWORD(_COMMAND)?$/.test(variable) ? "***" : shown("", env(variable));
}

function ofFile(option: string, table: string, { value, line }: Setting): Explained {
  const from = table.startsWith("[repositories.")
    ? "repository"
    : table.startsWith("[profiles.")
    ? "profile"
    : "defaults";
  return { option, value: shown(option, value), from, variable: null, table, line };
}

/** All settings of stores, the weakest first. */
function storeSettings(
  option: Option,
  origin: Origin,
  { command, selection, repository }: {
    readonly command: CommandUnknownOpts;
    readonly selection: Selection;
    readonly repository: RepositorySettings | undefined;
  },
): Explained[] {
  const own = repository?.settings.get(STORE_SETTINGS);
  const layers = layersFor(selection, commandName(command)).toReversed();
  return [
    ...layers.flatMap(({ table, settings }) =>
      settings.has(STORE_SETTINGS) ? [ofFile(STORE_SETTINGS, table, settings.get(STORE_SETTINGS)!)] : []
    ),
    ...own === undefined ? [] : [ofFile(STORE_SETTINGS, `[repositories.${repository!.name}]`, own)],
    ...origin.kind === "option" ? explained(option, origin, { env: () => undefined }) : [],
  ];
}

/** A value as text. What parsers made of a text is shown as far as it can be. */
function shown(key: string, value: unknown): string {
  const safe = maskedValue(key, value instanceof Map ? Object.fromEntries(value) : value);
  if (Array.isArray(safe)) return safe.map((item) => shown("", item)).join(", ");
  return typeof safe === "object" ? JSON.stringify(safe) : String(safe);
}
