/** `agent serve`: its flags, its signals, and what a service manager expects. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { ExitCode } from "../../src/base/errors.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import {
  assertFails,
  emptySandbox,
  eventually,
  EXECUTABLE,
  jsonRows,
  type Running,
  type Sandbox,
} from "../helpers/executable.ts";
import { whyNoServer } from "../helpers/agent_server.ts";
import { programTest } from "../helpers/programs.ts";

const AT_A_TIME = 4;

const noServer = await whyNoServer();

/** Registers a test of a server; ignored where the runtime has none. */
function serveTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `serve: ${name}${noServer ? ` (skipped: ${noServer})` : ""}`, ignore: noServer !== undefined, fn });
}

/** Starts a server on a free port; gives its URL. */
async function started(box: Sandbox, ...args: string[]): Promise<{ server: Running; url: URL }> {
  const server = box.start(["serve", "--path", "data", "--listen", "127.0.0.1:0", "--json", ...args]);
  return { server, url: await urlOf(server) };
}

async function urlOf(server: Running): Promise<URL> {
  const text = await eventually(
    "the address",
    () => Promise.resolve(server.stdoutSoFar.includes("\n") && server.stdoutSoFar || undefined),
  );
  return new URL(String(jsonRows(text)[0]!["url"]));
}

function statusOf(url: URL, method: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpRequest(new URL(path, url), { method, agent: false }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode));
    }).on("error", reject).end();
  });
}

/** Whether a request is answered soon. Runtimes before 2.9 take connections to the end, and leave them without answer. */
function isServed(url: URL, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(300);
    httpRequest(new URL(path, url), { agent: false, signal }, (answer) => {
      answer.resume().on("end", () => resolve(true));
    }).on("error", () => resolve(false)).end();
  });
}

const MISTAKES: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [[], /--path DIR/],
  [["--path", "data"], /no such file.*htpasswd -B -c .*--no-auth/],
  [["--path", "data", "--no-auth", "--listen", ":8000"], /everybody who reaches :8000.*--insecure/],
  [["--path", "data", "--no-auth", "--listen", "0.0.0.0:0"], /--insecure/],
  [["--path", "data", "--no-auth", "--listen", "here"], /Not an address: "here"/],
  [["--path", "data", "--no-auth", "--listen", "127.0.0.1:1", "--listen", ":1"], /:1 takes all that/],
  [["--path", "data", "--no-auth", "--listen", "unix:a", "--listen", ":1"], /everybody who reaches :1.*--insecure/],
  [["--path", "data", "--no-auth", "--max-size", "much"], /Not a size: "much"/],
  [["--path", "data", "--no-auth", "--private-repos"], /no users/],
  [["--path", "data", "--no-auth", "--htpasswd-file", "x"], /no users/],
  [["--path", "data", "--no-auth", "--tls-cert", "x"], /need --tls: add it/],
  [["--path", "data", "--no-auth", "--tls"], /public_key" of --tls-cert/],
  [["--path", "data", "--proxy-auth-username", "a b"], /Not the name of a header/],
  [["--path", "data", "--proxy-auth-username", "a", "--htpasswd-file", "x"], /not from both/],
  [["--path", "data", "--proxy-auth-username", "a", "--listen", ":8000"], /everybody who reaches :8000.*--insecure/],
];

