/** Passwords of any bytes, files for new ones, and what commands that the agent runs learn of the repository: nothing. */
import { isSelfExtracting } from "../helpers/executable_form.ts";
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, emptySandbox, type Sandbox, sandbox } from "../helpers/executable.ts";

/** What `env -0` says, as a map; values that are not UTF-8 come out with U+FFFD. */
function variablesOf(output: string): Map<string, string> {
  return new Map(
    output.split("\0").filter((line) => line.includes("=")).map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

const SECRETS: Readonly<Record<string, string>> = {
  RESTIC_PASSWORD: "secret",
  RESTIC_REST_PASSWORD: "secret",
  AGENT_REST_USERNAME: "shop",
  AGENT_REST_PASSWORD: "secret",
  AWS_ACCESS_KEY_ID: "secret",
  AWS_SECRET_ACCESS_KEY: "secret",
  AWS_SESSION_TOKEN: "secret",
  AWS_PROFILE: "backup",
  RESTIC_REPOSITORY: "rest:https://shop:secret@backup.example/",
};
const OTHERS: Readonly<Record<string, string>> = {
  MYSQL_PWD: "its own",
  PGPASSWORD: "its own",
  AWS_REGION: "eu-west-1",
};

async function environmentOfPut(box: Sandbox, ...options: string[]): Promise<Map<string, string>> {
  await box.ok(["put", "env", "-q", "--guard", "none", ...options, "--", "env", "-0"], {
    env: { ...SECRETS, ...OTHERS },
  });
  return variablesOf(await box.ok(["get", "env", "-q"]));
}

Deno.test("the command of a put inherits no secret of the repository unless it is told to", async () => {
  await using box = await sandbox();
  const variables = await environmentOfPut(box);
  for (const name of [...Object.keys(SECRETS), "AGENT_PASSWORD_FILE"]) assert.ok(!variables.has(name), name);
  assert.ok(![...variables.values()].some((value) => value.includes("secret")));
  for (const [name, value] of Object.entries(OTHERS)) assert.equal(variables.get(name), value);
  assert.equal(variables.get("AGENT_REPOSITORY"), box.repo, "an address without a password is no secret");

  const passed = await environmentOfPut(box, "--pass-secrets");
  for (const [name, value] of Object.entries({ ...SECRETS, ...OTHERS })) assert.equal(passed.get(name), value);

  const needing = ["put", "s", "-q", "--", "sh", "-c", 'test "$AWS_PROFILE"'];
  assertFails(
    await box.agent(needing, { env: { AWS_PROFILE: "backup" } }),
    ExitCode.source,
    /exited with 1; nothing was committed; it does not get AWS_PROFILE unless --pass-secrets is given\n$/,
  );
});

Deno.test("a command that prints the password inherits no secret, and is told of where it fails for that", async () => {
  await using box = await sandbox();
  const env = { ...SECRETS, AGENT_PASSWORD_FILE: undefined };
  const command = "env -0 >variables; cat password";
  await box.ok(["ls", "--password-command", command], { env });
  const variables = variablesOf(await Deno.readTextFile(box.join("variables")));
  for (const name of Object.keys(SECRETS)) assert.ok(!variables.has(name), name);
  await box.ok(["ls", "--pass-secrets", "--password-command", command], { env });
  assert.equal(variablesOf(await Deno.readTextFile(box.join("variables"))).get("AWS_PROFILE"), "backup");

  const needing = await box.agent(["ls", "--password-command", 'echo "${AWS_SECRET_ACCESS_KEY:?}"'], { env });
  assert.match(
    needing.stderr,
    /exited with 2; it does not get .*AWS_SECRET_ACCESS_KEY.* unless --pass-secrets is given\n$/,
  );
  const silent = await box.agent(["ls", "--password-command", "true"], { env: { AGENT_PASSWORD_FILE: undefined } });
  assertFails(silent, ExitCode.usage, /The password command printed nothing/);
});

Deno.test("variables that are not UTF-8 reach commands as they are, and a secret one does not", async () => {
  await using box = await sandbox();
  const script = `
    export MYSQL_PWD=$(printf 'p\\344ss') RESTIC_PASSWORD=$(printf 's\\344cret')
    "$AGENT" put env -q --guard none -- env -0 >/dev/null && "$AGENT" get env -q | LC_ALL=C grep -azE '^(MYSQL_PWD|RESTIC)' | od -An -tx1`;
  const { stdout } = await box.shell(script);
  assert.equal(stdout.replaceAll(/\s+/g, ""), new TextEncoder().encode("MYSQL_PWD=p").toHex() + "e4737300");
});

const NOT_UTF8 = "arguments that are not UTF-8 are refused with that reason, wherever they stand";

Deno.test({
  name: isSelfExtracting
    ? NOT_UTF8
    : `${NOT_UTF8} (skipped: the runtime of the compiled form ends before the program starts)`,
  ignore: !isSelfExtracting,
  async fn() {
    await using box = await sandbox();
    for (const args of [`ls -p $(printf 'p\\344ss')`, `put s -- echo $(printf 'p\\344ss')`]) {
      const outcome = await box.shell(`"$AGENT" ${args}`);
      assertFails(outcome, ExitCode.usage, /^agent: The argument "[^"]*" is not UTF-8: .*a password in a file\n$/);
    }
    const { exitCode } = await box.shell(`"$AGENT" put s --guard none -q -- echo 'p\ufffdss größe'`);
    assert.equal(exitCode, ExitCode.done);
  },
});

Deno.test("a variable that has to be text and is not UTF-8 is named, and not shown", async () => {
  await using box = await sandbox();
  const outcome = await box.shell(`AGENT_REPOSITORY=$(printf '/r\\344po/secret') "$AGENT" ls`);
  assertFails(outcome, ExitCode.usage, /^agent: The variable AGENT_REPOSITORY is not UTF-8[^/]*\n$/);
});

Deno.test("key add and key passwd write a strong password into a file that is not there yet", async () => {
  await using box = await sandbox();
  const [added] = await box.json(["key", "add", "--new-password-file", "second"]);
  assert.equal(added!["passwordFile"], "second");
  assert.equal((await Deno.stat(box.join("second"))).mode! & 0o777, 0o600);
  assert.match(await Deno.readTextFile(box.join("second")), /^[\w-]{43}\n$/);
  const { stderr } = await box.agent(["key", "passwd", "-p", "second", "--new-password-file", "third"]);
  assert.match(stderr, /^Key [0-9a-f]{8} is the new one in use\nIts password is in third; keep a copy elsewhere\n$/);
  await box.ok(["ls", "-p", "third"]);
  assertFails(await box.agent(["ls", "-p", "second"]), ExitCode.wrongPassword, /Wrong password/);

  await box.file("wrong", "guess");
  const wrong = await box.agent(["key", "add", "-p", "wrong", "--new-password-file", "fourth"]);
  assertFails(wrong, ExitCode.wrongPassword, /Wrong password/);
  const lost = await box.agent(["key", "add", "--new-password-file", "no/folder"]);
  assertFails(lost, ExitCode.failed, /Cannot write the password file "no\/folder": No such file/);
  await box.file("empty", "\n");
  const empty = await box.agent(["key", "add", "--new-password-file", "empty"]);
  assertFails(empty, ExitCode.usage, /empty password: there is none in the new password file "empty"/);
  const names = (await Array.fromAsync(Deno.readDir(box.path))).map(({ name }) => name).sort();
  assert.deepEqual(names, ["empty", "password", "repo", "second", "third", "wrong"], "nothing is left of what failed");
});

Deno.test("the file of a new password is gone where no repository was made", async () => {
  await using box = await emptySandbox();
  await box.file("repo", "a file where the repository would be");
  assert.equal((await box.agent(["init", "--new-password-file", "new"])).exitCode, ExitCode.failed);
  const names = (await Array.fromAsync(Deno.readDir(box.path))).map(({ name }) => name);
  assert.deepEqual(names, ["repo"]);
});
