/** What surrounds a search for S3 credentials: environment, files, a clock, and services that lend them. */
import { TemporaryError } from "../../../../src/base/errors.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../../../../src/store/http/client.ts";
import type { RunProcess } from "../../../../src/store/s3/credentials/credential_process.ts";
import { credentialsSource } from "../../../../src/store/s3/credentials/s3_credentials.ts";
import { InstantClock } from "../../instant_clock.ts";
import { answer } from "../s3_double.ts";

/** Environment variables, files or fields of a form by name. */
export type Texts = Readonly<Record<string, string>>;

/** A clock on which no sleep ends by itself: services answer at once or never. */
export class StandingClock extends InstantClock {
  override sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  }
}

const NOWHERE = () => Promise.reject(new TemporaryError("no route to the host"));
const NO_PROGRAM: RunProcess = () => Promise.reject(new Error("no program may run"));

/** A machine with this environment and these files; services and programs that are not given cannot be reached. */
export function setting(
  { env = {}, files = {}, serve = NOWHERE, serveRoles = NOWHERE, runProcess = NO_PROGRAM, clock = new StandingClock() }:
    {
      env?: Texts;
      files?: Texts;
      serve?: (request: HttpRequest) => Promise<HttpAnswer>;
      serveRoles?: (request: HttpRequest) => Promise<HttpAnswer>;
      runProcess?: RunProcess;
      clock?: InstantClock;
    },
) {
  const http: HttpClient = { send: serve, close: () => Promise.resolve() };
  const environment: Texts = { HOME: "/home/dba", ...env };
  return {
    env: (name: string) => environment[name],
    readTextFile: (path: string) => Promise.resolve(files[path]),
    http,
    tokenService: { ...http, send: serveRoles },
    runProcess,
    clock,
  };
}

/** What a search finds there. */
export const found = (parts: Parameters<typeof setting>[0]) => credentialsSource(setting(parts))();

/** Two profiles with keys, and one with half a pair. */
export const CREDENTIALS_FILE = `
# kept by hand
[default]
aws_access_key_id = file-key
aws_secret_access_key = se#cr;et\\/+=
region = ignored

[team.backup]
aws_access_key_id=team-key
aws_secret_access_key=team-secret
aws_session_token=team-token
[half]
aws_access_key_id = alone
`;
/** A home directory with it. */
export const FILES = { "/home/dba/.aws/credentials": CREDENTIALS_FILE };

export const HOUR_MS = 3_600_000;
/** What the clocks show at first. */
export const START_MS = new InstantClock().nowMs;

/** The answer of a service that lends keys; the number tells which. */
export function lent(number: number, validMs: number): string {
  const Expiration = new Date(START_MS + validMs).toISOString();
  return JSON.stringify({
    Code: "Success",
    AccessKeyId: `lent-${number}`,
    SecretAccessKey: "hidden",
    Token: "t",
    Expiration,
  });
}

/** An instance metadata service that lends credentials for an hour at a time. */
export class Metadata {
  lendings = 0;
  readonly log: string[] = [];
  isDown = false;

  readonly serve = async ({ method, url, headers = {} }: HttpRequest): Promise<HttpAnswer> => {
    await Promise.resolve();
    this.log.push(`${method} ${url.href}`);
    if (this.isDown) throw new TemporaryError("down");
    if (url.pathname === "/latest/api/token") {
      return headers["x-aws-ec2-metadata-token-ttl-seconds"] ? answer(200, "session") : answer(400);
    }
    if (headers["x-aws-ec2-metadata-token"] !== "session") return answer(401);
    if (url.pathname.endsWith("/security-credentials/")) return answer(200, "backup role\n");
    if (url.pathname.endsWith("/backup%20role")) return answer(200, lent(++this.lendings, this.lendings * HOUR_MS));
    return answer(404);
  };
}
