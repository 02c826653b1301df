/** `agent gateway`, as curl and a service manager see it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { connect } from "node:net";
import { ExitCode } from "../../src/base/errors.ts";
import { openAgent } from "../../src/library/open_agent.ts";
import type { UrlCallOptions } from "../../src/library/call_options.ts";
import { putHere } from "../helpers/agent_here.ts";
import { whyNoServer } from "../helpers/agent_server.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import {
  assertFails,
  bulkNoise,
  eventually,
  jsonRows,
  type Outcome,
  type Running,
  type Sandbox,
  sandbox,
} from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";

const noServer = await whyNoServer();

/** Registers a test of a gateway that asks with curl; ignored where the runtime cannot serve. */
function gatewayTest(name: string, fn: (box: Sandbox) => Promise<void>): void {
  const whole = `gateway: ${name}`;
  if (noServer !== undefined) return Deno.test.ignore(`${whole} (skipped: ${noServer})`, () => {});
  programTest({
    name: whole,
    needs: ["curl"],
    async fn() {
      await using box = await sandbox();
      await fn(box);
    },
  });
}

/** Starts a gateway on a free port. */
async function started(box: Sandbox, ...args: string[]): Promise<{ gateway: Running; base: string }> {
  const gateway = box.start(["gateway", "--listen", "127.0.0.1:0", "--json", ...args]);
  const text = await eventually(
    "the address",
    () => Promise.resolve(gateway.stdoutSoFar.includes("\n") && gateway.stdoutSoFar || undefined),
  );
  return { gateway, base: String(jsonRows(text)[0]!["url"]) };
}

