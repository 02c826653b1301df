/** Options for repositories on other machines: limits, settings, certificates. */
import assert from "node:assert/strict";
import { AgentError, NotFoundError, TemporaryError, UsageError } from "../../../src/base/errors.ts";
import type { CliContext } from "../../../src/cli/context.ts";
import { networkOptions, retryTeller, storeSettings } from "../../../src/cli/options/network_options.ts";
import { parseRate } from "../../../src/library/opening/network_settings.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nMAs=\n-----END PRIVATE KEY-----";

/** A process with these variables that keeps what is written to stderr. */
function contextOf(env: Record<string, string> = {}) {
  const lines: string[] = [];
  const stderr = {
    isTerminal: false,
    columns: () => 80,
    write: (bytes: Uint8Array) => Promise.resolve(void lines.push(new TextDecoder().decode(bytes))),
  };
  const version = { version: "1.2.3" };
  return { lines, context: { env: (name: string) => env[name], stderr, version } as unknown as CliContext };
}

async function withFile(content: string, work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, content);
    await work(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a plain limit means KiB a second, one with a unit that size", () => {
  assert.deepEqual(["1", "500", "5M", "1.5MiB", "300b"].map(parseRate), [1024, 512_000, 5 << 20, 1_572_864, 300]);
  for (const text of ["", "0", "-1", "5X", "0M"]) assert.throws(() => parseRate(text), UsageError, text);
});

Deno.test("settings are split at their first equals sign", () => {
  const settings = storeSettings({ option: ["s3.region=eu-west-1", "a=b=c", "a.b="] });
  assert.deepEqual([...settings], [["s3.region", "eu-west-1"], ["a", "b=c"], ["a.b", ""]]);
  for (const text of ["s3.region", "=x", ""]) assert.throws(() => storeSettings({ option: [text] }), UsageError, text);
});

Deno.test("certificates come from files that options or variables name, ours before restic's", async () => {
  await withFile(CERTIFICATE, async (ca) => {
    const { context } = contextOf({ AGENT_CACERT: ca, RESTIC_CACERT: "/does/not/exist" });
    assert.deepEqual(await networkOptions({}, context), { caCertificates: [CERTIFICATE], userAgent: "agent/1.2.3" });
    await withFile(`${KEY}\n${CERTIFICATE}`, async (client) => {
      const { clientCertificate } = await networkOptions({ tlsClientCert: client }, context);
      assert.equal(clientCertificate?.key, KEY);
      assert.equal(clientCertificate?.certificate.trim(), CERTIFICATE.trim());
    });
    await assert.rejects(networkOptions({ tlsClientCert: ca }, context), UsageError);
  });
});

Deno.test("proxies come from the variables that all programs know", async () => {
  const proxiesIn = async (env: Record<string, string>) => (await networkOptions({}, contextOf(env).context)).proxies;
  assert.equal(await proxiesIn({ NO_PROXY: "*", HTTP_PROXY: "" }), undefined);
  const env = { HTTP_PROXY: "http://a:1", http_proxy: "http://b:1", https_proxy: "c:2", no_proxy: "d,.e" };
  assert.deepEqual(await proxiesIn(env), { http: "http://a:1", https: "c:2", except: "d,.e" });
  assert.deepEqual(await proxiesIn({ ALL_PROXY: "socks5://a:1" }), {}, "passed over, by every request");
});

Deno.test("a certificate file that is missing, unreadable or none at all is told by its path", async () => {
  const { context } = contextOf();
  await assert.rejects(networkOptions({ cacert: "/does/not/exist" }, context), NotFoundError);
  await assert.rejects(networkOptions({ cacert: "/" }, context), AgentError);
  await withFile("hello", async (path) => {
    await assert.rejects(networkOptions({ cacert: path }, context), (thrown) => {
      return thrown instanceof UsageError && thrown.message.includes(path);
    });
  });
});

Deno.test("a wait is told in a line or an object, a short one not at all", () => {
  const { lines, context } = contextOf();
  const retry = { error: new TemporaryError("It broke\x1b[2J"), failures: 2, delayMs: 2000 };
  retryTeller({}, context)(retry);
  retryTeller({ json: true }, context)(retry);
  retryTeller({ quiet: true }, context)(retry);
  retryTeller({}, context)({ ...retry, delayMs: 100 });
  assert.equal(lines.length, 2);
  assert.equal(lines[0], "agent: It broke\\x1b[2J (next try in 2.0 s)\n");
  assert.deepEqual(JSON.parse(lines[1]!), {
    message_type: "retry",
    kind: "store-temporary",
    message: "It broke\x1b[2J",
    failures: 2,
    delayMs: 2000,
  });
});
