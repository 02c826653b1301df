/** Finds credentials for S3 where AWS's tools look, in the same order, and renews temporary ones before they expire. */
import { UsageError } from "../../../base/errors.ts";
import type { CredentialsDependencies } from "./credentials_dependencies.ts";
import { containerCredentials, instanceCredentials } from "./aws_services.ts";
import { environmentCredentials } from "./environment_credentials.ts";
import { credentialsOfProfile } from "./profile_credentials.ts";
import { askedProfile } from "./profiles.ts";
import { assumeRoleWithToken } from "./security_token_service.ts";
import type { S3Credentials } from "../signing.ts";

/**
 * Returns credentials that are valid now; undefined if requests are sent unsigned. `refused` are credentials that the
 * server no longer accepts; they are not returned again without another search.
 */
export type CredentialsSource = (refused?: S3Credentials) => Promise<S3Credentials | undefined>;

/**
 * Temporary credentials are renewed this long before they expire, so that a long upload that began with the old ones
 * still succeeds.
 */
const RENEW_BEFORE_MS = 5 * 60_000;

/**
 * If a search brought nothing fresher, the next one waits this long: not every request should run a program or ask a
 * service.
 */
const LOOK_AGAIN_MS = 30_000;

/**
 * Searches at the first call, keeps what it found, and searches again before it expires; concurrent calls share one
 * search. If renewing fails, credentials that are still valid remain in use.
 */
export function credentialsSource(dependencies: CredentialsDependencies): CredentialsSource {
  const { clock } = dependencies;
  let current: S3Credentials | undefined;
  let search: Promise<S3Credentials> | undefined;
  let searchedMs = -Infinity;

  const isValidFor = (ms: number) =>
    current !== undefined && (current.expiresMs === undefined || current.expiresMs - clock.now().getTime() > ms);

  return async (refused) => {
    if (refused !== undefined && refused === current) current = undefined;
    if (isValidFor(clock.monotonicMs() - searchedMs < LOOK_AGAIN_MS ? 0 : RENEW_BEFORE_MS)) return current;
    search ??= findCredentials(dependencies).finally(() => {
      search = undefined;
      searchedMs = clock.monotonicMs();
    });
    try {
      return current = await search;
    } catch (error) {
      if (isValidFor(0)) return current;
      throw error;
    }
  };
}

/**
 * The first credentials found, in this order: environment, web identity, profile in the shared files, container
 * service, instance service. A profile that the environment names comes before the web identity. A configured source
 * that fails ends the search: the next source may be another user, often with more rights. Throws `UsageError` if no
 * source has credentials, and what a failing source throws.
 */
async function findCredentials(dependencies: CredentialsDependencies): Promise<S3Credentials> {
  const { env } = dependencies;
  const named = [credentialsOfProfile, webIdentityCredentials];
  const sources = [
    environmentCredentials,
    ...(askedProfile(env) === undefined ? named.toReversed() : named),
    containerCredentials,
    instanceCredentials,
  ];
  for (const source of sources) {
    const found = await source(dependencies);
    if (found) return found;
  }
  throw new UsageError(
    "No credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials " +
      "(another profile than default: set AWS_PROFILE)",
  );
}

/**
 * The credentials of the role in the environment, for which the environment also names a token; Kubernetes on AWS sets
 * both.
 */
async function webIdentityCredentials(dependencies: CredentialsDependencies): Promise<S3Credentials | undefined> {
  const { env } = dependencies;
  const tokenFile = env("AWS_WEB_IDENTITY_TOKEN_FILE") || undefined;
  if (tokenFile === undefined) return undefined;
  const arn = env("AWS_ROLE_ARN") || undefined;
  if (arn === undefined) throw new UsageError("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not; set both");
  const sessionName = env("AWS_ROLE_SESSION_NAME") || undefined;
  const role = { arn, sessionName, externalId: undefined, seconds: undefined, region: undefined };
  return await assumeRoleWithToken(dependencies, role, tokenFile);
}
