/** S3 credentials that services of a container or a machine lend, and when they are looked for again. */
import { deepEqual, doesNotMatch, equal, ok, rejects } from "node:assert/strict";
import { StoreError, UsageError } from "../../../../src/base/errors.ts";
import type { HttpAnswer, HttpRequest } from "../../../../src/store/http/client.ts";
import { credentialsSource } from "../../../../src/store/s3/credentials/s3_credentials.ts";
import { InstantClock } from "../../instant_clock.ts";
import { answer } from "../s3_double.ts";
import { found, HOUR_MS, lent, Metadata, setting, StandingClock, START_MS } from "./credentials_setting.ts";

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

Deno.test("credentials that the server refused are looked for again, once for all who were refused", async () => {
  const metadata = new Metadata();
  const source = credentialsSource(setting({ serve: metadata.serve }));
  const first = await source();
  const again = await Promise.all([source(first), source(first), source()]);
  deepEqual(again.map((each) => each?.accessKeyId), ["lent-2", "lent-2", "lent-2"]);
  equal((await source(first))?.accessKeyId, "lent-2");
  equal(metadata.lendings, 2);
});
