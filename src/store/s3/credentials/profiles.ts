/** Reads profiles in AWS's shared files, `~/.aws/credentials` and `~/.aws/config`, as AWS's own tools do. */
import { UsageError } from "../../../base/errors.ts";

/** Returns a file's text; undefined if there is no such file. */
export type ReadTextFile = (path: string) => Promise<string | undefined>;

/** What reading profiles needs. */
interface ProfileDependencies {
  readonly env: (name: string) => string | undefined;
  readonly readTextFile: ReadTextFile;
}

/** A profile's section in one of the two files: its values that are not empty, by their names in lower case. */
export interface ProfileSection {
  readonly path: string;
  readonly values: ReadonlyMap<string, string>;
}

/** One profile, from both files. */
export interface Profile {
  readonly name: string;
  /** Undefined if the credentials file lacks the profile. */
  readonly credentials: ProfileSection | undefined;
  /** Undefined if the configuration file lacks the profile. */
  readonly config: ProfileSection | undefined;
}

/**
 * The profile that the environment names; undefined if it names none. Throws `UsageError` if two variables name
 * different profiles.
 */
export function askedProfile(env: ProfileDependencies["env"]): string | undefined {
  const [name, fallback] = [env("AWS_PROFILE") || undefined, env("AWS_DEFAULT_PROFILE") || undefined];
  if (name !== undefined && fallback !== undefined && name !== fallback) {
    throw new UsageError(
      `AWS_PROFILE names ${JSON.stringify(name)} and AWS_DEFAULT_PROFILE ${
        JSON.stringify(fallback)
      }; unset one of them`,
    );
  }
  return name ?? fallback;
}

/** Reads a profile; undefined if neither file has it. Throws what reading a file throws. */
export async function readProfile(dependencies: ProfileDependencies, name: string): Promise<Profile | undefined> {
  const credentials = await sectionOf(dependencies, "credentials", name);
  const config = await sectionOf(dependencies, "config", name);
  return credentials || config ? { name, credentials, config } : undefined;
}

/** A value of a profile; the credentials file takes precedence. Undefined if neither file has it. */
export function valueOf({ credentials, config }: Profile, key: string): string | undefined {
  return credentials?.values.get(key) ?? config?.values.get(key);
}

/** The region of the profile that the environment names, or of the default profile; undefined if it has none. */
export async function regionOfProfile(dependencies: ProfileDependencies): Promise<string | undefined> {
  const profile = await readProfile(dependencies, askedProfile(dependencies.env) ?? "default");
  return profile && valueOf(profile, "region");
}

/** The paths of AWS's two files; those that the environment does not name are left out if there is no home folder. */
export function profilePaths(env: ProfileDependencies["env"]): string[] {
  return [pathOf(env, "credentials"), pathOf(env, "config")].filter((path) => path !== undefined);
}

function pathOf(env: ProfileDependencies["env"], file: "credentials" | "config"): string | undefined {
  const named = env(file === "config" ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE");
  if (named) return named;
  const home = env("HOME");
  return home ? `${home}/.aws/${file}` : undefined;
}

async function sectionOf(
  { env, readTextFile }: ProfileDependencies,
  file: "credentials" | "config",
  name: string,
): Promise<ProfileSection | undefined> {
  const path = pathOf(env, file);
  const text = path === undefined ? undefined : await readTextFile(path);
  const values = text === undefined ? undefined : parseProfiles(text).get(name);
  return values && { path: path!, values };
}

/**
 * The sections of a file by profile name (`profile NAME` and `NAME` are the same); sections of the same name are
 * merged. A value ends at the end of its line, or before a blank followed by `#` or `;`. More deeply indented lines
 * below a value belong to it and are skipped: they are settings of single services. Source: AWS SDKs and Tools
 * Reference Guide, "Shared config and credentials files"; blanks and colons as in Python's configparser.
 */
function parseProfiles(text: string): Map<string, Map<string, string>> {
  const profiles = new Map<string, Map<string, string>>();
  let values: Map<string, string> | undefined;
  let depth: number | undefined;
  for (const line of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue;
    const indent = /^\s*/.exec(line)![0].length;
    if (depth !== undefined && indent > depth) continue;
    const section = /^\s*\[(.*)\]/.exec(line)?.[1];
    if (section !== undefined) {
      values = sectionFor(profiles, section);
      depth = undefined;
      continue;
    }
    depth = indent;
    const property = /^\s*([^=:]*?)\s*[=:]\s*(.*?)\s*(?:\s[#;].*)?$/.exec(line);
    if (property?.[2]) values?.set(property[1]!.toLowerCase(), property[2]);
  }
  return profiles;
}

function sectionFor(profiles: Map<string, Map<string, string>>, section: string): Map<string, string> {
  const words = section.trim().replace(/^profile\s+/, "");
  const name = words.replace(/^(["'])(.*)\1$/, "$2");
  const values = profiles.get(name) ?? new Map<string, string>();
  profiles.set(name, values);
  return values;
}
