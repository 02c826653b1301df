/** The options of `put SERIES PATH...`: what of files and directories is read, and when a file is read again. */
import { Command } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { parseSize } from "../../base/text/size.ts";
import type { ChangeRules } from "../../engine/files/files_request.ts";
import {
  CACHE_DIRECTORY_TAG,
  type DirectoryMarker,
  parseDirectoryMarker,
} from "../../engine/files/selection/directory_marker.ts";
import { type Rule, ruleOfArgument } from "../../engine/files/selection/pattern.ts";
import type { TakesBytes } from "../byte_arguments.ts";
import type { OptionsOf } from "../specification.ts";
import { collect } from "./repeated_options.ts";

/** The options to add to `put`. */
export const PATH_OPTIONS = new Command()
  .optionsGroup("Files and directories:")
  .option("-e, --exclude <pattern>", "leave out what matches this rule of gitignore; may be repeated", collect)
  .option("--iexclude <pattern>", "the same for names in upper and lower case alike; may be repeated", collect)
  .option("--exclude-file <file>", "leave out what matches a line of this file; may be repeated", collect)
  .option("--iexclude-file <file>", "the same for names in upper and lower case alike; may be repeated", collect)
  .option(
    "--exclude-if-present <name[:header]>",
    "leave out the rest of a directory that has this file, whose content begins so; may be repeated",
    collect,
  )
  .option("--exclude-caches", "leave out what is in directories with a CACHEDIR.TAG")
  .option("--exclude-larger-than <size>", "leave out files larger than this, such as 4G")
  .option("-x, --one-file-system", "leave out what is in directories on other file systems than their PATH")
  .option(
    "--files-from <file>",
    "PATHs from a file, one pattern a line; - for standard input; may be repeated",
    collect,
  )
  .option("--files-from-verbatim <file>", "PATHs from a file, one a line as it is; may be repeated", collect)
  .option("--files-from-raw <file>", "PATHs from a file, each with a NUL behind it; may be repeated", collect)
  .option("--ignore-ctime", "do not read a file again because its ctime is another one")
  .option("--ignore-inode", "do not read a file again because its inode or ctime is another one")
  .option("--force", "read every file again")
  .option("--with-atime", "keep times of access")
  .option("-n, --dry-run", "store nothing, and tell what a backup would hold");

/** What of `put` may be any bytes: PATHs and patterns, as names of files are. */
export const PATH_BYTES: TakesBytes = { argumentsFrom: 1, options: ["exclude", "iexclude", "excludeIfPresent"] };

/** Their values, and those of other options that make no sense with PATHs. */
export type PathOptions = OptionsOf<typeof PATH_OPTIONS> & {
  readonly guard?: readonly string[];
  readonly minSize?: string;
  readonly minOfParent?: string;
  readonly allowEmpty?: boolean;
};

/** The forms of lists of PATHs, by the option that names one. */
export type ListForm = "--files-from" | "--files-from-verbatim" | "--files-from-raw";

/** What the command line says of files and directories. No file that it names was read yet. */
export interface GivenPaths {
  /** The PATHs as given, as byte strings. */
  readonly paths: readonly string[];
  /** Files with more of them. */
  readonly lists: readonly { readonly form: ListForm; readonly file: string }[];
  /** Rules of arguments, which come after those of files. */
  readonly excluded: readonly Rule[];
  readonly excludedIgnoringCase: readonly Rule[];
  readonly excludeFiles: readonly string[];
  readonly excludeFilesIgnoringCase: readonly string[];
  readonly markers: readonly DirectoryMarker[];
  readonly largestFileBytes: number | null;
  readonly oneFileSystem: boolean;
  readonly changes: ChangeRules;
  readonly withAtime: boolean;
  readonly dryRun: boolean;
}

/** Whether options name PATHs, without those that are arguments. */
export function namesLists({ filesFrom, filesFromVerbatim, filesFromRaw }: PathOptions): boolean {
  return [filesFrom, filesFromVerbatim, filesFromRaw].some((files) => files !== undefined);
}

/** Throws `UsageError` for options of PATHs where there is none. */
export function refusePathOptions(options: PathOptions): void {
  const given = PATH_OPTIONS.options.find((option) => option.attributeName() in options);
  if (given === undefined) return;
  throw new UsageError(
    `${given.long} is for files and directories: name a PATH, as in agent put etc/host /etc ${given.long}`,
  );
}

/** Reads the options. Throws `UsageError` for those that make no sense, alone or with PATHs. */
export function parsePaths(paths: readonly string[], options: PathOptions): GivenPaths {
  refuseOptionsOfStreams(options);
  const { filesFrom = [], filesFromVerbatim = [], filesFromRaw = [] } = options;
  const lists = [
    ...filesFrom.map((file) => ({ form: "--files-from" as const, file })),
    ...filesFromVerbatim.map((file) => ({ form: "--files-from-verbatim" as const, file })),
    ...filesFromRaw.map((file) => ({ form: "--files-from-raw" as const, file })),
  ];
  const { excludeFile = [], iexcludeFile = [], excludeLargerThan } = options;
  const fromInput = [...lists.map(({ file }) => file), ...excludeFile, ...iexcludeFile].filter((file) => file === "-");
  if (fromInput.length > 1) throw new UsageError("Standard input can be read once: name - for one list only");
  return {
    paths,
    lists,
    excluded: (options.exclude ?? []).map(ruleOfArgument),
    excludedIgnoringCase: (options.iexclude ?? []).map(ruleOfArgument),
    excludeFiles: excludeFile,
    excludeFilesIgnoringCase: iexcludeFile,
    markers: [
      ...options.excludeCaches ? [CACHE_DIRECTORY_TAG] : [],
      ...(options.excludeIfPresent ?? []).map(parseDirectoryMarker),
    ],
    largestFileBytes: excludeLargerThan === undefined ? null : parseSize(excludeLargerThan),
    oneFileSystem: options.oneFileSystem ?? false,
    changes: {
      readAll: options.force ?? false,
      compareCtime: !options.ignoreCtime && !options.ignoreInode,
      compareInode: !options.ignoreInode,
    },
    withAtime: options.withAtime ?? false,
    dryRun: options.dryRun ?? false,
  };
}

function refuseOptionsOfStreams({ guard = [], minSize, minOfParent, allowEmpty }: PathOptions): void {
  const given = [
    ...guard.some((text) => text !== "auto") ? ["--guard"] : [],
    ...minSize === undefined ? [] : ["--min-size"],
    ...minOfParent === undefined ? [] : ["--min-of-parent"],
    ...allowEmpty ? ["--allow-empty"] : [],
  ];
  if (given.length === 0) return;
  throw new UsageError(`${given[0]} is for streams, and says nothing of files and directories: leave it out`);
}
