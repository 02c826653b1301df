/** S3 credentials in the environment and in files, and in which order they are looked for. */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { UsageError } from "../../../../src/base/errors.ts";
import { regionOfProfile } from "../../../../src/store/s3/credentials/profiles.ts";
import { CREDENTIALS_FILE, FILES, found, setting } from "./credentials_setting.ts";

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
