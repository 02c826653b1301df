/** Stock restic against `agent serve`: all it does with a repository, and everything the server may refuse. */
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { hash } from "node:crypto";
import { startAgentServer } from "../helpers/agent_server.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import { emptySandbox, eventually, type Sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { cheapenServedRepository, makeServedRepository, served } from "../helpers/rest_servers.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { RemoteSandbox, type Server } from "../helpers/servers.ts";
import { noise, PASSWORD, sqlDump } from "../helpers/world.ts";

const ALICE = { user: "alice", password: "wönder/land:@" };
const BOB = { user: "bob", password: "builder" };
const DUMP = sqlDump(4000, "shop");
const LATER = sqlDump(4100, "shop");
const STDIN = ["backup", "--stdin", "--stdin-filename", "shop.sql"];

/** Restic on a repository of a server, whose answers to it go to nobody else. */
async function resticOn(box: Sandbox, program: string, repository: string): Promise<Restic> {
  return await Restic.in(new RemoteSandbox(box, repository), program);
}

/** Names of the files that a server holds in a folder of a repository. */
async function names(box: Sandbox, ...folder: string[]): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(served(box, ...folder)), ({ name }) => name)).sort();
}

/** A backup that is killed while it holds its lock. */
async function leaveLock(box: Sandbox, restic: Restic, repository: string): Promise<void> {
  await using backup = restic.start(STDIN);
  await backup.write(DUMP.subarray(0, 100));
  await eventually("a lock", async () => (await names(box, repository, "locks")).length > 0);
  backup.kill("SIGKILL");
  await backup.outcome();
}

resticTest("restic on the agent's server: init, backup, check, restore, forget and prune", async (program) => {
  await using box = await emptySandbox();
  await box.file("password", `${PASSWORD}\n`);
  await using server = await startAgentServer(box);
  const restic = await resticOn(box, program, server.repository("shop"));
  await restic.ok(["init"]);
  await cheapenServedRepository(box, "shop");
  await box.file("files/sub/notes.txt", noise(40_000, "notes"));
  await box.file("files/large", noise(3_000_000, "large"));

  await restic.ok(["backup", box.join("files")]);
  await restic.ok(STDIN, { stdin: DUMP });
  await restic.ok(STDIN, { stdin: LATER });
  await restic.check();
  equal(await restic.md5("latest", "/shop.sql"), hash("md5", LATER));
  const [files] = await restic.snapshots();
  await restic.ok(["restore", files!.id, "--target", box.join("restored")]);
  const { stdout } = await box.shell(`diff -r files "restored$1" && echo same`, box.join("files"));
  equal(stdout, "same\n");

  await restic.ok(["forget", "--group-by", "", "--keep-last", "1", "--prune", "--max-unused", "0"]);
  equal((await restic.snapshots()).length, 1);
  await restic.check();
  equal(await restic.md5("latest", "/shop.sql"), hash("md5", LATER));
  deepEqual(await names(box, "shop", "locks"), []);
});

resticTest("restic with a user's password on the agent's server", async (program) => {
  await using box = await emptySandbox();
  await makeServedRepository(box, "shop");
  await using server = await startAgentServer(box, { users: [ALICE, BOB] });
  for (const user of [ALICE, BOB]) {
    const restic = await resticOn(box, program, server.repository("shop", user));
    await restic.ok(STDIN, { stdin: DUMP });
    await restic.check();
  }
});

programTest({
  name: "restic takes the user of the agent's server from its environment, and is told of a wrong one",
  needs: ["restic-newest"],
  fn: async (programs) => {
    await using box = await emptySandbox();
    await makeServedRepository(box, "shop");
    await using server = await startAgentServer(box, { users: [ALICE, BOB] });
    const restic = await resticOn(box, programs["restic-newest"], server.repository("shop"));
    const login = (password: string) => ({ RESTIC_REST_USERNAME: BOB.user, RESTIC_REST_PASSWORD: password });
    await restic.ok(STDIN, { stdin: DUMP, env: login(BOB.password) });
    for (const env of [login("wrong"), login(""), {}]) {
      const { exitCode, stderr } = await restic.attempt(["snapshots"], { env });
      notEqual(exitCode, 0);
      match(stderr, /401/);
    }
  },
});

programTest({
  name: "users of a private server have their own repositories and no others",
  needs: ["restic-newest"],
  fn: async (programs) => {
    await using box = await emptySandbox();
    await makeServedRepository(box, "alice", "shop");
    await makeServedRepository(box, "bob");
    await using server = await startAgentServer(box, { users: [ALICE, BOB], privateRepos: true });
    const own = await resticOn(box, programs["restic-newest"], server.repository("alice/shop", ALICE));
    await own.ok(STDIN, { stdin: DUMP });
    await own.check();
    await (await resticOn(box, programs["restic-newest"], server.repository("bob", BOB))).check();
    for (const path of ["alice/shop", "alice"]) {
      const foreign = await resticOn(box, programs["restic-newest"], server.repository(path, BOB));
      for (const args of [["snapshots"], ["init"]]) {
        const { exitCode, stderr } = await foreign.attempt(args);
        notEqual(exitCode, 0);
        match(stderr, /40[13]/);
      }
    }
    deepEqual(await names(box), ["alice", "bob"]);
  },
});

