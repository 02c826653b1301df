/** What an argument or the value of an option is, as far as a shell can complete it. */
import type { ArgumentDescription, CommandDescription, OptionDescription } from "./description.ts";

/** What can be asked for: names in the repository. */
export const REPOSITORY_KINDS = ["series", "backups", "tags", "hosts"] as const;

/** One of these. `backups` are series and, behind an `@`, the ids of their backups. */
export type RepositoryKind = (typeof REPOSITORY_KINDS)[number];

/** Names in the repository; files or directories of this machine; commands of it; commands of ours; or nothing known. */
export type ValueKind = RepositoryKind | "files" | "directories" | "programs" | "commands" | "unknown";

/** Options by their long names, whatever their value is called. */
const BY_OPTION: Readonly<Record<string, ValueKind>> = {
  "--host": "hosts",
  "--keep-tag": "tags",
  "--series": "series",
  "--repo": "directories",
  "--from": "directories",
  "--also": "directories",
  "--path": "directories",
};

/** Values by what stands for them in the help. */
const BY_PLACEHOLDER: Readonly<Record<string, ValueKind>> = {
  FILE: "files",
  DIR: "directories",
  COMMAND: "programs",
  SERIES: "series",
  TAG: "tags",
  TAGS: "tags",
};

/** Arguments by their names; with the name of the command, if the argument is something else there. */
const BY_ARGUMENT: Readonly<Record<string, ValueKind>> = {
  backup: "backups",
  backups: "backups",
  names: "backups",
  series: "series",
  "agent stats series": "backups",
  "agent backup path": "files",
  source: "files",
  dumpfile: "files",
  file: "files",
  directory: "directories",
  command: "commands",
};

/** What an option takes; undefined if it takes no value. */
export function kindOfOption({ names, value }: OptionDescription): ValueKind | undefined {
  if (value === undefined) return undefined;
  return BY_OPTION[names.at(-1)!] ?? BY_PLACEHOLDER[value] ?? "unknown";
}

/** What an argument of a command is. */
export function kindOfArgument(command: CommandDescription, { name }: ArgumentDescription): ValueKind {
  return BY_ARGUMENT[`${command.name} ${name}`] ?? BY_ARGUMENT[name] ?? "unknown";
}
