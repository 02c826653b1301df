/** How a repository with a name is opened: its credentials, its settings, and what wins over them. */
import assert from "node:assert/strict";
import { ActiveSettings } from "../../../src/cli/active_settings.ts";
import type { CliContext } from "../../../src/cli/context.ts";
import { repositoryAccess } from "../../../src/cli/options/repository_options.ts";
import { openingOf, refuseUnknownName } from "../../../src/cli/settings/named_repository.ts";
import { parseConfiguration } from "../../../src/config/parse/parse_configuration.ts";
import { selectProfile } from "../../../src/config/selection.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { testContext } from "../cli_context.ts";

const TEXT = `
[repositories.web]
url = "rest:https://host/"
password = "env:WEB"
rest-username = "shop"
rest-password = "command:echo login"
cacert = "/repository"
limit-upload = 500
insecure-tls = true
option = ["a=repository", "b=repository"]
[repositories.cold]
repository-file = "/place"
password = "command:false"
s3-access-key-id = "AK"
s3-secret-access-key = "file:FILE"
no-cache = false
[repositories.plain]
url = "/plain"
`;

/** A context in which the file counts, with these variables. */
function contextWithFile(env: Readonly<Record<string, string>>, file = "/none"): CliContext {
  const settings = new ActiveSettings();
  const read = (name: string) => env[name];
  const bytes = (name: string) => read(name) === undefined ? undefined : new TextEncoder().encode(read(name));
  settings.use(selectProfile(parseConfiguration(TEXT.replace("FILE", file), "agent.toml"), undefined), bytes);
  return { ...testContext().context, settings, env: read, envBytes: bytes };
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

Deno.test("a name stands for the place, the password, the login and the settings", async () => {
  const { options, context, storeEnvironment } = openingOf({ repo: "web" }, contextWithFile({ WEB: "secret" }), "");
  assert.deepEqual({ ...options }, {
    repo: "rest:https://host/",
    passwordFile: undefined,
    passwordCommand: undefined,
    cacert: "/repository",
    limitUpload: "500",
    insecureTls: true,
    option: ["a=repository", "b=repository"],
  });
  assert.equal(textOf(context.envBytes!("AGENT_PASSWORD")), "secret");
  const env = await storeEnvironment();
  assert.deepEqual(["AGENT_REST_USERNAME", "AGENT_REST_PASSWORD"].map(env), ["shop", "login"]);
});

Deno.test("keys of S3 come from the file's references, and a place from a file", async () => {
  await using directory = new TestDirectory();
  directory.write("key", " secret key\n");
  const opening = openingOf({ repo: "cold" }, contextWithFile({}, directory.at("key")), "");
  assert.equal(opening.options.repo, undefined);
  assert.deepEqual(opening.options, {
    repositoryFile: "/place",
    passwordFile: undefined,
    passwordCommand: "false",
    noCache: undefined,
  });
  const env = await opening.storeEnvironment();
  assert.deepEqual(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(env), ["AK", "secret key"]);
});

Deno.test("logins and keys of the environment win, and are not mixed with those of the file", async () => {
  const login = openingOf({ repo: "web" }, contextWithFile({ WEB: "x", RESTIC_REST_USERNAME: "own" }), "");
  assert.equal((await login.storeEnvironment())("AGENT_REST_PASSWORD"), undefined);
  for (const variable of ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"]) {
    const { storeEnvironment } = openingOf({ repo: "cold" }, contextWithFile({ [variable]: "own" }), "");
    assert.equal((await storeEnvironment())("AWS_SECRET_ACCESS_KEY"), undefined);
  }
});

Deno.test("options of the command line win, and those of profiles and defaults do not", () => {
  const given = { repo: "web", passwordFile: "/given", cacert: "/given", option: ["b=given"] };
  const own = openingOf(given, contextWithFile({ WEB: "x" }), "").options;
  assert.deepEqual([own.passwordFile, own.cacert, own.option], ["/given", "/given", [
    "a=repository",
    "b=repository",
    "b=given",
  ]]);
  const context = contextWithFile({ WEB: "x" });
  for (const [name, value] of [["passwordFile", "/given"], ["cacert", "/given"], ["option", ["b=given"]]] as const) {
    context.settings!.note(name, value);
  }
  const ofFile = openingOf(given, context, "").options;
  assert.deepEqual(
    [ofFile.passwordFile, ofFile.cacert, ofFile.option],
    [undefined, "/repository", ["b=given", "a=repository", "b=repository"]],
  );
});

Deno.test("options of a second repository are told from those of the main one", () => {
  const context = contextWithFile({ WEB: "x" });
  context.settings!.note("fromPasswordFile", "/file");
  assert.equal(openingOf({ repo: "web", passwordFile: "/file" }, context, "from").options.passwordFile, undefined);
  assert.equal(openingOf({ repo: "web", passwordFile: "/given" }, context, "also").options.passwordFile, "/given");
});

Deno.test("a password of the environment wins", () => {
  const { context } = openingOf({ repo: "web" }, contextWithFile({ AGENT_PASSWORD: "own" }), "");
  assert.equal(textOf(context.envBytes!("AGENT_PASSWORD")), "own");
});

Deno.test("what is no name of the file stays what it is", () => {
  for (const repo of ["other", "./web", "/web", "rest:https://web/"]) {
    const options = { repo, passwordFile: "/p" };
    assert.equal(openingOf(options, contextWithFile({}), "").options, options);
  }
  const plain = openingOf({ repo: "plain", passwordFile: "/p" }, contextWithFile({}), "");
  assert.deepEqual(plain.options, { repo: "/plain", passwordFile: "/p" });
});

Deno.test("a word that looks like a name but is none is refused, with the nearest name", async () => {
  const wrong = refuseUnknownName({ repo: "plian" }, contextWithFile({}));
  const message = 'There is no repository "plian" in agent.toml; did you mean "plain"? Write ./plian for a folder';
  await assert.rejects(wrong, { code: "usage", message });
  await assert.rejects(refuseUnknownName({}, contextWithFile({ AGENT_REPOSITORY: "wep" })), /did you mean "web"/);
  await assert.rejects(
    refuseUnknownName({ repo: "elsewhere" }, contextWithFile({})),
    /there are cold, plain, web; write/,
  );
});

Deno.test("neither a store is opened nor a password asked for under a mistyped name", async () => {
  const access = repositoryAccess({ repo: "plian", passwordFile: "/none" }, contextWithFile({}));
  await assert.rejects(access.openStore(), { code: "usage", message: /did you mean "plain"/ });
  await assert.rejects(Promise.resolve(access.password()), { code: "usage", message: /did you mean "plain"/ });
});

Deno.test("names, paths, URLs, and folders that hold a repository are no mistyped names", async () => {
  for (const repo of ["web", "./wep", "/wep", "rest:wep", ".", ""]) {
    await refuseUnknownName({ repo }, contextWithFile({}));
  }
  await refuseUnknownName({ repo: "wep" }, testContext().context);
  await refuseUnknownName({ repositoryFile: "wep" }, contextWithFile({ AGENT_REPOSITORY: "wep" }));
  const folder = await Deno.makeTempDir({ dir: ".", prefix: "bare" });
  const repo = folder.split("/").at(-1)!;
  try {
    await assert.rejects(refuseUnknownName({ repo }, contextWithFile({})), { code: "usage" });
    await Deno.writeTextFile(`${folder}/config`, "");
    await refuseUnknownName({ repo }, contextWithFile({}));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
