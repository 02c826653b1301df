/** Where a server listens: addresses, unix sockets, TLS. */
import assert from "node:assert/strict";
import { createServer, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import {
  handedSockets,
  isLocalAddress,
  parseListenAddress,
  parseListenAddresses,
} from "../../../src/server/connection/listener.ts";
import { programTest } from "../../helpers/programs.ts";
import { servedFolder } from "../served.ts";

Deno.test("addresses are read, and what is none is refused", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:8000"), { kind: "tcp", host: "127.0.0.1", port: 8000 });
  assert.deepEqual(parseListenAddress(":8000"), { kind: "tcp", host: "", port: 8000 });
  assert.deepEqual(parseListenAddress("[::1]:0"), { kind: "tcp", host: "::1", port: 0 });
  assert.deepEqual(parseListenAddress("backup.example.org:80"), { kind: "tcp", host: "backup.example.org", port: 80 });
  assert.deepEqual(parseListenAddress("unix:/run/a:b.sock"), { kind: "unix", path: "/run/a:b.sock" });
  for (const text of ["", "8000", "host", "::1:80", "h:65536", "h:-1", "h:80x", "unix:", "http://h:80", "[h]:80"]) {
    assert.throws(() => parseListenAddress(text), UsageError, text);
  }
});

Deno.test("addresses of this machine alone are told from others", () => {
  for (const text of ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "[0:0:0:0:0:0:0:1]:1", "unix:/a"]) {
    assert.equal(isLocalAddress(parseListenAddress(text)), true, text);
  }
  for (
    const text of [
      ":1",
      "0.0.0.0:1",
      "[::]:1",
      "128.0.0.1:1",
      "localhost.example.org:1",
      "127.0.0.1.example.org:1",
      "[::11]:1",
    ]
  ) {
    assert.equal(isLocalAddress(parseListenAddress(text)), false, text);
  }
});

Deno.test("a socket counts as handed over only to the process that it is for", () => {
  const descriptor = (descriptor: number) => ({ kind: "descriptor", descriptor }) as const;
  assert.deepEqual(handedSockets({ fds: "1", pid: "7" }, 7), [descriptor(3)]);
  assert.deepEqual(handedSockets({ fds: "2", pid: "7" }, 7), [descriptor(3), descriptor(4)]);
  assert.deepEqual(handedSockets({ fds: "1", pid: "8" }, 7), []);
  assert.deepEqual(handedSockets({ fds: undefined, pid: undefined }, 7), []);
  for (const fds of ["0", "", "-1", "x"]) assert.throws(() => handedSockets({ fds, pid: "7" }, 7), UsageError, fds);
});

Deno.test("of several addresses none takes the port of another", () => {
  const apart = [
    ["127.0.0.1:8000", "[::1]:8000"],
    ["10.0.0.1:8000", "10.0.0.2:8000", "unix:/a"],
    [":8000", ":8001"],
    ["127.0.0.1:0", "127.0.0.1:0"],
    ["0.0.0.0:8000", "[::1]:8000"],
  ];
  for (const texts of apart) assert.equal(parseListenAddresses(texts).length, texts.length, String(texts));
  const together = [
    [":8000", "127.0.0.1:8000"],
    ["0.0.0.0:8000", "[::]:8000"],
    ["10.0.0.1:8000", "0.0.0.0:8000"],
    ["127.0.0.1:8000", "127.0.0.1:8000"],
    ["unix:/a", "unix:/a"],
  ];
  for (const texts of together) assert.throws(() => parseListenAddresses(texts), /takes all that/, String(texts));
});

Deno.test("a server on several addresses serves one store on each, or on none", async () => {
  await using box = await servedFolder();
  const path = `${box.folder}/agent.sock`;
  const free = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
  await box.start({ listen: [free, { kind: "unix", path }, free] });
  assert.equal(box.server.places.length, 3);
  await box.create("r");
  assert.equal(await statusOver(path), 200);
  const { url } = box.server.places[2]!;
  assert.equal(await (await fetch(new URL("r/data/", url))).text(), "[]");
  const taken = { ...free, port: box.port };
  await using other = await servedFolder();
  const unix = { kind: "unix", path: `${other.folder}/agent.sock` } as const;
  await assert.rejects(() => other.start({ listen: [unix, taken] }), /another program listens there/);
  await assert.rejects(() => Deno.stat(unix.path), Deno.errors.NotFound);
});

function statusOver(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpRequest({ socketPath, path: "/healthz", agent: false }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode));
    }).on("error", reject).end();
  });
}

Deno.test("a unix socket: the owner and the group connect, a stale one is replaced, a living one and a file are not", async () => {
  await using box = await servedFolder();
  await using other = await servedFolder();
  const path = `${box.folder}/agent.sock`;
  const listen = [{ kind: "unix", path }] as const;
  await box.start({ listen });
  assert.equal(box.server.address, `unix:${path}`);
  assert.equal(await statusOver(path), 200);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o660);
  await assert.rejects(
    () => other.start({ listen }),
    (error) => error instanceof AgentError && /another server does/.test(error.message),
  );
  await box.stop();
  await assert.rejects(() => Deno.stat(path), Deno.errors.NotFound);
  await leaveStaleSocket(path);
  await box.start({ listen });
  assert.equal(await statusOver(path), 200);
  await box.stop();
  await Deno.writeTextFile(path, "a file");
  await assert.rejects(
    () => box.start({ listen }),
    (error) => error instanceof AgentError && /is no socket/.test(error.message),
  );
});

/** A socket in the filesystem that nobody listens on: its name outlives a rename around the closing. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await Deno.rename(path, `${path}.kept`);
  await new Promise((resolve) => server.close(resolve));
  await Deno.rename(`${path}.kept`, path);
}

programTest({
  name: "TLS: version 1.2 and later, with the certificate given",
  needs: ["openssl"],
  async fn({ openssl }) {
    await using box = await servedFolder();
    const [key, certificate] = [`${box.folder}/key.pem`, `${box.folder}/cert.pem`];
    const args = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-keyout",
      key,
    ];
    const names = ["-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = await new Deno.Command(openssl, { args: [...args, ...names], stderr: "null" }).output();
    assert.ok(made.success);
    const tls = { certificate: await Deno.readTextFile(certificate), key: await Deno.readTextFile(key) };
    await box.start({ tls });
    assert.match(box.server.url, /^https:\/\/127\.0\.0\.1:\d+\/$/);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: box.port,
        servername: "localhost",
        path: "/healthz",
        ca: tls.certificate,
      };
      httpsRequest(
        { ...options, agent: false },
        (answer) => answer.resume().on("end", () => resolve(answer.statusCode)),
      )
        .on("error", reject).end();
    });
    assert.equal(status, 200);
    using plain = await box.dial();
    plain.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.doesNotMatch(await plain.closed(), /200 OK/);
    using atTheEnd = await box.dial();
    await box.stop();
    await atTheEnd.closed();
    await box.start({ tls, patience: { headersMs: 500 } });
    using silent = await box.dial();
    await silent.closed();
  },
});