/** Signs URLs for a repository of a sandbox. */
async function urlsOf(box: Sandbox, gateway: string) {
  const agent = await openAgent({
    repository: box.repo,
    passwordFile: box.join("password"),
    cacheDirectory: null,
  });
  return {
    url: (which: string, options: Partial<UrlCallOptions> = {}) =>
      agent.getUrl(which, { seconds: 60, gateway, ...options }),
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

/** Runs curl in the sandbox, silently. */
function curl(box: Sandbox, ...args: string[]): Promise<Outcome> {
  return box.shell('curl -sS "$@"', ...args);
}

gatewayTest("curl gets all, the head, and what an interrupted download lacks, and later what is new", async (box) => {
  const content = bulkNoise(3_000_000, "curl");
  await putHere(box, "prod/shop", content);
  const { gateway, base } = await started(box, "--log", box.join("access.log"));
  await using _gateway = gateway;
  await using urls = await urlsOf(box, base);
  const url = await urls.url("prod/shop");

  equal((await curl(box, "-f", "-o", box.join("whole"), url)).exitCode, 0);
  deepEqual(await Deno.readFile(box.join("whole")), content);

  const { stdout: head } = await curl(box, "-I", url);
  match(head, /^HTTP\/1\.1 200 OK\r\n/);
  match(head, /^content-length: 3000000\r$/im);
  match(head, /^accept-ranges: bytes\r$/im);
  match(head, /^repr-digest: sha-256=:[^:]+:, md5=:[^:]+:\r$/im);

  await box.file("part", content.subarray(0, 1_234_567));
  equal((await curl(box, "-f", "-C", "-", "-o", box.join("part"), url)).exitCode, 0);
  deepEqual(await Deno.readFile(box.join("part")), content);

  await putHere(box, "prod/other", "new");
  equal((await curl(box, "-f", await urls.url("prod/other"))).stdout, "new");

  await box.ok(["gateway", "revoke"]);
  await eventually("the revocation", async () => {
    const { stdout } = await curl(box, "-o", "/dev/null", "-w", "%{http_code}", url);
    return stdout === "403" || undefined;
  });

  gateway.kill("SIGTERM");
  equal((await gateway.outcome()).exitCode, ExitCode.done);
  const log = await Deno.readTextFile(box.join("access.log"));
  match(log, /"GET \/[0-9a-f]{64}\/stream\/data HTTP\/1\.1" 206 1765433 /);
  ok(!/signature|expires/.test(log), log);
  deepEqual(await box.names("locks"), []);
});

gatewayTest("one file of a tree comes by its path, and all of it as an archive that tar reads", async (box) => {
  await Deno.mkdir(box.join("tree/below"), { recursive: true });
  await box.file("tree/below/größe 1.txt", "one\n");
  await box.file("tree/two", "two\n");
  await box.ok(["put", "etc/host", box.join("tree")]);
  const { gateway, base } = await started(box);
  await using _gateway = gateway;
  await using urls = await urlsOf(box, base);
  const file = await urls.url("etc/host", { file: `${box.join("tree")}/below/größe 1.txt` });
  equal((await curl(box, "-f", file)).stdout, "one\n");
  const script = 'curl -fsS "$1" | tar -xO --wildcards "*/two"';
  equal((await box.shell(script, await urls.url("etc/host"))).stdout, "two\n");
  gateway.kill("SIGINT");
  equal((await gateway.outcome()).exitCode, ExitCode.done);
});

gatewayTest("SIGTERM lets a download under way end, and no other begin", async (box) => {
  const content = bulkNoise(3_000_000, "grace");
  await putHere(box, "prod/shop", content);
  const { gateway, base } = await started(box);
  await using _gateway = gateway;
  await using urls = await urlsOf(box, base);
  const url = await urls.url("prod/shop");
  const download = curl(box, "-f", "--limit-rate", "2M", "-o", box.join("whole"), url);
  await eventually("the download", async () => {
    return await Deno.stat(box.join("whole")).then(({ size }) => size > 0 || undefined, () => undefined);
  });
  gateway.kill("SIGTERM");
  equal((await download).exitCode, 0);
  deepEqual(await Deno.readFile(box.join("whole")), content);
  equal((await gateway.outcome()).exitCode, ExitCode.done);
  equal((await curl(box, url)).exitCode, 7);
});

gatewayTest("with a certificate it speaks HTTPS, and tells nothing without", async (box) => {
  await putHere(box, "prod/shop", "dump");
  const { certificateFile, keyFile, authorityFile } = await makeCertificate(box);
  const { gateway, base } = await started(box, "--tls", "--tls-cert", certificateFile, "--tls-key", keyFile);
  await using _gateway = gateway;
  match(base, /^https:/);
  const url = (await box.ok(["url", "prod/shop", "--expires", "60s", "--gateway", base])).trim();
  equal((await curl(box, "-f", "--cacert", authorityFile, url)).stdout, "dump");
  equal((await curl(box, url)).exitCode, 60);
});

gatewayTest("wrong flags end it with one line that says what is right", async (box) => {
  const mistakes: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [["--listen", ":8088"], /everybody on the way to :8088.*--insecure/],
    [["--tls-cert", "x"], /need --tls: add it/],
    [["--tls"], /add --tls-cert FILE and --tls-key FILE/],
    [["--listen", "here"], /Not an address: "here"/],
  ];
  for (const [args, message] of mistakes) {
    assertFails(await box.agent(["gateway", ...args]), ExitCode.usage, message);
  }
});

const READERS = 64;
const LARGE_BYTES = 400_000_000;
/** Some 130 MB are the program, its threads and the index. */
const MOST_BYTES = 380_000_000;

gatewayTest("64 readers of a stream of 400 MB at once take bounded memory, however slow they are", async (box) => {
  // One piece of noise again and again: a long content list, and little to store.
  await box.file("piece", bulkNoise(8_000_000, "readers"));
  const put = await box.shell('for i in $(seq 50); do cat "$1"; done | "$AGENT" put prod/large', box.join("piece"));
  equal(put.exitCode, 0, put.stderr);
  const { gateway, base } = await started(box);
  await using _gateway = gateway;
  await using urls = await urlsOf(box, base);
  const url = new URL(await urls.url("prod/large"));
  const readers = await Promise.all(Array.from({ length: READERS }, () => stalledReader(url)));
  // All others wait for their clients; what the gateway read ahead for them stays in memory.
  const { stdout } = await box.shell('curl -fsS "$1" | wc -c', url.href);
  equal(stdout.trim(), String(LARGE_BYTES));
  const peak = await peakBytes(gateway);
  ok(peak < MOST_BYTES, `took ${peak} bytes`);
  for (const reader of readers) reader.destroy();
  gateway.kill("SIGTERM");
  equal((await gateway.outcome()).exitCode, ExitCode.done);
});

/** A client that takes the beginning of an answer and then nothing. */
function stalledReader(url: URL) {
  return new Promise<ReturnType<typeof connect>>((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    socket.on("error", reject);
    socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: a\r\n\r\n`);
    socket.once("data", (answer: Uint8Array) => {
      socket.pause();
      if (new TextDecoder().decode(answer).startsWith("HTTP/1.1 200 ")) resolve(socket);
      else reject(new Error(new TextDecoder().decode(answer)));
    });
  });
}

/** The most memory that a process took so far. */
async function peakBytes({ pid }: Running): Promise<number> {
  return Number(/VmHWM:\s+(\d+) kB/.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]) * 1024;
}
