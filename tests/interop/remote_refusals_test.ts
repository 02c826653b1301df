/** What can be wrong on the way to a repository on a server: the exit code, one clear line, and no secret in it. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import type { RequestListener } from "node:http";
import { ExitCode } from "../../src/base/errors.ts";
import { startAgentServer } from "../helpers/agent_server.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import { assertFails, emptySandbox, type Sandbox } from "../helpers/executable.ts";
import { forwarding, withHttpServer } from "../helpers/http_server.ts";
import { programTest } from "../helpers/programs.ts";
import { makeServedRepository, startRestServer } from "../helpers/rest_servers.ts";
import { RemoteSandbox } from "../helpers/servers.ts";
import { noise, PASSWORD, sqlDump } from "../helpers/world.ts";

const ALICE = { user: "alice", password: "opensesame" };
const WRONG = { user: "alice", password: "openbarley" };
const SECRETS = /opensesame|openbarley|correct horse/;
const DUMP = sqlDump(1000, "shop");

/** A sandbox with a password file and no repository. */
async function clientSandbox(): Promise<Sandbox> {
  const box = await emptySandbox();
  await box.file("password", `${PASSWORD}\n`);
  return box;
}

/** Fails the test unless commands that read and write all fail as they have to, with one line that tells no secret. */
async function assertRefused(client: Sandbox, exitCode: ExitCode, message: RegExp): Promise<void> {
  const reading = client.agent(["ls", "--quiet"]);
  const writing = client.agent(["put", "prod/shop", "--quiet"], { stdin: DUMP });
  for (const outcome of await Promise.all([reading, writing])) {
    assertFails(outcome, exitCode, message);
    doesNotMatch(outcome.stderr, SECRETS);
  }
}

Deno.test("a host that does not exist, and a port where nobody listens", async () => {
  await using box = await clientSandbox();
  // The system gives this one to nobody: one that was free a moment ago may be that of another test.
  const port = 1;
  await Promise.all([
    assertRefused(
      new RemoteSandbox(box, "rest:http://alice:opensesame@no-such-host.invalid/"),
      ExitCode.failed,
      /host/,
    ),
    assertRefused(
      new RemoteSandbox(box, `rest:http://alice:opensesame@127.0.0.1:${port}/`),
      ExitCode.failed,
      new RegExp(`Cannot reach http://127\\.0\\.0\\.1:${port}: nothing listens there`),
    ),
    assertRefused(
      new RemoteSandbox(box, `s3:http://127.0.0.1:${port}/shop`, {
        AWS_ACCESS_KEY_ID: "alice",
        AWS_SECRET_ACCESS_KEY: "opensesame",
      }),
      ExitCode.failed,
      /nothing listens there/,
    ),
  ]);
});

Deno.test("no credentials, wrong ones, another user's repository, none at all, and a wrong repository password", async () => {
  await using box = await clientSandbox();
  await makeServedRepository(box, "alice", "shop");
  await using server = await startAgentServer(box, { users: [ALICE], privateRepos: true });
  const client = (path: string, as?: typeof ALICE) => new RemoteSandbox(box, server.repository(path, as));
  await assertRefused(client("alice/shop"), ExitCode.failed, /user and password/);
  await assertRefused(client("alice/shop", WRONG), ExitCode.failed, /user and password/);
  await assertRefused(client("bob/shop", ALICE), ExitCode.failed, /forbids/);
  await assertRefused(client("alice/elsewhere", ALICE), ExitCode.noRepository, /no repository in .*agent init/);
  const otherPassword = { AGENT_PASSWORD_FILE: await box.file("other", "openbarley\n") };
  const stranger = new RemoteSandbox(box, server.repository("alice/shop", ALICE), otherPassword);
  await assertRefused(stranger, ExitCode.wrongPassword, /password/);
});

