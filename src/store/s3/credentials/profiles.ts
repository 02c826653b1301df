/** The profiles of AWS's shared files, `~/.aws/credentials` and `~/.aws/config`, read as AWS's own tools read them. */
import { UsageError } from "../../../base/errors.ts";

/** Gives a file's text; undefined where there is no such file. */
export type ReadTextFile = (path: string) => Promise<string | undefined>;

/** What profiles are looked for with. */
interface ProfileDependencies {
  readonly env: (name: string) => string | undefined;
  readonly readTextFile: ReadTextFile;
}

/** One profile as one of the two files has it: values that are not empty, by their names in lower case. */
export interface ProfileSection {
  readonly path: string;
  readonly values: ReadonlyMap<string, string>;
}

/** One profile. */
export interface Profile {
  readonly name: string;
  /** Undefined where the credentials file does not have it. */
  readonly credentials: ProfileSection | undefined;
  /** Undefined where the configuration file does not have it. */
  readonly config: ProfileSection | undefined;
}

/**
 * The name of the profile that the environment asks for; undefined where it asks for none. Throws `UsageError` where two
 * variables ask for two.
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

/** Reads a profile; undefined where neither file has it. Throws what reading a file throws. */
export async function readProfile(dependencies: ProfileDependencies, name: string): Promise<Profile | undefined> {
  const credentials = await sectionOf(dependencies, "credentials", name);
  const config = await sectionOf(dependencies, "config", name);
  return credentials || config ? { name, credentials, config } : undefined;
}

/** The value of a profile, from the credentials file before the configuration file; undefined where it has none. */
export function valueOf({ credentials, config }: Profile, key: string): string | undefined {
  return credentials?.values.get(key) ?? config?.values.get(key);
}

/** The region of the profile that is asked for, or of the default one; undefined where it names none. */
export async function regionOfProfile(dependencies: ProfileDependencies): Promise<string | undefined> {
  const profile = await readProfile(dependencies, askedProfile(dependencies.env) ?? "default");
  return profile && valueOf(profile, "region");
}

/** Where AWS's files are looked for; none where nobody says and there is no home. */
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
 * The sections of such a file by the names of their profiles (`profile NAME` and `NAME` are the same); of two of one name
 * the values are joined. A value goes on to the end of its line, or to a blank and a `#` or `;`; deeper indented lines
 * below belong to it and are passed over, as the settings of single services are (AWS SDKs and Tools Reference Guide,
 * "Shared config and credentials files"; blanks and colons as Python's configparser takes them).
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
