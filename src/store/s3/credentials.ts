/** Credentials for S3 from where AWS's tools look for them, in their order; lent ones are renewed before they end. */
import type { Clock } from "../../base/clock.ts";
import { UsageError } from "../../base/errors.ts";
import type { HttpClient } from "../http/client.ts";
import { credentialsOfProfile, type ReadTextFile } from "./credentials_file.ts";
import { containerCredentials, instanceCredentials } from "./credentials_lent.ts";
import type { S3Credentials } from "./signing.ts";

/** What credentials are looked for with. */
export interface CredentialsDependencies {
  readonly env: (name: string) => string | undefined;
  readonly readTextFile: ReadTextFile;
  readonly http: HttpClient;
  readonly clock: Clock;
}

/** Gives credentials that are valid at the moment; undefined where requests go without a signature. */
export type CredentialsSource = () => Promise<S3Credentials | undefined>;

/** Lent credentials are renewed so long before they end that a long upload begun with the old ones still gets through. */
const RENEW_BEFORE_MS = 5 * 60_000;

/**
 * A source that looks at the first call, keeps what it found, and looks again when that is about to end; calls at the same
 * time share one search. Where renewing fails, credentials that are still valid are used on.
 */
export function credentialsSource(dependencies: CredentialsDependencies): CredentialsSource {
  const { clock } = dependencies;
  let current: S3Credentials | undefined;
  let search: Promise<S3Credentials> | undefined;

  const isValidFor = (ms: number) =>
    current !== undefined && (current.expiresMs === undefined || current.expiresMs - clock.now().getTime() > ms);

  return async () => {
    if (isValidFor(RENEW_BEFORE_MS)) return current;
    search ??= findCredentials(dependencies).finally(() => search = undefined);
    try {
      return current = await search;
    } catch (error) {
      if (isValidFor(0)) return current;
      throw error;
    }
  };
}

/**
 * The first of: environment, shared file, the container's service, the instance's service. Throws `UsageError` where none
 * has any, and what reading an existing source throws.
 */
async function findCredentials(dependencies: CredentialsDependencies): Promise<S3Credentials> {
  const sources = [environmentCredentials, credentialsOfProfile, containerCredentials, instanceCredentials];
  for (const source of sources) {
    const found = await source(dependencies);
    if (found) return found;
  }
  throw new UsageError(
    "No credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials " +
      "(another profile than default: set AWS_PROFILE)",
  );
}

function environmentCredentials({ env }: CredentialsDependencies): S3Credentials | undefined {
  const accessKeyId = env("AWS_ACCESS_KEY_ID") || undefined;
  const secretAccessKey = env("AWS_SECRET_ACCESS_KEY") || undefined;
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const [set, missing] = accessKeyId === undefined
      ? ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"]
      : ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    throw new UsageError(`${set} is set and ${missing} is not; set both`);
  }
  const sessionToken = env("AWS_SESSION_TOKEN") || undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