resticTest("restic adds to a server that only appends, and removes nothing but locks", async (program) => {
  await using box = await emptySandbox();
  await makeServedRepository(box, "shop");
  await using server = await startAgentServer(box, { appendOnly: true });
  const restic = await resticOn(box, program, server.repository("shop"));
  await restic.ok(STDIN, { stdin: DUMP });
  await restic.ok(STDIN, { stdin: LATER });
  await restic.check();
  deepEqual(await names(box, "shop", "locks"), [], "restic removed its own locks");
  await leaveLock(box, restic, "shop");
  await restic.ok(["unlock"]);
  deepEqual(await names(box, "shop", "locks"), []);
  if (restic.minor >= 17) { // those before go on trying for a quarter of an hour
    notEqual((await restic.attempt(["forget", "--keep-last", "1"])).exitCode, 0);
    equal((await restic.snapshots()).length, 2);
    await restic.check();
  }
});

programTest({
  name: "a backup that does not fit into the agent's server fails, and the repository stays sound",
  needs: ["restic-newest"],
  fn: async (programs) => {
    await using box = await emptySandbox();
    await makeServedRepository(box, "shop");
    await using server = await startAgentServer(box, { maxSizeBytes: 2_000_000 });
    const restic = await resticOn(box, programs["restic-newest"], server.repository("shop"));
    await restic.ok(STDIN, { stdin: noise(500_000, "fits") });
    const { exitCode, stderr } = await restic.attempt(STDIN, { stdin: noise(3_000_000, "too much") });
    notEqual(exitCode, 0);
    match(stderr, /413|507/);
    await restic.ok(["check", "--read-data"]); // which may hint at packs that no index names
    equal((await restic.snapshots()).length, 1);
    equal(await restic.md5("latest", "/shop.sql"), hash("md5", noise(500_000, "fits")));
  },
});

resticTest("restic over TLS trusts the certificate that it is given", async (program) => {
  await using box = await emptySandbox();
  await makeServedRepository(box, "shop");
  const certificate = await makeCertificate(box);
  await using server = await startAgentServer(box, { certificate, users: [ALICE] });
  const restic = await resticOn(box, program, server.repository("shop", ALICE));
  const trust = ["--cacert", certificate.authorityFile];
  await restic.ok([...STDIN, ...trust], { stdin: DUMP });
  await restic.ok(["check", "--read-data", ...trust]);
});

Deno.test("the agent's server ends when it is asked to, with nothing left in its directory", async () => {
  await using box = await emptySandbox();
  await makeServedRepository(box, "shop");
  await using server = await startAgentServer(box);
  await box.ok(["ls"], { env: { AGENT_REPOSITORY: server.repository("shop") } });
  const { exitCode, stdout } = await server.stop();
  equal(exitCode, 0, stdout);
  deepEqual(await names(box), ["shop"]);
});

programTest({
  name: "curl sees the server's health and numbers, and no file beside the repositories",
  needs: ["curl"],
  fn: async ({ curl }) => {
    await using box = await emptySandbox();
    await makeServedRepository(box, "shop");
    await box.file("secret", "do not serve");
    await box.file("served/secret", "do not serve");
    await using server = await startAgentServer(box);
    const fetched = (path: string, ...args: string[]) => fetchByCurl(box, curl, server, path, args);
    equal((await fetched("/healthz")).status, 200);
    equal((await fetched("/shop/config")).status, 200);
    const metrics = await fetched("/metrics");
    equal(metrics.status, 200);
    match(metrics.body, /^rest_server_blob_read_total\{.*\} \d+$/m);
    for (
      const path of [
        "/../secret",
        "/..%2fsecret",
        "/shop/../secret",
        "/shop/%2e%2e/%2e%2e/secret",
        "/shop/data/../../../secret",
        "/shop/..%5c..%5csecret",
        "//secret",
        "/secret",
        "/shop/keys/..%2f..%2f..%2fsecret",
        "/%00",
      ]
    ) {
      for (const args of [[], ["--request", "POST", "--data", "x"], ["--request", "DELETE"]]) {
        const { status, body } = await fetched(path, ...args);
        equal(status >= 400 && status < 500, true, `${path} ${args}: ${status}`);
        equal(body.includes("do not serve"), false, path);
      }
    }
    equal(await Deno.readTextFile(box.join("secret")), "do not serve");
    equal(await Deno.readTextFile(served(box, "secret")), "do not serve");
  },
});

/** What curl gets for a path, which it sends as it is. */
async function fetchByCurl(box: Sandbox, curl: string, server: Server, path: string, args: readonly string[]) {
  const options = ["--silent", "--show-error", "--max-time", "20", "--path-as-is", "--write-out", "\\n%{http_code}"];
  await using running = box.startProgram(curl, [...options, ...args, `${server.origin}${path}`]);
  await running.closeInput();
  const { exitCode, stdout, stderr } = await running.outcome();
  equal(exitCode, 0, `curl ${path}: ${stderr}`);
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}
