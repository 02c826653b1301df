/** The options of `get --target` for backups of files: what is restored, and what happens to what is there. */
import { Command, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { restoreRules } from "../../engine/files/selection/restore_selection.ts";
import { IF_EXISTS, type IfExists } from "../../ops/restore/files/decision.ts";
import type { TakesBytes } from "../byte_arguments.ts";
import type { OptionsOf } from "../specification.ts";
import { collect } from "./repeated_options.ts";

/** The options to add to `get`. */
export const RESTORE_OPTIONS = new Command()
  .optionsGroup("Files and directories, with --target:")
  .option("--include <pattern>", "restore only what matches this rule of gitignore; may be repeated", collect)
  .option("-e, --exclude <pattern>", "leave out what matches this rule; may be repeated", collect)
  .addOption(
    new Option(
      "--if-exists <when>",
      "when to replace what is there: always, as --overwrite; if its size or time differs; if it is older; never",
    ).choices(IF_EXISTS),
  )
  .option("--delete", "delete what the backup does not have: with --include, or in a target that agent made")
  .option("-n, --dry-run", "change nothing, and tell what would be done and why");

/** What of `get` may be any bytes. */
export const RESTORE_BYTES: TakesBytes = { argumentsFrom: 1, options: ["target", "include", "exclude", "file"] };

/** What the command line says of the restore of a tree. */
export interface RestoreChoices {
  readonly paths: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Null if nothing was said. */
  readonly ifExists: IfExists | null;
  readonly deletes: boolean;
  readonly dryRun: boolean;
  /** What of these was given, for messages. */
  readonly given: readonly string[];
}

const PATHS = "PATHs";

type RestoreOptionValues = OptionsOf<typeof RESTORE_OPTIONS> & {
  readonly target?: string;
  readonly overwrite?: boolean;
  readonly file?: string;
  readonly raw?: boolean;
};

/** Reads the options. Throws `UsageError` for those that exclude each other, or that make no sense without `--target`. */
export function restoreChoices(paths: readonly string[], options: RestoreOptionValues): RestoreChoices {
  const { include = [], exclude = [], ifExists, overwrite = false, delete: deletes = false, dryRun = false } = options;
  const given = [
    paths.length > 0 && PATHS,
    include.length > 0 && "--include",
    exclude.length > 0 && "--exclude",
    ifExists !== undefined && "--if-exists",
    deletes === true && "--delete",
    dryRun === true && "--dry-run",
  ].filter((name) => typeof name === "string");
  if (given.length > 0 && (options.target === undefined || options.file !== undefined || options.raw)) {
    const { what, them } = subjectOf(given[0]!);
    const other = paths.length > 0 ? "; --file PATH alone prints one file" : "";
    throw new UsageError(
      `${what} for restoring files and directories: use ${them} with --target DIR, and no --file or --raw${other}`,
    );
  }
  const value = paths.find((path) => IF_EXISTS.some((when) => when === path));
  if (overwrite && value !== undefined) {
    throw new UsageError(
      `--overwrite takes no value: write --if-exists ${value}, or ./${value} for a PATH of that name`,
    );
  }
  if (options.target === "") {
    throw new UsageError("--target names no directory: write for example /restore, or . for the current one");
  }
  if (overwrite && ifExists !== undefined && ifExists !== "always") {
    throw new UsageError(`--overwrite means --if-exists always: give it, or --if-exists ${ifExists}`);
  }
  restoreRules({ include, exclude }); // Malformed patterns are refused before anything is opened.
  return {
    paths,
    include,
    exclude,
    ifExists: ifExists ?? (overwrite ? "always" : null),
    deletes,
    dryRun,
    given,
  };
}

/** Throws `UsageError` if something was given that a backup of streams has no use for. */
export function refuseForStreams({ given }: RestoreChoices): void {
  if (given.length === 0) return;
  const { what, them } = subjectOf(given[0]!);
  throw new UsageError(`${what} for backups of files and directories; this one holds streams: leave ${them} out`);
}

/** What was given, with its verb, and how to refer to it. */
function subjectOf(given: string): { readonly what: string; readonly them: string } {
  return given === PATHS ? { what: `${given} are`, them: "them" } : { what: `${given} is`, them: "it" };
}
