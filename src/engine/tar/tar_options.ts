/** How the engine `tar` reads a directory: the parameters of its URL. */
import { resolve } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { EngineUrl } from "../engine.ts";

/** The parameters of a source. */
export const SOURCE_PARAMETERS = ["exclude", "dereference", "one-file-system"] as const;
/** The parameters of a target. */
export const TARGET_PARAMETERS = ["owner"] as const;

/** Which links are followed, and tar's options for that. */
const DEREFERENCE = {
  none: [],
  soft: ["--dereference"],
  hard: ["--hard-dereference"],
  all: ["--dereference", "--hard-dereference"],
} as const;
const OWNERS = ["numbers", "names"] as const;
const SWITCH = { "": true, yes: true, no: false } as const;

/** How a directory is read. */
export interface TarOptions {
  /** Absolute. */
  readonly path: string;
  /** Patterns of GNU tar for what is left out. */
  readonly exclude: readonly string[];
  /** Which links are stored as what they lead to. */
  readonly dereference: keyof typeof DEREFERENCE;
  /** Whether other file systems that are mounted below the directory are left out. */
  readonly oneFileSystem: boolean;
}

/** How a directory is written. */
export interface TarTargetOptions {
  readonly path: string;
  /** Whether files get their owners by number, as they were, or by name, as this system knows them. */
  readonly owner: typeof OWNERS[number];
}

/** The options of a source. Throws `UsageError` for a URL that makes no sense. */
export function sourceOptions(url: EngineUrl): TarOptions {
  refuseOthers(url, SOURCE_PARAMETERS, "get --into");
  const exclude = url.parameters.get("exclude") ?? [];
  if (exclude.includes("")) throw new UsageError("tar: exclude is empty; give it a pattern, as in exclude=*.tmp");
  const dereference = only(url, "dereference", Object.keys(DEREFERENCE) as (keyof typeof DEREFERENCE)[], "none");
  const oneFileSystem = only(url, "one-file-system", Object.keys(SWITCH) as (keyof typeof SWITCH)[], "no");
  return { path: pathOf(url), exclude, dereference, oneFileSystem: SWITCH[oneFileSystem] };
}

/** The options of a target. Throws `UsageError` for a URL that makes no sense. */
export function targetOptions(url: EngineUrl): TarTargetOptions {
  refuseOthers(url, TARGET_PARAMETERS, "put");
  return { path: pathOf(url), owner: only(url, "owner", OWNERS, "numbers") };
}

/** The options as arguments of tar. */
export function argumentsOf({ path, exclude, dereference, oneFileSystem }: TarOptions): string[] {
  return [
    ...DEREFERENCE[dereference],
    ...oneFileSystem ? ["--one-file-system"] : [],
    ...exclude.map((pattern) => `--exclude=${pattern}`),
    `--directory=${path}`,
    ".",
  ];
}

/** The options for manifests. */
export function optionsJson({ path, exclude, dereference, oneFileSystem }: TarOptions): JsonObject {
  return { path, exclude: [...exclude], dereference, oneFileSystem };
}

/** The names of the options that differ from those of another backup. */
export function differences(options: TarOptions, other: JsonObject): string[] {
  const own = optionsJson(options);
  return Object.keys(own).filter((name) => JSON.stringify(own[name]) !== JSON.stringify(other[name]));
}

function pathOf({ place }: EngineUrl): string {
  if (place === "") throw new UsageError("tar: names no directory; write tar:PATH, such as tar:/srv/files");
  if (place.includes("\0")) throw new UsageError("tar: no path contains a NUL");
  return resolve(place);
}

function refuseOthers({ parameters }: EngineUrl, allowed: readonly string[], other: string): void {
  const foreign = [...parameters.keys()].find((name) => !allowed.includes(name));
  if (foreign !== undefined) {
    throw new UsageError(`tar: ${foreign} is only for ${other}; here it has ${allowed.join(", ")}`);
  }
}

/** The one value of a parameter; `fallback` without it. */
function only<T extends string>({ parameters }: EngineUrl, name: string, allowed: readonly T[], fallback: T): T {
  const values = parameters.get(name) ?? [fallback];
  if (values.length > 1) throw new UsageError(`tar: ${name} is given twice; give it once`);
  const value = allowed.find((one) => one === values[0]);
  if (value !== undefined) return value;
  const listed = allowed.filter((one) => one !== "").join(", ");
  const hint = didYouMean(values[0]!, allowed) || `; it is one of ${listed}`;
  throw new UsageError(`tar: ${name} cannot be ${JSON.stringify(values[0])}${hint}`);
}