serveTest("wrong flags end it with one line that says what is right", async () => {
  await using box = await emptySandbox();
  await mapConcurrently(MISTAKES, AT_A_TIME, async ([args, message]) => {
    assertFails(await box.agent(["serve", ...args]), ExitCode.usage, message);
  });
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  serveTest(`${signal} lets an upload under way end, then the server ends with exit code 0`, async () => {
    await using box = await emptySandbox();
    const { server, url } = await started(box, "--no-auth", "--log", "access.log");
    await using _ = server;
    assert.equal(await statusOf(url, "POST", "/r/?create=true"), 200);
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    let answer = "";
    socket.on("data", (data: Uint8Array) => answer += new TextDecoder().decode(data)).on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write("POST /r/config HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\ncon");
    await eventually("the upload", async () => {
      const names = await Array.fromAsync(Deno.readDir(box.join("data/r")), ({ name }) => name);
      return names.some((name) => name.startsWith("config-tmp-")) || undefined;
    });
    server.kill(signal);
    await eventually("that no more requests are taken", async () => await isServed(url, "/healthz") ? undefined : true);
    socket.write("fig");
    await closed;
    assert.match(answer, /^HTTP\/1.1 200/);
    const { exitCode, stderr } = await server.outcome();
    assert.equal(exitCode, ExitCode.done);
    assert.equal(stderr, "");
    assert.equal(await Deno.readTextFile(box.join("data/r/config")), "config");
    assert.match(await Deno.readTextFile(box.join("access.log")), /"POST \/r\/config HTTP\/1.1" 200/);
  });
}

serveTest("listens wherever it is told to, and logs which program asks", async () => {
  await using box = await emptySandbox();
  await box.file("password", "password\n");
  const addresses = ["127.0.0.1:0", "unix:agent.sock"].flatMap((address) => ["--listen", address]);
  const args = ["serve", "--path", "data", ...addresses, "--no-auth", "--json", "--log", "access.log"];
  await using server = box.start(args);
  const text = await eventually(
    "the addresses",
    () => Promise.resolve(/\n.*\n/.test(server.stdoutSoFar) && server.stdoutSoFar || undefined),
  );
  const urls = jsonRows(text).map(({ url }) => String(url));
  assert.equal(urls.length, 2);
  const repository = (url: string) => ({ env: { AGENT_REPOSITORY: `rest:${url}r/`, AGENT_PASSWORD: "password" } });
  await box.ok(["init"], repository(urls[0]!));
  await box.ok(["ls"], repository(urls[1]!));
  server.kill("SIGTERM");
  assert.equal((await server.outcome()).exitCode, ExitCode.done);
  const lines = (await Deno.readTextFile(box.join("access.log"))).trim().split("\n");
  const { version } = (await box.json(["version"]))[0]!;
  assert.ok(lines.every((line) => line.includes(` "agent/${version}" `)), lines.find((line) => !/"agent\//.test(line)));
  assert.deepEqual(new Set(lines.map((line) => line.split(" ")[0])), new Set(["127.0.0.1", "-"]));
});

serveTest("tells people where it is, on standard error", async () => {
  await using box = await emptySandbox();
  const script = 'exec "$AGENT" serve --path data --listen 127.0.0.1:0 --no-auth --log - 2>words';
  await using server = box.startProgram("/bin/sh", ["-c", script]);
  const text = await eventually("the address", async () => {
    const words = await Deno.readTextFile(box.join("words")).catch(() => "");
    return /^Serving \S+\/data at (http:\S+)\n$/.exec(words)?.[1];
  });
  await statusOf(new URL(text), "GET", "/healthz");
  server.kill("SIGTERM");
  const { exitCode, stdout } = await server.outcome();
  assert.equal(exitCode, ExitCode.done);
  assert.match(stdout, /"GET \/healthz HTTP\/1.1" 200/);
});

if (noServer === undefined) {
  programTest({
    name: "serve: takes the socket that systemd hands over",
    needs: ["systemd-socket-activate"],
    async fn({ "systemd-socket-activate": activate }) {
      await using box = await emptySandbox();
      const socketPath = box.join("agent.sock");
      const args = ["--listen", socketPath, EXECUTABLE, "serve", "--path", box.join("data"), "--no-auth", "--json"];
      await using server = box.startProgram(activate, args);
      // There is a moment between the file of the socket and whoever listens to it.
      const status = await eventually("an answer", () =>
        new Promise<number | undefined>((resolve) => {
          httpRequest({ socketPath, path: "/healthz", agent: false }, (answer) => {
            answer.resume().on("end", () => resolve(answer.statusCode));
          }).on("error", () => resolve(undefined)).end();
        }));
      assert.equal(status, 200);
      server.kill("SIGTERM");
      assert.equal((await server.outcome()).exitCode, ExitCode.done);
    },
  });
}

if (noServer === undefined) {
  programTest({
    name: "serve: tells systemd that it is ready and that it stops",
    needs: ["systemd-notify", "socat"],
    async fn({ socat }) {
      await using box = await emptySandbox();
      const socket = box.join("notify.sock");
      await using listener = box.startProgram(socat, ["-u", `UNIX-RECV:${socket}`, "STDOUT"]);
      await eventually("the socket", () => Deno.stat(socket).then(() => true, () => undefined));
      await using server = box.start(["serve", "--path", "data", "--listen", "127.0.0.1:0", "--no-auth"], {
        env: { NOTIFY_SOCKET: socket },
      });
      await eventually("the message", () => Promise.resolve(/READY=1/.test(listener.stdoutSoFar) || undefined));
      server.kill("SIGTERM");
      await eventually("the message", () => Promise.resolve(/STOPPING=1/.test(listener.stdoutSoFar) || undefined));
    },
  });
}

if (noServer !== undefined) {
  Deno.test("serve: a runtime that cannot is told", async () => {
    await using box = await emptySandbox();
    assertFails(await box.agent(["serve", "--path", "data", "--no-auth"]), ExitCode.failed, /needs Deno 2\.9 or later/);
  });
}
