/** TLS: whom the client believes, how it proves itself, and what it says where one of the two fails. */
import assert from "node:assert/strict";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { systemClock } from "../../../src/base/clock.ts";
import { DeniedError, StoreError, UsageError } from "../../../src/base/errors.ts";
import type { HttpAnswer, NetworkOptions } from "../../../src/store/http/client.ts";
import { openHttpClient } from "../../../src/store/http/http_client.ts";
import { tlsOptions } from "../../../src/store/http/trust.ts";
import { programTest } from "../../helpers/programs.ts";
import { HttpServer, lengthOf } from "./servers.ts";

/** A certificate and its key (PEM). */
interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** An authority in a folder of its own, made with the openssl program; disposing removes it. */
class Authority implements AsyncDisposable {
  readonly #openssl: string;
  readonly #folder: string;
  certificate = "";

  private constructor(openssl: string, folder: string) {
    this.#openssl = openssl;
    this.#folder = folder;
  }

  static async create(openssl: string): Promise<Authority> {
    const authority = new Authority(openssl, await Deno.makeTempDir());
    await authority.#newKey("authority");
    await authority.#run("req -x509 -key authority.key -out authority.pem -days 2 -subj /CN=Authority");
    authority.certificate = await authority.#read("authority.pem");
    return authority;
  }

  /** A certificate for names as in `DNS:host,IP:127.0.0.1`, valid for so many days from now on; fewer than none: expired. */
  async issue(names: string, days = 2): Promise<Pair> {
    await this.#newKey("leaf");
    await Deno.writeTextFile(join(this.#folder, "names"), `subjectAltName=${names}\n`);
    await this.#run("req -new -key leaf.key -out leaf.csr -subj /CN=leaf");
    const signing = "-CA authority.pem -CAkey authority.key -CAcreateserial -extfile names";
    await this.#run(`x509 -req -in leaf.csr -out leaf.pem -days ${days} ${signing}`);
    return { certificate: await this.#read("leaf.pem"), key: await this.#read("leaf.key") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  #newKey(name: string): Promise<void> {
    return this.#run(`genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${name}.key`);
  }

  async #run(args: string): Promise<void> {
    const command = new Deno.Command(this.#openssl, {
      args: args.split(" "),
      cwd: this.#folder,
      stdout: "null",
      stderr: "piped",
    });
    const { success, stderr } = await command.output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }

  #read(name: string): Promise<string> {
    return Deno.readTextFile(join(this.#folder, name));
  }
}

/** Starts a TLS server that answers with how many bytes came, and calls `use` with its address. */
async function withTlsServer<T>(options: ServerOptions, use: (url: URL) => Promise<T>): Promise<T> {
  const server = createServer(options, async (request, response) => {
    response.end(`${await lengthOf(request)}`);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`));
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

/** Sends three megabytes, then asks for something: the one goes over node:http, the other over `fetch`. */
async function upload(url: URL, network: NetworkOptions): Promise<HttpAnswer> {
  const client = openHttpClient({ ...network, connections: 2, clock: systemClock });
  try {
    const content = [new Uint8Array(new SharedArrayBuffer(1_000_000)), new Uint8Array(2_000_000)];
    const answer = await client.send({ method: "PUT", url, content, mostBytes: 1000 });
    const downloaded = await client.send({ method: "GET", url, mostBytes: 1000 });
    assert.equal(new TextDecoder().decode(downloaded.body), "0");
    return answer;
  } finally {
    await client.close();
  }
}

async function assertTrusted(server: Pair, network: NetworkOptions): Promise<void> {
  const answer = await withTlsServer({ cert: server.certificate, key: server.key }, (url) => upload(url, network));
  assert.equal(new TextDecoder().decode(answer.body), "3000000");
}

async function assertRefused(server: Pair, network: NetworkOptions, message: RegExp): Promise<void> {
  const attempt = withTlsServer({ cert: server.certificate, key: server.key }, (url) => upload(url, network));
  await assert.rejects(attempt, (thrown: unknown) => {
    assert.ok(thrown instanceof StoreError);
    assert.match(thrown.message, message);
    assert.equal(thrown.retryable, false);
    return true;
  });
}

Deno.test("private authorities are believed beside those of the machine", () => {
  const [some] = rootCertificates;
  const { ca: known } = tlsOptions({});
  assert.ok(known.length > 10, `${known.length} authorities`);
  assert.deepEqual(tlsOptions({ caCertificates: [`before\n${some}\nafter`] }).ca, [...known, some]);
});

programTest({
  name: "a server is believed by its authority, its names and its dates, or without question",
  needs: ["openssl"],
  async fn({ openssl }) {
    await using authority = await Authority.create(openssl);
    await using stranger = await Authority.create(openssl);
    const good = await authority.issue("IP:127.0.0.1,DNS:localhost");
    const network = { caCertificates: [`two of them:\n${stranger.certificate}\n${authority.certificate}`] };
    await assertTrusted(good, network);
    await assertTrusted(good, { insecureTls: true });
    await assertRefused(good, {}, /not signed by an authority trusted here; .*--cacert FILE/);
    await assertRefused(good, { caCertificates: [stranger.certificate] }, /--cacert FILE/);
    await assertRefused(await authority.issue("IP:127.0.0.1", -1), network, /has expired/);
    const named = await authority.issue("DNS:backup.example.org,IP:192.0.2.1");
    await assertRefused(named, network, /another name: it is valid for backup\.example\.org, 192\.0\.2\.1/);
  },
});

programTest({
  name: "a client proves itself where it is asked to",
  needs: ["openssl"],
  async fn({ openssl }) {
    await using authority = await Authority.create(openssl);
    const server = await authority.issue("IP:127.0.0.1");
    const clientCertificate = await authority.issue("DNS:client");
    const caCertificates = [authority.certificate];
    const options = { cert: server.certificate, key: server.key, ca: caCertificates, requestCert: true };
    await withTlsServer(options, async (url) => {
      assert.equal((await upload(url, { caCertificates, clientCertificate })).status, 200);
      await assert.rejects(upload(url, { caCertificates }), (thrown: unknown) => {
        return thrown instanceof DeniedError && /client certificate/.test(thrown.message);
      });
    });
  },
});

programTest({
  name: "plain HTTP and TLS are told apart, whichever was expected",
  needs: ["openssl"],
  async fn({ openssl }) {
    await using authority = await Authority.create(openssl);
    const { certificate: cert, key } = await authority.issue("IP:127.0.0.1");
    await withTlsServer({ cert, key }, async (url) => {
      await assert.rejects(upload(new URL(url.href.replace("https", "http")), {}), /write https:/);
    });
    await using plain = await HttpServer.start((_, response) => void response.end());
    await assert.rejects(upload(new URL(plain.url.href.replace("http", "https")), {}), /does not speak TLS.*http:/);
  },
});

programTest({
  name: "certificates and keys that cannot be used are wrong usage, before anything is connected",
  needs: ["openssl"],
  async fn({ openssl }) {
    await using authority = await Authority.create(openssl);
    const { certificate, key } = await authority.issue("DNS:client");
    const other = await authority.issue("DNS:client");
    const damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const wrong: readonly NetworkOptions[] = [
      { caCertificates: ["no certificate"] },
      { caCertificates: [damaged] },
      { clientCertificate: { certificate: damaged, key } },
      { clientCertificate: { certificate, key: "no key" } },
      { clientCertificate: { certificate, key: other.key } },
    ];
    for (const network of wrong) {
      assert.throws(() => openHttpClient({ ...network, connections: 1, clock: systemClock }), UsageError);
    }
  },
});
