/** S3 credentials of roles, for which a token service is asked. */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { TemporaryError, UsageError } from "../../../../src/base/errors.ts";
import type { HttpAnswer, HttpRequest } from "../../../../src/store/http/client.ts";
import { answer } from "../s3_double.ts";
import { FILES, found, Metadata, type Texts } from "./credentials_setting.ts";

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
