/** The options and variables of a second repository: which ones are its own, and which are shared with the main one. */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { passwordBytes } from "../../../src/crypto/kdf.ts";
import { NotFoundError, UsageError } from "../../../src/base/errors.ts";
import type { CliContext } from "../../../src/cli/context.ts";
import { alsoRepositoryAccess } from "../../../src/cli/options/also_repository.ts";
import { secondRepositoryAccess } from "../../../src/cli/options/second_repository.ts";
import { CONFIG_FILE } from "../../../src/store/store.ts";
import { Collected, contextWith } from "../../helpers/command_line.ts";
import { fakeWorld } from "../../helpers/world.ts";

type Variables = Readonly<Record<string, string>>;

function contextOf(variables: Variables, questions: string[] = []): CliContext {
  return {
    ...contextWith({ stdout: new Collected(), stderr: new Collected(), world: fakeWorld() }),
    env: (name) => variables[name],
    askSecret: (question) => {
      questions.push(question);
      return Promise.resolve(undefined);
    },
  };
}

async function passwordIn(variables: Variables): Promise<string> {
  const access = secondRepositoryAccess("from", {}, contextOf(variables));
  return new TextDecoder().decode(passwordBytes(await access.password()));
}

Deno.test("the second repository's password is never the main one's", async () => {
  const main = { AGENT_PASSWORD: "main", RESTIC_PASSWORD: "main", AGENT_PASSWORD_COMMAND: "echo main" };
  const questions: string[] = [];
  const access = secondRepositoryAccess("from", {}, contextOf(main, questions));
  await rejects(async () => await access.password(), (error) => {
    equal(
      error instanceof UsageError && error.message,
      "No password given for the repository to copy from: use --from-password-file or set " +
        "AGENT_FROM_PASSWORD_FILE (or AGENT_FROM_PASSWORD)",
    );
    return true;
  });
  deepEqual(questions, ["Password of the repository to copy from: "]);
  equal(await passwordIn({ ...main, AGENT_FROM_PASSWORD: "second", RESTIC_FROM_PASSWORD: "restic's" }), "second");
  equal(await passwordIn({ ...main, RESTIC_FROM_PASSWORD: "restic's" }), "restic's");
  equal(await passwordIn({ ...main, RESTIC_FROM_PASSWORD_COMMAND: "echo second" }), "second");
});

Deno.test("the second repository's address is never the main one's, and its option wins over its variables", async () => {
  const variables = { AGENT_REPOSITORY: "/main", RESTIC_REPOSITORY: "/main", AGENT_FROM_REPOSITORY: "nowhere:x" };
  await rejects(secondRepositoryAccess("from", {}, contextOf(variables)).openStore(), /"nowhere"/);
  await rejects(secondRepositoryAccess("from", { from: "no:x" }, contextOf(variables)).openStore(), /"no"/);
  const { AGENT_FROM_REPOSITORY: _, ...main } = variables;
  await rejects(
    secondRepositoryAccess("from", {}, contextOf(main)).openStore(),
    { message: "No repository to copy from given: use --from or set AGENT_FROM_REPOSITORY" },
  );
});

/** What a server is told about the caller when it is asked for the config. */
async function authorizationWith(scheme: "rest" | "s3", variables: Variables): Promise<string> {
  let told = "";
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ headers }) => {
    told = headers.get("Authorization") ?? "";
    const body = scheme === "s3" ? "<Error><Code>NoSuchKey</Code></Error>" : null;
    return new Response(body, { status: 404 });
  });
  try {
    const from = `${scheme}:http://127.0.0.1:${server.addr.port}/shop/`;
    const options = { from, ...scheme === "s3" && { option: ["s3.region=eu-west-1"] } };
    const store = await secondRepositoryAccess("from", options, contextOf(variables)).openStore();
    await rejects(store.get(CONFIG_FILE), NotFoundError);
    await store.close();
  } finally {
    await server.shutdown();
  }
  return told;
}

Deno.test("the login of the main repository's server never reaches the second one's", async () => {
  const main = { AGENT_REST_USERNAME: "shop", AGENT_REST_PASSWORD: "main", RESTIC_REST_USERNAME: "shop" };
  equal(await authorizationWith("rest", main), "");
  const own = { ...main, AGENT_FROM_REST_USERNAME: "reader", AGENT_FROM_REST_PASSWORD: "own" };
  equal(await authorizationWith("rest", own), `Basic ${btoa("reader:own")}`);
});

Deno.test("keys of S3 are the main repository's unless a variable of the second one says whose to use", async () => {
  const main = { AWS_ACCESS_KEY_ID: "MAIN", AWS_SECRET_ACCESS_KEY: "x", HOME: "/nowhere" };
  match(await authorizationWith("s3", main), /Credential=MAIN\//);
  const own = { ...main, AGENT_FROM_AWS_ACCESS_KEY_ID: "OWN", AGENT_FROM_AWS_SECRET_ACCESS_KEY: "y" };
  match(await authorizationWith("s3", own), /Credential=OWN\//);
  const profiles = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(profiles, "[other]\naws_access_key_id = OTHER\naws_secret_access_key = z\n");
    const named = { ...main, AWS_SHARED_CREDENTIALS_FILE: profiles, AGENT_FROM_AWS_PROFILE: "other" };
    match(await authorizationWith("s3", named), /Credential=OTHER\//);
  } finally {
    await Deno.remove(profiles);
  }
});

Deno.test("a put has a second repository if an option or a variable names one, which restic does not know", async () => {
  const access = (options: { also?: string; alsoPasswordFile?: string }, variables: Variables, questions?: string[]) =>
    alsoRepositoryAccess(options, contextOf(variables, questions));
  equal(access({}, { AGENT_REPOSITORY: "/main", RESTIC_ALSO_REPOSITORY: "/no" }), undefined);
  for (const name of ["AGENT_ALSO_REPOSITORY", "AGENT_ALSO_REPOSITORY_FILE"]) {
    equal(!!access({}, { [name]: "/a" }), true);
  }
  await rejects(access({ alsoPasswordFile: "/p" }, { AGENT_REPOSITORY: "/main" })!.openStore(), {
    message: "No second repository given: use --also or set AGENT_ALSO_REPOSITORY",
  });
  const questions: string[] = [];
  const others = { AGENT_PASSWORD: "main", AGENT_FROM_PASSWORD: "from", RESTIC_ALSO_PASSWORD: "restic's" };
  await rejects(async () => await access({ also: "/a" }, others, questions)!.password(), UsageError);
  deepEqual(questions, ["Password of the second repository: "]);
});
