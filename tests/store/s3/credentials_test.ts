/** Where S3 credentials come from: environment, files, and services that lend them, in their order. */
import { deepEqual, doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import { StoreError, TemporaryError, UsageError } from "../../../src/base/errors.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../../../src/store/http/client.ts";
import { credentialsSource } from "../../../src/store/s3/credentials.ts";
import { regionOfProfile } from "../../../src/store/s3/credentials_file.ts";
import { InstantClock } from "../instant_clock.ts";
import { answer } from "./s3_double.ts";

type Texts = Readonly<Record<string, string>>;

/** A clock on which no sleep ends by itself: services answer at once or never. */
class StandingClock extends InstantClock {
  override sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  }
}

const NOWHERE = () => Promise.reject(new TemporaryError("no route to the host"));

function setting(
  { env = {}, files = {}, serve = NOWHERE, clock = new StandingClock() }: {
    env?: Texts;
    files?: Texts;
    serve?: (request: HttpRequest) => Promise<HttpAnswer>;
    clock?: InstantClock;
  },
) {
  const http: HttpClient = { send: serve, close: () => Promise.resolve() };
  const environment: Texts = { HOME: "/home/dba", ...env };
  return {
    env: (name: string) => environment[name],
    readTextFile: (path: string) => Promise.resolve(files[path]),
    http,
    clock,
  };
}

const found = (parts: Parameters<typeof setting>[0]) => credentialsSource(setting(parts))();

