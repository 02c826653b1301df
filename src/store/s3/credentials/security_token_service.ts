/** Keys for roles, lent by AWS's Security Token Service or a server with the same protocol (API version 2011-06-15). */
import { createHash } from "node:crypto";
import { StoreError, TemporaryError, UsageError } from "../../../base/errors.ts";
import type { HttpAnswer } from "../../http/client.ts";
import type { CredentialsDependencies } from "./credentials_dependencies.ts";
import { lentKeys, LentKeysError } from "./lent_keys.ts";
import { type S3Credentials, signedHeaders } from "../signing.ts";
import { readAssumedRole, readErrorDocument, S3DocumentError } from "../xml.ts";

/** A role, and how to ask for it. If a field is undefined and has no default here, the service's default applies. */
export interface Role {
  readonly arn: string;
  /** Appears in the service's logs; `agent` by default. */
  readonly sessionName: string | undefined;
  readonly externalId: string | undefined;
  /** How long the keys should be valid. */
  readonly seconds: string | undefined;
  /** The region whose service is asked, unless the environment names another region. */
  readonly region: string | undefined;
}

/** The most bytes that an answer may have. The service's answers are all shorter. */
const MOST_BYTES = 1 << 20;

/** Errors for which trying again may help. */
const PASSING_CODES: readonly string[] = ["Throttling", "ThrottlingException", "IDPCommunicationError"];

/** Asks for a role with the keys of `source`. Throws `StoreError` if the service refuses. */
export function assumeRole(
  dependencies: CredentialsDependencies,
  role: Role,
  source: S3Credentials,
): Promise<S3Credentials> {
  return ask(dependencies, role, { Action: "AssumeRole" }, source);
}

/**
 * Asks for a role with the token in `tokenFile`; Kubernetes writes such files. Throws `UsageError` if the file is
 * missing or empty, and `StoreError` if the service refuses.
 */
export async function assumeRoleWithToken(
  dependencies: CredentialsDependencies,
  role: Role,
  tokenFile: string,
): Promise<S3Credentials> {
  const token = (await dependencies.readTextFile(tokenFile))?.trim();
  if (!token) {
    const what = token === undefined ? "does not exist" : "is empty";
    throw new UsageError(`The web identity token file "${tokenFile}" ${what}; correct or unset its path`);
  }
  return await ask(dependencies, role, { Action: "AssumeRoleWithWebIdentity", WebIdentityToken: token });
}

async function ask(
  dependencies: CredentialsDependencies,
  role: Role,
  action: Readonly<Record<string, string>>,
  source?: S3Credentials,
): Promise<S3Credentials> {
  const { url, region } = serviceOf(dependencies.env, role);
  const form = new URLSearchParams({
    ...action,
    Version: "2011-06-15",
    RoleArn: role.arn,
    RoleSessionName: role.sessionName ?? "agent",
    ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
    ...(role.seconds === undefined ? {} : { DurationSeconds: role.seconds }),
  });
  const content = new TextEncoder().encode(form.toString());
  const request = {
    method: "POST",
    url,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  } as const;
  const sha256 = createHash("sha256").update(content).digest("hex");
  const now = dependencies.clock.now();
  const proof = source && { credentials: source, region, service: "sts", sha256, now, keys: new Map() } as const;
  const headers = proof ? await signedHeaders(request, proof) : request.headers;
  const answer = await dependencies.tokenService.send({
    ...request,
    headers,
    content: [content],
    mostBytes: MOST_BYTES,
  });
  return keysOf(answer, `get keys for the role ${JSON.stringify(role.arn)} from "${url.origin}"`);
}

/** The service to ask, chosen as AWS's tools do: that of the region or, if no region is known, that of all regions. */
function serviceOf(env: CredentialsDependencies["env"], role: Role): { url: URL; region: string } {
  const region = env("AWS_REGION") || env("AWS_DEFAULT_REGION") || role.region;
  if (region !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(region)) {
    throw new UsageError(`${JSON.stringify(region)} cannot be a region; correct AWS_REGION or the AWS profile`);
  }
  const told = env("AWS_ENDPOINT_URL_STS") || env("AWS_ENDPOINT_URL");
  const domain = region?.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const url = URL.parse(told || `https://sts.${region === undefined ? "" : `${region}.`}${domain}/`);
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new UsageError(`${JSON.stringify(told)} is not a URL; correct AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL`);
  }
  return { url, region: region ?? "us-east-1" };
}

function keysOf({ status, body }: HttpAnswer, attempt: string): S3Credentials {
  if (status === 200) return readKeys(body, attempt);
  const refusal = readErrorDocument(body);
  const why = refusal ? `${refusal.code}: ${refusal.message}` : `HTTP status ${status}`;
  if (status >= 500 || status === 429 || PASSING_CODES.includes(refusal?.code ?? "")) {
    throw new TemporaryError(`Cannot ${attempt}: ${why}; try again later`);
  }
  throw new StoreError(`Cannot ${attempt}: ${why}; check the role and who may take it on`);
}

function readKeys(body: Uint8Array, attempt: string): S3Credentials {
  try {
    return lentKeys(readAssumedRole(body));
  } catch (cause) {
    if (!(cause instanceof LentKeysError) && !(cause instanceof S3DocumentError)) throw cause;
    throw new StoreError(`Cannot ${attempt}: ${cause.message}; check the address of the service`, { cause });
  }
}
