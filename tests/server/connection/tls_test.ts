/** TLS: what cannot work is refused at the start, and handshakes that fail are told. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { systemClock } from "../../../src/base/clock.ts";
import { UsageError } from "../../../src/base/errors.ts";
import { FailedHandshakes } from "../../../src/server/connection/failed_handshakes.ts";
import { checkTls } from "../../../src/server/connection/tls.ts";
import { type Certificate, makeCertificate } from "../../helpers/certificates.ts";
import { emptySandbox, type Sandbox } from "../../helpers/executable.ts";
import { programTest } from "../../helpers/programs.ts";
import { servedFolder, until } from "../served.ts";

async function filesOf({ certificateFile, keyFile }: Certificate) {
  return { certificate: await Deno.readTextFile(certificateFile), key: await Deno.readTextFile(keyFile) };
}

async function madeBy(box: Sandbox, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await box.shell(command);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

programTest({
  name: "TLS: a certificate and a key that do not fit or cannot be read are refused at the start",
  needs: ["openssl"],
  async fn() {
    await using box = await emptySandbox();
    const good = await filesOf(await makeCertificate(box));
    const pkcs8 = "openssl pkcs8 -topk8 -in valid/key.pem -passout pass:x";
    const encrypted = await madeBy(box, pkcs8);
    const traditional = await madeBy(box, "openssl ec -aes128 -passout pass:x -in valid/key.pem");
    const other = await madeBy(box, "openssl ecparam -name prime256v1 -genkey -noout");
    const otherKind = await madeBy(box, "openssl genrsa 2048");
    const cases: readonly (readonly [change: Partial<typeof good>, message: RegExp])[] = [
      [{ key: other }, /does not belong to the first certificate/],
      [{ key: otherKind }, /does not belong to the first certificate/],
      [{ key: encrypted }, /encrypted.*openssl pkey/],
      [{ key: traditional }, /encrypted.*openssl pkey/],
      [{ key: good.certificate }, /key of --tls-key cannot be read/],
      [{ key: good.key.replace(/.{20}/, "") }, /key of --tls-key cannot be read/],
      [{ certificate: good.key }, /--tls-cert holds no certificate/],
      [{ certificate: good.certificate.replace(/\n.{20}/, "\n") }, /certificate of --tls-cert cannot be read/],
      [{ certificate: await Deno.readTextFile(box.join("valid/authority.pem")) + good.certificate }, /come first/],
    ];
    await using folder = await servedFolder();
    for (const [change, message] of cases) {
      const isRefused = (error: unknown) => error instanceof UsageError && message.test(error.message);
      await assert.rejects(() => folder.start({ tls: { ...good, ...change } }), isRefused, String(message));
    }
    await folder.start({ tls: good });
    assert.deepEqual(folder.problems.filter((problem) => !/open files/.test(problem)), []);
  },
});

programTest({
  name: "TLS: a certificate that expired, or is not valid yet, is told",
  needs: ["openssl"],
  async fn() {
    await using box = await emptySandbox();
    const told: string[] = [];
    const tell = (message: string) => void told.push(message);
    checkTls(await filesOf(await makeCertificate(box, { expired: true })), systemClock.now(), tell);
    const valid = await filesOf(await makeCertificate(box));
    checkTls(valid, systemClock.now(), tell);
    checkTls(valid, new Date(systemClock.now().getTime() - 3 * 86_400_000), tell);
    assert.equal(told.length, 2);
    assert.match(told[0]!, /--tls-cert expired at \d{4}-\d\d-\d\dT[\d:]+Z/);
    assert.match(told[1]!, /not valid before \d{4}-/);
  },
});

programTest({
  name: "TLS: failed handshakes are told with their address and reason, and the server goes on",
  needs: ["openssl"],
  async fn() {
    await using box = await emptySandbox();
    await using folder = await servedFolder();
    await folder.start({ tls: await filesOf(await makeCertificate(box)), patience: { headersMs: 200 } });
    const { port } = folder;
    const told = () => folder.problems.filter((problem) => /handshake/.test(problem));
    const plain = connect(port, "127.0.0.1").on("error", () => {});
    plain.write("GET / HTTP/1.1\r\n\r\n");
    await until(() => told().length === 1);
    const distrusting = connectTls({ port, host: "127.0.0.1" }).on("error", () => {});
    await until(() => told().length === 2);
    const silent = connect(port, "127.0.0.1").on("error", () => {});
    await until(() => told().length === 3);
    for (const problem of told()) assert.match(problem, /^TLS handshake with 127\.0\.0\.1 failed: [^\n]+$/);
    assert.match(told()[2]!, /timeout/);
    for (const socket of [plain, distrusting, silent]) socket.destroy();
    const text = await new Promise<string>((resolve, reject) => {
      let text = "";
      const options = { port, host: "127.0.0.1", rejectUnauthorized: false, allowHalfOpen: true };
      const socket = connectTls(options);
      socket.on("data", (data: Uint8Array) => text += new TextDecoder().decode(data));
      socket.on("error", reject).on("close", () => resolve(text)).on("end", () => socket.destroy());
      socket.end("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    });
    assert.match(text, /^HTTP\/1\.1 200 OK/, "half-closed clients get their answer");
  },
});

Deno.test("of many failed handshakes ten a minute are told, then their number", () => {
  const told: string[] = [];
  let nowMs = 0;
  const handshakes = new FailedHandshakes((message) => void told.push(message), () => nowMs);
  for (let i = 0; i < 25; i++) handshakes.failed("::ffff:192.0.2.1", new Error("no shared cipher"));
  assert.equal(told.length, 10);
  assert.equal(told[0], "TLS handshake with 192.0.2.1 failed: no shared cipher");
  nowMs = 60_000;
  handshakes.failed(undefined, new Error("x (SSL routines:a:b)"));
  assert.deepEqual(told.slice(10), [
    "15 more TLS handshakes failed within a minute",
    "TLS handshake with an unknown address failed: x",
  ]);
});