const CREDENTIALS_FILE = `
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
const FILES = { "/home/dba/.aws/credentials": CREDENTIALS_FILE };
const FILE_KEYS = { accessKeyId: "file-key", secretAccessKey: "se#cr;et\\/+=" };

Deno.test("the environment wins over files", async () => {
  const env = { AWS_ACCESS_KEY_ID: "env-key", AWS_SECRET_ACCESS_KEY: "env-secret", AWS_SESSION_TOKEN: "" };
  deepEqual(await found({ env, files: FILES }), { accessKeyId: "env-key", secretAccessKey: "env-secret" });
  const withToken = await found({ env: { ...env, AWS_SESSION_TOKEN: "token" }, files: FILES });
  equal(withToken?.sessionToken, "token");
});

Deno.test("half a pair of keys is a mistake, wherever it stands", async () => {
  await rejects(found({ env: { AWS_ACCESS_KEY_ID: "x" }, files: FILES }), UsageError);
  await rejects(found({ env: { AWS_SECRET_ACCESS_KEY: "x" }, files: FILES }), UsageError);
  await rejects(found({ env: { AWS_PROFILE: "half" }, files: FILES }), UsageError);
});

Deno.test("the shared file is read by profile, every character of a secret as it stands", async () => {
  deepEqual(await found({ files: FILES }), FILE_KEYS);
  deepEqual(await found({ files: FILES, env: { AWS_PROFILE: "team.backup" } }), {
    accessKeyId: "team-key",
    secretAccessKey: "team-secret",
    sessionToken: "team-token",
  });
  const elsewhere = { "/etc/keys": CREDENTIALS_FILE };
  deepEqual(await found({ files: elsewhere, env: { AWS_SHARED_CREDENTIALS_FILE: "/etc/keys" } }), FILE_KEYS);
});

Deno.test("the configuration file has credentials and regions, its profiles by their long name", async () => {
  const config =
    "[default]\nregion=eu-west-1\n[profile far]\nregion = ap-south-1\naws_access_key_id=k\naws_secret_access_key=s\n";
  const files = { "/home/dba/.aws/config": config };
  deepEqual(await found({ files, env: { AWS_PROFILE: "far" } }), { accessKeyId: "k", secretAccessKey: "s" });
  equal(await regionOfProfile(setting({ files })), "eu-west-1");
  equal(await regionOfProfile(setting({ files, env: { AWS_PROFILE: "far" } })), "ap-south-1");
  equal(await regionOfProfile(setting({ files, env: { AWS_PROFILE: "none" } })), undefined);
});

Deno.test("a profile that is named and is nowhere is told", async () => {
  await rejects(found({ files: FILES, env: { AWS_PROFILE: "prod" } }), (thrown) => {
    match(String(thrown), /"prod", which is not in \/home\/dba\/\.aws\/credentials/);
    return thrown instanceof UsageError;
  });
});

Deno.test("no credentials anywhere: the message says what to set", async () => {
  await rejects(found({}), (thrown) => {
    match(String(thrown), /AWS_ACCESS_KEY_ID.*~\/\.aws\/credentials.*AWS_PROFILE/);
    return thrown instanceof UsageError;
  });
});

const START_MS = new InstantClock().nowMs;

function lent(number: number, validMs: number): string {
  const Expiration = new Date(START_MS + validMs).toISOString();
  return JSON.stringify({
    Code: "Success",
    AccessKeyId: `lent-${number}`,
    SecretAccessKey: "hidden",
    Token: "t",
    Expiration,
  });
}

const HOUR_MS = 3_600_000;

Deno.test("a container's credentials come from the service its environment names, with its token", async () => {
  const asked: HttpRequest[] = [];
  const serve = (request: HttpRequest) => {
    asked.push(request);
    return Promise.resolve(answer(200, lent(1, HOUR_MS)));
  };
  const relative = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/x" };
  deepEqual(await found({ serve, env: relative }), {
    accessKeyId: "lent-1",
    secretAccessKey: "hidden",
    sessionToken: "t",
    expiresMs: START_MS + HOUR_MS,
  });
  const full = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials",
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/var/run/token",
  };
  await found({ serve, env: full, files: { "/var/run/token": "from file\n" } });
  deepEqual(asked.map(({ url, headers }) => [url.href, headers?.["authorization"]]), [
    ["http://169.254.170.2/v2/credentials/x", undefined],
    ["http://169.254.170.23/v1/credentials", "from file"],
  ]);
});

Deno.test("a container's token goes to no strange address", async () => {
  for (const address of ["http://example.org/", "ftp://localhost/", "nonsense"]) {
    await rejects(found({ env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: address } }), UsageError, address);
  }
});

for (
  const [what, given] of [
    ["no JSON", answer(200, 'hidden "secret" {')],
    ["no keys", answer(200, '{"AccessKeyId":"secret"}')],
    ["a strange date", answer(200, '{"AccessKeyId":"a","SecretAccessKey":"secret","Expiration":"soon"}')],
    ["a refusal", answer(403, "secret")],
    ["an overload", answer(500, "secret")],
  ] as const
) {
  Deno.test(`a service that lends credentials and answers with ${what} is told, without repeating a secret`, async () => {
    const env = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/x" };
    await rejects(found({ env, serve: () => Promise.resolve(given) }), (thrown) => {
      for (let error = thrown; error instanceof Error; error = error.cause) doesNotMatch(error.message, /secret/);
      return thrown instanceof StoreError && thrown.retryable === (given.status === 500);
    });
  });
}

/** An instance metadata service that lends credentials for an hour at a time. */
class Metadata {
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

Deno.test("a machine's role lends credentials, by version 2 of the service", async () => {
  const metadata = new Metadata();
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1338" };
  equal((await found({ serve: metadata.serve, env }))?.accessKeyId, "lent-1");
  deepEqual(metadata.log, [
    "PUT http://127.0.0.1:1338/latest/api/token",
    "GET http://127.0.0.1:1338/latest/meta-data/iam/security-credentials/",
    "GET http://127.0.0.1:1338/latest/meta-data/iam/security-credentials/backup%20role",
  ]);
});

Deno.test("an address of the metadata service that is none is wrong usage", async () => {
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: "169.254.169.254" };
  await rejects(found({ serve: new Metadata().serve, env }), /AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL/);
});

Deno.test("the metadata service is not asked where that is forbidden, and not waited for", async () => {
  const metadata = new Metadata();
  await rejects(found({ serve: metadata.serve, env: { AWS_EC2_METADATA_DISABLED: "true" } }), UsageError);
  deepEqual(metadata.log, []);
  const silent = ({ signal }: HttpRequest) =>
    new Promise<HttpAnswer>((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  await rejects(found({ serve: silent, clock: new InstantClock() }), UsageError);
});

Deno.test("lent credentials are renewed before they end, by one search for all who ask", async () => {
  const metadata = new Metadata();
  const clock = new StandingClock();
  const source = credentialsSource(setting({ serve: metadata.serve, clock }));
  const keys = async () => (await Promise.all([source(), source(), source()])).map((each) => each?.accessKeyId);
  deepEqual(await keys(), ["lent-1", "lent-1", "lent-1"]);
  clock.nowMs += HOUR_MS - 6 * 60_000;
  deepEqual(await keys(), ["lent-1", "lent-1", "lent-1"]);
  equal(metadata.lendings, 1);
  clock.nowMs += 2 * 60_000;
  deepEqual(await keys(), ["lent-2", "lent-2", "lent-2"]);
  equal(metadata.lendings, 2);
});

Deno.test("where renewing fails, credentials serve as long as they are valid", async () => {
  const metadata = new Metadata();
  const clock = new StandingClock();
  const source = credentialsSource(setting({ serve: metadata.serve, clock }));
  await source();
  metadata.isDown = true;
  clock.nowMs += HOUR_MS - 60_000;
  equal((await source())?.accessKeyId, "lent-1");
  clock.nowMs += 60_000;
  await rejects(source());
  metadata.isDown = false;
  ok(await source());
});
