/** Credentials for S3 from where AWS's tools look for them, in their order; lent ones are renewed before they end. */
import { UsageError } from "../../../base/errors.ts";
import type { CredentialsDependencies } from "./credentials_dependencies.ts";
import { containerCredentials, instanceCredentials } from "./aws_services.ts";
import { environmentCredentials } from "./environment_credentials.ts";
import { credentialsOfProfile } from "./profile_credentials.ts";
import { askedProfile } from "./profiles.ts";
import { assumeRoleWithToken } from "./security_token_service.ts";
import type { S3Credentials } from "../signing.ts";

/**
 * Gives credentials that are valid at the moment; undefined where requests go without a signature. `refused` are those that
 * the server does not take any more: they are not given again without a look at where they came from.
 */
export type CredentialsSource = (refused?: S3Credentials) => Promise<S3Credentials | undefined>;

/** Lent credentials are renewed so long before they end that a long upload begun with the old ones still gets through. */
const RENEW_BEFORE_MS = 5 * 60_000;

/** A source that has no fresher ones yet is left alone for so long: not every request may run a program or ask a service. */
const LOOK_AGAIN_MS = 30_000;

/**
 * A source that looks at the first call, keeps what it found, and looks again when that is about to end; calls at the same
 * time share one search. Where renewing fails, credentials that are still valid are used on.
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
 * The first of: environment, role of a web identity, profile in the shared files, the container's service, the instance's
 * service; a profile that the environment names comes before the web identity. A source that is configured and fails ends the search: the next one would be somebody else, and often one who
 * may do more. Throws `UsageError` where none has any, and what such a source throws.
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

/** The role that the environment names together with a token for it, as Kubernetes does on AWS. */
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