programTest({
  name: "a certificate that nobody vouches for, one that expired, and no TLS where it is asked for",
  needs: ["openssl", "restic-rest-server"],
  fn: async (programs) => {
    await using box = await clientSandbox();
    await makeServedRepository(box, "shop");
    const expired = await makeCertificate(box, { expired: true });
    const trustsExpired = { AGENT_CACERT: expired.authorityFile };
    const certificate = await makeCertificate(box);
    await using agentServer = await startAgentServer(box, { certificate });
    await using restServer = await startRestServer(programs["restic-rest-server"], box, { certificate: expired });
    const url = agentServer.repository("shop");
    await assertRefused(new RemoteSandbox(box, url), ExitCode.failed, /certificate.*--cacert/);
    await assertRefused(
      new RemoteSandbox(box, restServer.repository("shop"), trustsExpired),
      ExitCode.failed,
      /certificate.*expired/,
    );
    await new RemoteSandbox(box, url, { AGENT_CACERT: certificate.authorityFile }).ok(["ls"]);
    await new RemoteSandbox(box, restServer.repository("shop")).ok(["ls", "--insecure-tls"]);
    await using plain = await startAgentServer(box);
    const https = plain.repository("shop").replace("http:", "https:");
    await assertRefused(new RemoteSandbox(box, https), ExitCode.failed, /TLS|https/i);
  },
});

Deno.test("a web page where a repository should be", async () => {
  await using box = await clientSandbox();
  const page = "<!doctype html><html><title>Welcome</title><p>It works!</html>";
  const answer: RequestListener = (request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/html" }).end(page);
  };
  await withHttpServer(answer, async (origin) => {
    const rest = new RemoteSandbox(box, `rest:${origin}/`);
    const noServer = /does not look like a repository server; check the URL/;
    await assertRefused(rest, ExitCode.failed, noServer);
    assertFails(await rest.agent(["init"]), ExitCode.failed, noServer);
    const credentials = { AWS_ACCESS_KEY_ID: "alice", AWS_SECRET_ACCESS_KEY: "opensesame" };
    const s3 = new RemoteSandbox(box, `s3:${origin}/shop`, credentials);
    await assertRefused(s3, ExitCode.failed, /S3|repository/);
    assertFails(await s3.agent(["init"]), ExitCode.failed, /S3|repository/);
  });
});

Deno.test("a server that only reads: puts are refused, reading without locks goes on", async () => {
  await using box = await clientSandbox();
  await makeServedRepository(box, "shop");
  await using server = await startAgentServer(box);
  const direct = new RemoteSandbox(box, server.repository("shop"));
  await direct.put("prod/shop", DUMP);
  const forward = forwarding(server.origin, ["accept", "range"]);
  const answer: RequestListener = (request, response) => {
    if (request.method === "GET" || request.method === "HEAD") return forward(request, response);
    request.resume();
    response.writeHead(403).end();
  };
  await withHttpServer(answer, async (origin) => {
    const client = new RemoteSandbox(box, `rest:${origin}/shop/`);
    assertFails(await client.agent(["put", "prod/shop"], { stdin: DUMP }), ExitCode.failed, /forbids/);
    const stdout = await client.ok(["get", "prod/shop", "--no-lock", "--quiet"]);
    equal(stdout, new TextDecoder().decode(DUMP));
    equal((await client.json(["ls"])).length, 1);
  });
});

programTest({
  name: "a put that does not fit into the server fails, and the repository stays sound",
  needs: ["restic-rest-server"],
  fn: async (programs) => {
    const starts = [startAgentServer, startRestServer.bind(null, programs["restic-rest-server"])];
    for (const start of starts) {
      await using box = await clientSandbox();
      await makeServedRepository(box, "shop");
      await using server = await start(box, { maxSizeBytes: 2_000_000 });
      const client = new RemoteSandbox(box, server.repository("shop"));
      await client.put("prod/shop", noise(500_000, "fits"));
      const outcome = await client.agent(["put", "prod/shop", "--quiet"], { stdin: noise(30_000_000, "too much") });
      assertFails(outcome, ExitCode.failed, /no space is left on the server, or its quota is used up/);
      equal((await client.json(["ls"])).length, 1);
      await client.ok(["check", "--read-data"]);
      deepEqual(await Array.fromAsync(Deno.readDir(box.join("served", "shop", "locks"))), []);
    }
  },
});

Deno.test("a repository is made once, whatever the server would allow", async () => {
  await using box = await clientSandbox();
  await makeServedRepository(box, "shop");
  await using server = await startAgentServer(box);
  const client = new RemoteSandbox(box, server.repository("shop"));
  const { exitCode, stderr } = await client.agent(["init"]);
  equal(exitCode, ExitCode.failed);
  match(stderr, /already/);
});
