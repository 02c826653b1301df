/** AWS's shared files: `~/.aws/credentials` and `~/.aws/config`, INI files with one section a profile. */
import { parse } from "ini";
import * as v from "valibot";
import { UsageError } from "../../base/errors.ts";
import type { S3Credentials } from "./signing.ts";

/** Gives a file's text; undefined where there is no such file. */
export type ReadTextFile = (path: string) => Promise<string | undefined>;

interface FileDependencies {
  readonly env: (name: string) => string | undefined;
  readonly readTextFile: ReadTextFile;
}

const Profile = v.object({
  aws_access_key_id: v.optional(v.string()),
  aws_secret_access_key: v.optional(v.string()),
  aws_session_token: v.optional(v.string()),
  region: v.optional(v.string()),
});
type Profile = v.InferOutput<typeof Profile>;

/**
 * The credentials of the profile that AWS_PROFILE names (`default` without it), from the credentials file and then the
 * configuration file; undefined where neither has any. Throws `UsageError` for half a pair of keys, a profile that is named
 * and not there, and a file that cannot be understood.
 */
export async function credentialsOfProfile(
  { env, readTextFile }: FileDependencies,
): Promise<S3Credentials | undefined> {
  const name = profileName(env);
  const paths = [pathOf(env, "credentials"), pathOf(env, "config")].filter((path) => path !== undefined);
  const found: Profile[] = [];
  for (const path of paths) {
    const profile = profileIn(await readTextFile(path), name, path);
    if (!profile) continue;
    found.push(profile);
    const credentials = credentialsIn(profile, name, path);
    if (credentials) return credentials;
  }
  if (found.length === 0 && env("AWS_PROFILE")) {
    throw new UsageError(
      `AWS_PROFILE names ${JSON.stringify(name)}, which is not in ${paths.join(" or ") || "any file"}`,
    );
  }
  return undefined;
}

/** The region of the profile in the configuration file; undefined where it names none. */
export async function regionOfProfile({ env, readTextFile }: FileDependencies): Promise<string | undefined> {
  const path = pathOf(env, "config");
  if (path === undefined) return undefined;
  return profileIn(await readTextFile(path), profileName(env), path)?.region || undefined;
}

function profileName(env: FileDependencies["env"]): string {
  return env("AWS_PROFILE") || "default";
}

function pathOf(env: FileDependencies["env"], file: "credentials" | "config"): string | undefined {
  const named = env(file === "config" ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE");
  if (named) return named;
  const home = env("HOME");
  return home ? `${home}/.aws/${file}` : undefined;
}

/** The configuration file calls every profile but the default one `profile NAME`. */
function profileIn(text: string | undefined, name: string, path: string): Profile | undefined {
  if (text === undefined) return undefined;
  const sections = parse(keptLiterally(text)) as Readonly<Record<string, unknown>>;
  const section = sections[name] ?? sections[`profile ${name}`];
  if (section === undefined) return undefined;
  const profile = v.safeParse(Profile, section);
  if (profile.success) return profile.output;
  throw new UsageError(`Cannot read the profile "${name}" in "${path}": a value is not plain text; correct the file`);
}

function credentialsIn(profile: Profile, name: string, path: string): S3Credentials | undefined {
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = profile;
  if (!accessKeyId && !secretAccessKey) return undefined;
  if (!accessKeyId || !secretAccessKey) {
    const missing = accessKeyId ? "aws_secret_access_key" : "aws_access_key_id";
    throw new UsageError(`The profile "${name}" in "${path}" lacks ${missing}; add it`);
  }
  const sessionToken = profile.aws_session_token || undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/**
 * AWS's dialect of INI in that of the parser: there `#`, `;` and `\` within a value and `.` in a section's name mean
 * something, while here they stand for themselves, as in the secrets that some servers make.
 */
function keptLiterally(text: string): string {
  return text.split(/\r?\n/).map((line) => {
    if (/^\s*[#;]/.test(line)) return "";
    const section = /^\s*\[\s*(.*?)\s*\]/.exec(line)?.[1];
    if (section !== undefined) return `[${section.replaceAll(".", "\\.")}]`;
    return line.replace(/[\\#;]/g, "\\$&");
  }).join("\n");
}
