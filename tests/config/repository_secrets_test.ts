/** Which variables hold secrets of repositories. */
import { equal } from "node:assert/strict";
import { isRepositorySecret } from "../../src/config/repository_secrets.ts";

Deno.test("passwords, credentials and what leads to them are secrets, settings and other programs' variables are not", () => {
  const secrets = [
    "AGENT_PASSWORD",
    "AGENT_PASSWORD_FILE",
    "AGENT_PASSWORD_COMMAND",
    "RESTIC_PASSWORD",
    "RESTIC_PASSWORD2",
    "RESTIC_PASSWORD_FILE",
    "RESTIC_FROM_PASSWORD",
    "RESTIC_FROM_PASSWORD_COMMAND",
    "AGENT_FROM_PASSWORD_FILE",
    "AGENT_ALSO_PASSWORD",
    "AGENT_FROM_REST_PASSWORD",
    "AGENT_ALSO_REST_USERNAME",
    "AGENT_FROM_REPOSITORY_FILE",
    "AGENT_FROM_AWS_SECRET_ACCESS_KEY",
    "AGENT_ALSO_AWS_PROFILE",
    "AGENT_REST_USERNAME",
    "AGENT_REST_PASSWORD",
    "RESTIC_REST_USERNAME",
    "RESTIC_REST_PASSWORD",
    "AGENT_REPOSITORY_FILE",
    "AGENT_TLS_CLIENT_CERT",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_SOMETHING_OF_TOMORROW",
  ];
  for (const name of secrets) equal(isRepositorySecret(name, "x"), true, name);
  const others = [
    "PATH",
    "MYSQL_PWD",
    "PGPASSWORD",
    "AGENT_CACHE_DIR",
    "AGENT_CACERT",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AGENT_FROM_AWS_REGION",
    "MY_AGENT_PASSWORD",
    "AGENT_RUNTIME_DIR",
  ];
  for (const name of others) equal(isRepositorySecret(name, "x"), false, name);
});

Deno.test("the address of a repository is a secret where it may hold one", () => {
  const addresses: readonly (readonly [address: string, isSecret: boolean])[] = [
    ["/backup/repo", false],
    ["/backup/shop@home", false],
    ["rest:https://backup.example:8000/shop/", false],
    ["s3:https://s3.example/bucket", false],
    ["rest:https://shop:secret@backup.example/", true],
    ["rest:https://shop:with/slash@backup.example/", true],
  ];
  for (
    const name of [
      "AGENT_REPOSITORY",
      "RESTIC_REPOSITORY",
      "RESTIC_FROM_REPOSITORY",
      "AGENT_ALSO_REPOSITORY",
    ]
  ) {
    for (const [address, isSecret] of addresses) equal(isRepositorySecret(name, address), isSecret, address);
    equal(isRepositorySecret(name, undefined), true, "what cannot be read is not given away");
  }
});
