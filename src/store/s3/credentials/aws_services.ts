/** Credentials that AWS lends to its own containers and, through the instance metadata service v2, to its machines. */
import { StoreError, TemporaryError, UsageError } from "../../../base/errors.ts";
import { withinTime } from "../../../base/time_limit.ts";
import type { HttpAnswer, HttpRequest } from "../../http/client.ts";
import type { CredentialsDependencies } from "./credentials_dependencies.ts";
import { LentKeysError, readLentKeys } from "./lent_keys.ts";
import type { S3Credentials } from "../signing.ts";

/** On AWS the services answer at once; elsewhere the program must not be held up for long. */
const WAIT_MS = 1500;

const MOST_BYTES = 65_536;

/**
 * The credentials of the container's task or pod; undefined if the environment names no service that lends them (ECS,
 * EKS). Throws `UsageError` for an address that must not receive a token, and `StoreError` if the service returns no
 * credentials.
 */
export async function containerCredentials(dependencies: CredentialsDependencies): Promise<S3Credentials | undefined> {
  const { env } = dependencies;
  const relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative && !full) return undefined;
  const url = serviceUrl(relative ? `http://169.254.170.2${relative}` : full!);
  const token = await containerToken(dependencies);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
  return readLent(url, await ask(dependencies, { method: "GET", url, headers }));
}

/**
 * The credentials of the machine's role; undefined if the machine is not on AWS or has no role. Throws `UsageError` if
 * the service's address is not a URL, and `StoreError` if there is a role but no credentials.
 */
export async function instanceCredentials(dependencies: CredentialsDependencies): Promise<S3Credentials | undefined> {
  const { env } = dependencies;
  if (env("AWS_EC2_METADATA_DISABLED")?.toLowerCase() === "true") return undefined;
  const base = URL.parse(env("AWS_EC2_METADATA_SERVICE_ENDPOINT") || "http://169.254.169.254");
  if (!base) throw new UsageError("AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL; correct or unset it");
  const token = await instanceToken(dependencies, base);
  if (token === undefined) return undefined;
  const headers = { "x-aws-ec2-metadata-token": token };
  const roles = new URL("/latest/meta-data/iam/security-credentials/", base);
  const answer = await ask(dependencies, { method: "GET", url: roles, headers });
  const role = answer.status === 200 ? textOf(answer).split("\n")[0]!.trim() : "";
  if (role === "") return undefined;
  const url = new URL(encodeURIComponent(role), roles);
  return readLent(url, await ask(dependencies, { method: "GET", url, headers }));
}

/** Undefined if nothing answers as the service would: most machines are not on AWS. */
async function instanceToken(dependencies: CredentialsDependencies, base: URL): Promise<string | undefined> {
  const headers = { "x-aws-ec2-metadata-token-ttl-seconds": "21600" };
  try {
    const url = new URL("/latest/api/token", base);
    const answer = await ask(dependencies, { method: "PUT", url, headers });
    const token = textOf(answer).trim();
    return answer.status === 200 && /^[\x21-\x7e]{1,1000}$/.test(token) ? token : undefined;
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

async function containerToken({ env, readTextFile }: CredentialsDependencies): Promise<string | undefined> {
  const path = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!path) return env("AWS_CONTAINER_AUTHORIZATION_TOKEN") || undefined;
  const text = await readTextFile(path);
  if (text === undefined) {
    throw new UsageError(`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names "${path}", which does not exist`);
  }
  return text.trim();
}

/** Trusts what AWS's own tools trust: TLS, this machine, and the addresses of the service on ECS and EKS. */
function serviceUrl(text: string): URL {
  const trusted = ["localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
  const url = URL.parse(text);
  if (url && (url.protocol === "https:" || url.protocol === "http:" && trusted.includes(url.hostname))) return url;
  throw new UsageError("AWS_CONTAINER_CREDENTIALS_FULL_URI is not the address of a container's service; correct it");
}

/** Sends a request; after the time limit it throws `TemporaryError`. */
async function ask(
  { http, clock }: CredentialsDependencies,
  request: Pick<HttpRequest, "method" | "url" | "headers">,
): Promise<HttpAnswer> {
  const late = new TemporaryError(`No answer from "${request.url.origin}" within ${WAIT_MS} ms; try again`);
  return await withinTime(
    { clock, ms: WAIT_MS, late },
    (signal) => http.send({ ...request, mostBytes: MOST_BYTES, signal }),
  );
}

/** Errors repeat no part of the answer, since it may hold the secret. */
function readLent(url: URL, answer: HttpAnswer): S3Credentials {
  const place = `${url.origin}${url.pathname}`;
  if (answer.status >= 500 || answer.status === 429) {
    throw new TemporaryError(`Cannot get credentials from "${place}": HTTP status ${answer.status}; try again later`);
  }
  if (answer.status !== 200) {
    throw new StoreError(`Cannot get credentials from "${place}": HTTP status ${answer.status}; check the role`);
  }
  try {
    return readLentKeys(textOf(answer));
  } catch (cause) {
    if (!(cause instanceof LentKeysError)) throw cause;
    throw new StoreError(`Cannot get credentials from "${place}": ${cause.message}; check the address and the role`, {
      cause,
    });
  }
}

function textOf({ body }: HttpAnswer): string {
  return new TextDecoder().decode(body);
}
