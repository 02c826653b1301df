/**
 * What the configuration of bakthat means here: profiles in a YAML file, each with its bucket, keys and rotation.
 * Repositories are new ones: bakthat's archives stay where they are, and bakthat restores them.
 */
import * as v from "valibot";
import { parseDocument } from "yaml";
import { UsageError } from "../../base/errors.ts";
import { CONFIGURATION_VERSION, NAME } from "../configuration.ts";

/** A profile's keys that have a meaning here; of others, there is a note. */
const profileSchema = v.looseObject({
  access_key: v.optional(v.string()),
  secret_key: v.optional(v.string()),
  s3_bucket: v.optional(v.string()),
  s3_location: v.optional(v.nullable(v.string())),
  rotation: v.optional(v.looseObject({
    days: v.optional(count()),
    weeks: v.optional(count()),
    months: v.optional(count()),
    first_week_day: v.optional(v.pipe(count(), v.maxValue(6))),
  })),
});
type BakthatProfile = v.InferOutput<typeof profileSchema>;

const fileSchema = v.pipe(
  v.custom<Record<string, unknown>>((input) => !Array.isArray(input)),
  v.record(v.string(), v.nullable(profileSchema)),
);

/** Keys that need no note: they are used, or say nothing that matters here. */
const UNDERSTOOD = ["access_key", "secret_key", "s3_bucket", "s3_location", "rotation"];

/** Why a key is left out. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  default_destination: "a repository takes the place of a destination",
  glacier_vault: "vaults of Glacier are not supported; a rule of the bucket may move packs to an archive class",
  auth_url: "Swift is reached through its S3 API: make keys for that",
  auth_version: "Swift is reached through its S3 API: make keys for that",
  plugins: "plugins in Python do not run here; docs/plugins.md tells how to write one",
  plugins_dir: "plugins in Python do not run here; docs/plugins.md tells how to write one",
  compress: "everything is compressed; see compression in [defaults.put]",
};

/** A secret that goes to a file of its own. */
export interface ImportedSecret {
  /** The name of the file, beside the configuration. */
  readonly file: string;
  readonly value: string;
}

/** What a file of bakthat becomes. */
export interface Imported {
  /** The configuration as a plain object. */
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly secrets: readonly ImportedSecret[];
  /** What is not taken over, a sentence each. */
  readonly notes: readonly string[];
}

/** bakthat's name for what counts without a profile. */
const DEFAULT = "default";
/** bakthat's own archives are at the top of its bucket. */
const PREFIX = "agent";

/**
 * Parses bakthat's file at `path`. `folder` is where the secrets will be. Throws `UsageError` if it is not such a file;
 * its message never has a value of the file.
 */
export function importBakthat(text: string, path: string, folder: string): Imported {
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? 1;
    throw new UsageError(`${path}:${line}: Not YAML (${error.code.toLowerCase().replaceAll("_", " ")})`);
  }
  const result = v.safeParse(fileSchema, plainOf(document, path));
  if (!result.success) {
    const [issue] = result.issues;
    const at = v.getDotPath(issue);
    throw new UsageError(
      `${path} is not a configuration of bakthat: ${at === null ? "it" : `"${at}"`} has the wrong form`,
    );
  }
  return combine(result.output, folder);
}

function plainOf(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new UsageError(`${path} is not a configuration of bakthat: it has aliases`, { cause });
  }
}

function combine(profiles: Readonly<Record<string, BakthatProfile | null>>, folder: string): Imported {
  const parts = Object.entries(profiles).map(([given, profile]) => importProfile(given, profile ?? {}, folder));
  const top = parts.find(({ name }) => name === DEFAULT)?.section ?? {};
  const others = parts.filter(({ name }) => name !== DEFAULT);
  const twice = parts.find(({ name }, i) => parts.findIndex((other) => other.name === name) < i);
  if (twice !== undefined) {
    throw new UsageError(`Two profiles would both be called "${twice.name}": rename one of them`);
  }
  const repositories = parts.flatMap(({ name, repository }) => repository === undefined ? [] : [[name, repository]]);
  return {
    configuration: {
      version: CONFIGURATION_VERSION,
      ...top,
      ...repositories.length > 0 && { repositories: Object.fromEntries(repositories) },
      ...others.length > 0 && { profiles: Object.fromEntries(others.map(({ name, section }) => [name, section])) },
    },
    secrets: parts.flatMap(({ secret }) => secret ?? []),
    notes: parts.flatMap(({ notes }) => notes),
  };
}

interface Part {
  readonly name: string;
  readonly section: Record<string, unknown>;
  readonly repository: Record<string, unknown> | undefined;
  readonly secret: ImportedSecret | undefined;
  readonly notes: readonly string[];
}

function importProfile(given: string, profile: BakthatProfile, folder: string): Part {
  const name = NAME.test(given) ? given : given.replaceAll(/[^A-Za-z0-9_-]+/g, "-");
  const { access_key, secret_key, s3_bucket, s3_location, rotation } = profile;
  const hasBucket = s3_bucket !== undefined && s3_bucket !== "";
  const secret = hasBucket && secret_key ? { file: `${name}.s3-secret`, value: secret_key } : undefined;
  const repository = hasBucket
    ? {
      url: `s3:https://s3.amazonaws.com/${s3_bucket}/${PREFIX}`,
      ...s3_location && { option: [`s3.region=${s3_location}`] },
      ...access_key && { "s3-access-key-id": access_key },
      ...secret && { "s3-secret-access-key": `file:${folder}/${secret.file}` },
    }
    : undefined;
  return {
    name,
    section: {
      ...repository && { repository: name },
      ...rotation && { rotation: rotationOf(rotation) },
    },
    repository,
    secret,
    notes: notesOn(given, name, profile, hasBucket),
  };
}

function rotationOf({ days, weeks, months, first_week_day }: NonNullable<BakthatProfile["rotation"]>) {
  return {
    ...days !== undefined && { days },
    ...weeks !== undefined && { weeks },
    ...months !== undefined && { months },
    ...first_week_day !== undefined && { "first-week-day": first_week_day },
  };
}

function notesOn(given: string, name: string, profile: BakthatProfile, hasBucket: boolean): string[] {
  const left = Object.keys(profile).filter((key) => !UNDERSTOOD.includes(key));
  return [
    ...given === name ? [] : [`The profile "${given}" is called "${name}" here`],
    ...hasBucket
      ? [`The repository "${name}" needs a password: add password-file to [repositories.${name}], then run agent init`]
      : [`The profile "${given}" has no s3_bucket, and so gets no repository`],
    ...left.map((key) =>
      Object.hasOwn(LEFT_OUT, key)
        ? `"${key}" of "${given}" is left out: ${LEFT_OUT[key]}`
        : `"${key}" of "${given}" is left out: it is not known`
    ),
  ];
}

function count() {
  return v.pipe(v.number(), v.integer(), v.minValue(0));
}
