/** The credentials of a profile: written in it, printed by a program, or lent for a role that the profile assumes. */
import { UsageError } from "../../../base/errors.ts";
import { processCredentials } from "./credential_process.ts";
import type { CredentialsDependencies } from "./credentials_dependencies.ts";
import { containerCredentials, instanceCredentials } from "./aws_services.ts";
import { environmentCredentials } from "./environment_credentials.ts";
import { askedProfile, type Profile, profilePaths, type ProfileSection, readProfile, valueOf } from "./profiles.ts";
import { assumeRole, assumeRoleWithToken, type Role } from "./security_token_service.ts";
import type { S3Credentials } from "../signing.ts";

/** Features of a profile that `agent` does not support. Ignoring them could mean using credentials of somebody else. */
const NOT_SUPPORTED: readonly string[] = ["sso_session", "sso_start_url", "sso_account_id", "login_session"];

/** Keys that have no meaning without a role. */
const ONLY_WITH_ROLE: readonly string[] = ["source_profile", "credential_source", "web_identity_token_file"];

/**
 * The credentials of the profile that the environment names (`default` if it names none); undefined if the profile has
 * none. Throws `UsageError` if the profile is missing, incomplete or unsupported, and what assuming a role throws.
 */
export async function credentialsOfProfile(dependencies: CredentialsDependencies): Promise<S3Credentials | undefined> {
  const asked = askedProfile(dependencies.env);
  const profile = await readProfile(dependencies, asked ?? "default");
  if (profile) return await credentialsIn(dependencies, profile, []);
  if (asked === undefined) return undefined;
  const files = profilePaths(dependencies.env).join(" or ") || "any file";
  throw new UsageError(`The environment asks for the AWS profile ${JSON.stringify(asked)}, which is not in ${files}`);
}

/** `takenOn`: the profiles whose roles wait for this profile's credentials. */
async function credentialsIn(
  dependencies: CredentialsDependencies,
  profile: Profile,
  takenOn: readonly string[],
): Promise<S3Credentials | undefined> {
  const roleArn = valueOf(profile, "role_arn");
  if (roleArn !== undefined) return await credentialsOfRole(dependencies, profile, roleArn, takenOn);
  const found = await ownCredentials(dependencies, profile);
  if (found) return found;
  const lost = ONLY_WITH_ROLE.find((key) => valueOf(profile, key) !== undefined);
  if (lost !== undefined) throw new UsageError(`${named(profile)} has ${lost} and no role_arn; add it`);
  return undefined;
}

async function ownCredentials(
  { runProcess, clock }: CredentialsDependencies,
  profile: Profile,
): Promise<S3Credentials | undefined> {
  const kept = writtenKeys(profile, profile.credentials);
  if (kept) return kept;
  const notSupported = NOT_SUPPORTED.find((key) => valueOf(profile, key) !== undefined);
  if (notSupported !== undefined) {
    throw new UsageError(
      `${named(profile)} uses ${notSupported}, which is not supported; let credential_process print the keys ` +
        "(aws configure export-credentials --format process --profile NAME)",
    );
  }
  const command = valueOf(profile, "credential_process");
  if (command !== undefined) return await processCredentials(command, named(profile), { runProcess, clock });
  return writtenKeys(profile, profile.config);
}

async function credentialsOfRole(
  dependencies: CredentialsDependencies,
  profile: Profile,
  roleArn: string,
  takenOn: readonly string[],
): Promise<S3Credentials> {
  const role = roleOf(profile, roleArn);
  const tokenFile = valueOf(profile, "web_identity_token_file");
  if (tokenFile !== undefined) return await assumeRoleWithToken(dependencies, role, tokenFile);
  if (valueOf(profile, "mfa_serial") !== undefined) {
    throw new UsageError(
      `${named(profile)} has mfa_serial, and a backup cannot type its code; use a role without MFA`,
    );
  }
  const source = await sourceCredentials(dependencies, profile, [...takenOn, profile.name]);
  return await assumeRole(dependencies, role, source);
}

function roleOf(profile: Profile, arn: string): Role {
  const seconds = valueOf(profile, "duration_seconds");
  if (seconds !== undefined && !/^\d{1,6}$/.test(seconds)) {
    throw new UsageError(`${named(profile)} has a duration_seconds that is no number of seconds; correct it`);
  }
  return {
    arn,
    sessionName: valueOf(profile, "role_session_name"),
    externalId: valueOf(profile, "external_id"),
    seconds,
    region: valueOf(profile, "region"),
  };
}

/** The credentials with which a role is assumed: those of another profile, or of a service that the profile names. */
async function sourceCredentials(
  dependencies: CredentialsDependencies,
  profile: Profile,
  takenOn: readonly string[],
): Promise<S3Credentials> {
  const [name, service] = [valueOf(profile, "source_profile"), valueOf(profile, "credential_source")];
  if ((name === undefined) === (service === undefined)) {
    throw new UsageError(
      `${named(profile)} has role_arn and ${name === undefined ? "neither" : "both"} ` +
        "source_profile and credential_source; give it one of them",
    );
  }
  const found = name === undefined
    ? await serviceCredentials(dependencies, profile, service!)
    : await credentialsOfSource(dependencies, profile, name, takenOn);
  if (found) return found;
  throw new UsageError(`${named(profile)} takes its keys from ${JSON.stringify(name ?? service)}, which has none`);
}

async function credentialsOfSource(
  dependencies: CredentialsDependencies,
  profile: Profile,
  name: string,
  takenOn: readonly string[],
): Promise<S3Credentials | undefined> {
  if (name === profile.name) return await ownCredentials(dependencies, profile);
  if (takenOn.includes(name)) {
    throw new UsageError(`${named(profile)} takes its keys from itself: ${[...takenOn, name].join(" → ")}; correct it`);
  }
  const source = await readProfile(dependencies, name);
  if (!source) {
    throw new UsageError(`${named(profile)} names the source_profile ${JSON.stringify(name)}, which does not exist`);
  }
  return await credentialsIn(dependencies, source, takenOn);
}

async function serviceCredentials(
  dependencies: CredentialsDependencies,
  profile: Profile,
  service: string,
): Promise<S3Credentials | undefined> {
  if (service === "Environment") return environmentCredentials(dependencies);
  if (service === "Ec2InstanceMetadata") return await instanceCredentials(dependencies);
  if (service === "EcsContainer") return await containerCredentials(dependencies);
  throw new UsageError(
    `${named(profile)} has the credential_source ${JSON.stringify(service)}; ` +
      "it can be Environment, Ec2InstanceMetadata or EcsContainer",
  );
}

function writtenKeys({ name }: Profile, section: ProfileSection | undefined): S3Credentials | undefined {
  const accessKeyId = section?.values.get("aws_access_key_id");
  const secretAccessKey = section?.values.get("aws_secret_access_key");
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = accessKeyId === undefined ? "aws_access_key_id" : "aws_secret_access_key";
    throw new UsageError(`The AWS profile ${JSON.stringify(name)} in "${section!.path}" lacks ${missing}; add it`);
  }
  const sessionToken = section!.values.get("aws_session_token");
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function named({ name }: Profile): string {
  return `The AWS profile ${JSON.stringify(name)}`;
}
