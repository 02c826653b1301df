/** Where S3 credentials come from: environment, files, and services that lend them, in their order. */
import { deepEqual, doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import { StoreError, TemporaryError, UsageError } from "../../../../src/base/errors.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../../../../src/store/http/client.ts";
import type { RunProcess } from "../../../../src/store/s3/credentials/credential_process.ts";
import { credentialsSource } from "../../../../src/store/s3/credentials/s3_credentials.ts";
import { regionOfProfile } from "../../../../src/store/s3/credentials/profiles.ts";
import { InstantClock } from "../../instant_clock.ts";
import { answer } from "../s3_double.ts";

type Texts = Readonly<Record<string, string>>;

/** A clock on which no sleep ends by itself: services answer at once or never. */
class StandingClock extends InstantClock {
  override sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  }
}

const NOWHERE = () => Promise.reject(new TemporaryError("no route to the host"));
const NO_PROGRAM: RunProcess = () => Promise.reject(new Error("no program may run"));

function setting(
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

Deno.test("where there are no fresher keys, not every request looks for them", async () => {
  let runs = 0;
  const clock = new StandingClock();
  const keys = { AccessKeyId: "k", SecretAccessKey: "s", Expiration: new Date(clock.nowMs + HOUR_MS).toISOString() };
  const runProcess = () => {
    runs++;
    return Promise.resolve({
      code: 0,
      stdout: new TextEncoder().encode(JSON.stringify(keys)),
      stderr: new Uint8Array(),
    });
  };
  const files = { "/home/dba/.aws/config": "[default]\ncredential_process = keys\n" };
  const source = credentialsSource(setting({ files, runProcess, clock }));
  const first = await source();
  clock.nowMs += HOUR_MS - 4 * 60_000;
  for (let i = 0; i < 10; i++) equal((await source())?.accessKeyId, "k");
  equal(runs, 2);
  clock.nowMs += 31_000;
  const last = await source();
  equal(runs, 3);
  await source(first);
  equal(runs, 3, "those are not the ones in use");
  await source(last);
  equal(runs, 4, "what the server refuses is looked for at once");
});

const STS_KEYS = "<AccessKeyId>role-key</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>" +
  "<SessionToken>role-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";
const ROLE_KEYS = {
  accessKeyId: "role-key",
  secretAccessKey: "role-secret",
  sessionToken: "role-token",
  expiresMs: Date.parse("2099-01-01T00:00:00Z"),
};

/** A token service that lends the same keys for every role, and keeps what it was asked. */
class TokenService {
  readonly asked: { readonly origin: string; readonly form: Texts; readonly signedBy: string | undefined }[] = [];

  readonly serveRoles = ({ url, headers = {}, content = [] }: HttpRequest): Promise<HttpAnswer> => {
    const form = Object.fromEntries(new URLSearchParams(Buffer.concat([...content]).toString()));
    const signedBy = /Credential=([^/]+\/\d+\/[^,]+)/.exec(headers["authorization"] ?? "")?.[1];
    this.asked.push({ origin: url.origin, form, signedBy: signedBy?.replace(/\d{8}/, "DAY") });
    const action = form["Action"];
    const document = `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
      `<Credentials>${STS_KEYS}</Credentials></${action}Result></${action}Response>`;
    return Promise.resolve(answer(200, document));
  };
}

const ARN = "arn:aws:iam::123456789012:role/backup";

Deno.test("a web identity's token is exchanged for the keys of its role, at the region's own service", async () => {
  const service = new TokenService();
  const env = {
    AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/token",
    AWS_ROLE_ARN: ARN,
    AWS_ROLE_SESSION_NAME: "db1",
    AWS_REGION: "eu-west-1",
  };
  const files = { ...FILES, "/var/run/token": "a.b.c\n" };
  deepEqual(await found({ ...service, env, files }), ROLE_KEYS);
  deepEqual(service.asked, [{
    origin: "https://sts.eu-west-1.amazonaws.com",
    form: {
      Action: "AssumeRoleWithWebIdentity",
      WebIdentityToken: "a.b.c",
      Version: "2011-06-15",
      RoleArn: ARN,
      RoleSessionName: "db1",
    },
    signedBy: undefined,
  }]);
  equal((await found({ ...service, env: { ...env, AWS_PROFILE: "team.backup" }, files }))?.accessKeyId, "team-key");
});

Deno.test("a web identity that cannot be used ends the search", async () => {
  const metadata = new Metadata();
  const env = { AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/token", AWS_ROLE_ARN: ARN };
  const { serve } = metadata;
  await rejects(found({ serve, env }), /"\/var\/run\/token" does not exist/);
  const files = { ...FILES, "/var/run/token": "a.b.c" };
  await rejects(found({ serve, env: { ...env, AWS_ROLE_ARN: "" }, files }), /AWS_ROLE_ARN is not; set both/);
  const refused = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not you.</Message></Error></ErrorResponse>";
  const serveRoles = () => Promise.resolve(answer(403, refused));
  await rejects(found({ serve, serveRoles, env, files }), /AccessDenied: Not you; check the role/);
  await rejects(
    found({ serve, serveRoles: () => Promise.resolve(answer(200, "<html/>")), env, files }),
    /holds no keys/,
  );
  await rejects(found({ serve, serveRoles: () => Promise.resolve(answer(503)), env, files }), TemporaryError);
  deepEqual(metadata.log, []);
});

const ROLES = `
[base]
aws_access_key_id = base-key
aws_secret_access_key = base-secret
[chained]
role_arn = ${ARN}
source_profile = base
external_id = ticket-7
duration_seconds = 3600
region = cn-north-1
[twice]
role_arn = ${ARN}-2
source_profile = chained
[self]
role_arn = ${ARN}
source_profile = self
aws_access_key_id = self-key
aws_secret_access_key = self-secret
[machine]
role_arn = ${ARN}
credential_source = Ec2InstanceMetadata
[variables]
role_arn = ${ARN}
credential_source = Environment
[token]
role_arn = ${ARN}
web_identity_token_file = /var/run/token
[loop]
role_arn = ${ARN}
source_profile = pool
[pool]
role_arn = ${ARN}
source_profile = loop
[alone]
role_arn = ${ARN}
[both]
role_arn = ${ARN}
source_profile = base
credential_source = Environment
[nowhere]
role_arn = ${ARN}
source_profile = gone
[poor]
role_arn = ${ARN}
source_profile = nothing
[nothing]
region = eu-west-1
[moon]
role_arn = ${ARN}
credential_source = Moon
[code]
role_arn = ${ARN}
source_profile = base
mfa_serial = arn:aws:iam::1:mfa/me
[long]
role_arn = ${ARN}
source_profile = base
duration_seconds = an hour
[lost]
source_profile = base
[portal]
sso_start_url = https://portal.example
[session]
sso_session = portal
[program]
credential_process = keys --for "backup"
`;
const ROLE_FILES = { "/home/dba/.aws/credentials": ROLES, "/var/run/token": "a.b.c" };

Deno.test("a profile's role is asked for with the keys of its source", async () => {
  const cases = [
    ["chained", "https://sts.cn-north-1.amazonaws.com.cn", ["base-key/DAY/cn-north-1/sts/aws4_request"]],
    ["twice", "https://sts.amazonaws.com", [
      "base-key/DAY/cn-north-1/sts/aws4_request",
      "role-key/DAY/us-east-1/sts/aws4_request",
    ]],
    ["self", "https://sts.amazonaws.com", ["self-key/DAY/us-east-1/sts/aws4_request"]],
    ["machine", "https://sts.amazonaws.com", ["lent-1/DAY/us-east-1/sts/aws4_request"]],
    ["token", "https://sts.amazonaws.com", [undefined]],
  ] as const;
  for (const [AWS_PROFILE, origin, signedBy] of cases) {
    const service = new TokenService();
    const { serve } = new Metadata();
    deepEqual(await found({ ...service, serve, env: { AWS_PROFILE }, files: ROLE_FILES }), ROLE_KEYS, AWS_PROFILE);
    equal(service.asked.at(-1)!.origin, origin);
    deepEqual(service.asked.map((asked) => asked.signedBy), signedBy);
  }
  const service = new TokenService();
  await found({
    ...service,
    env: { AWS_DEFAULT_PROFILE: "chained", AWS_ENDPOINT_URL_STS: "http://sts.lan" },
    files: ROLE_FILES,
  });
  equal(service.asked[0]!.origin, "http://sts.lan");
  const { ExternalId, DurationSeconds } = service.asked[0]!.form;
  deepEqual([ExternalId, DurationSeconds], ["ticket-7", "3600"]);
});

Deno.test("a profile that cannot be used ends the search and says why", async () => {
  const cases = {
    loop: /from itself: loop → pool → loop/,
    alone: /neither source_profile and credential_source/,
    both: /both source_profile and credential_source/,
    nowhere: /"gone", which does not exist/,
    poor: /"nothing", which has none/,
    moon: /"Moon"; it can be Environment/,
    code: /mfa_serial/,
    long: /no number of seconds/,
    lost: /source_profile and no role_arn/,
    portal: /sso_start_url, which is not supported; let credential_process/,
    session: /sso_session, which is not supported/,
    variables: /"Environment", which has none/,
  };
  for (const [AWS_PROFILE, message] of Object.entries(cases)) {
    const metadata = new Metadata();
    const { serve } = metadata;
    await rejects(found({ ...new TokenService(), serve, env: { AWS_PROFILE }, files: ROLE_FILES }), (thrown) => {
      match(String(thrown), message);
      return thrown instanceof UsageError;
    });
    deepEqual(metadata.log, []);
  }
});

Deno.test("two variables that ask for two profiles are a mistake", async () => {
  const env = { AWS_PROFILE: "base", AWS_DEFAULT_PROFILE: "chained" };
  await rejects(found({ env, files: ROLE_FILES }), /AWS_DEFAULT_PROFILE "chained"; unset one/);
  equal((await found({ env: { AWS_DEFAULT_PROFILE: "base" }, files: ROLE_FILES }))?.accessKeyId, "base-key");
});

const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("a program prints credentials, which are asked for again before they end", async () => {
  const lines: string[] = [];
  const clock = new StandingClock();
  const runProcess: RunProcess = (line) => {
    lines.push(line);
    const keys = {
      Version: 1,
      AccessKeyId: `printed-${lines.length}`,
      SecretAccessKey: "s",
      SessionToken: "t",
      Expiration: new Date(clock.nowMs + HOUR_MS).toISOString(),
    };
    return Promise.resolve({ code: 0, stdout: utf8(JSON.stringify(keys)), stderr: new Uint8Array() });
  };
  const source = credentialsSource(setting({ env: { AWS_PROFILE: "program" }, files: ROLE_FILES, runProcess, clock }));
  const expiresMs = clock.nowMs + HOUR_MS;
  deepEqual(await source(), { accessKeyId: "printed-1", secretAccessKey: "s", sessionToken: "t", expiresMs });
  clock.nowMs += HOUR_MS;
  equal((await source())?.accessKeyId, "printed-2");
  deepEqual(lines, ['keys --for "backup"', 'keys --for "backup"']);
});

Deno.test("a program that gives no credentials is told, without what it printed", async () => {
  const ended = (code: number, out: string, err = "") => () =>
    Promise.resolve({ code, stdout: utf8(out), stderr: utf8(err) });
  const never: RunProcess = (_line, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const cases: [RunProcess, RegExp, InstantClock?][] = [
    [ended(3, "", "first\nlogin \x1b[1mneeded\n"), /exit code 3, "login \[1mneeded"; run it by hand/],
    [ended(0, "secret{"), /the answer is not JSON/],
    [ended(0, '{"AccessKeyId":"secret"}'), /the answer holds none/],
    [() => Promise.reject(new Error("no shell")), /no shell/],
    [never, /did not end within 60 seconds/, new InstantClock()],
    [() => new Promise(() => {}), /did not end within 60 seconds/, new InstantClock()],
  ];
  for (const [runProcess, message, clock = new StandingClock()] of cases) {
    const metadata = new Metadata();
    const parts = { env: { AWS_PROFILE: "program" }, files: ROLE_FILES, serve: metadata.serve, runProcess, clock };
    await rejects(found(parts), (thrown) => {
      match(String(thrown), message);
      for (let error = thrown; error instanceof Error; error = error.cause) doesNotMatch(error.message, /secret/);
      return thrown instanceof UsageError;
    });
    deepEqual(metadata.log, []);
  }
});

Deno.test("files are read as AWS's tools read them: comments, colons, blanks, long names, nested settings", async () => {
  const config = `\ufeff# comment
; another
  [profile  spaced] # behind a section
  aws_access_key_id: colon-key   ; why it is here
  Aws_Secret_Access_Key  =  a=b:c#d;e # not this
  s3 =
    aws_access_key_id = nested
    max_concurrent_requests = 20
  region=eu-west-3\r
[profile "two words"]
aws_access_key_id = two
aws_secret_access_key = 'quoted'
[profile spaced]
aws_session_token = joined
[profileless]
aws_access_key_id = p
aws_secret_access_key = s
`;
  const files = { "/home/dba/.aws/config": config };
  deepEqual(await found({ files, env: { AWS_PROFILE: "spaced" } }), {
    accessKeyId: "colon-key",
    secretAccessKey: "a=b:c#d;e",
    sessionToken: "joined",
  });
  equal(await regionOfProfile(setting({ files, env: { AWS_PROFILE: "spaced" } })), "eu-west-3");
  equal((await found({ files, env: { AWS_PROFILE: "two words" } }))?.secretAccessKey, "'quoted'");
  equal((await found({ files, env: { AWS_PROFILE: "profileless" } }))?.accessKeyId, "p");
});

Deno.test("credentials that the server refused are looked for again, once for all who were refused", async () => {
  const metadata = new Metadata();
  const source = credentialsSource(setting({ serve: metadata.serve }));
  const first = await source();
  const again = await Promise.all([source(first), source(first), source()]);
  deepEqual(again.map((each) => each?.accessKeyId), ["lent-2", "lent-2", "lent-2"]);
  equal((await source(first))?.accessKeyId, "lent-2");
  equal(metadata.lendings, 2);
});
