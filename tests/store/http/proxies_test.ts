/** Proxies: what goes over them, whichever way it goes, and what is no proxy. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { systemClock } from "../../../src/base/clock.ts";
import { UsageError } from "../../../src/base/errors.ts";
import type { HttpRequest, Proxies } from "../../../src/store/http/client.ts";
import { openHttpClient } from "../../../src/store/http/http_client.ts";
import { proxyVariables } from "../../../src/store/http/proxies.ts";
import { HttpServer } from "./servers.ts";

const METHODS = ["GET", "GET", "POST"] as const;

/** Runs `use` with the address of a proxy, and with what it was asked; it lets nobody through. */
async function withProxy(use: (host: string, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const note = ({ method, url, headers }: IncomingMessage) =>
    asked.push(`${method} ${url} ${headers["proxy-authorization"] ?? "-"}`);
  const server = createServer((request, response) => {
    note(request);
    response.end("proxied");
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    note(request);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

/** Sends requests of all methods to `url`, one after the other; gives what came back, or why nothing did. */
async function ask(url: string, proxies: Proxies): Promise<string[]> {
  const client = openHttpClient({ proxies, connections: 1, clock: systemClock });
  const answers: string[] = [];
  try {
    for (const method of METHODS) {
      const request: HttpRequest = { method, url: new URL(url), mostBytes: 100 };
      const sent = client.send(request).then(({ body }) => new TextDecoder().decode(body));
      answers.push(await sent.catch((thrown: unknown) => `${thrown}`));
    }
    return answers;
  } finally {
    await client.close();
  }
}

Deno.test("every request goes over the proxy, with the proxy's own credentials", async () => {
  await withProxy(async (host, asked) => {
    const url = "http://backup.example.org/repo/";
    assert.deepEqual(await ask(url, { http: `http://user:secret@${host}` }), METHODS.map(() => "proxied"));
    assert.deepEqual(asked, METHODS.map((method) => `${method} ${url} Basic ${btoa("user:secret")}`));
  });
});

Deno.test("a proxy that refuses a server with TLS is told without its password", async () => {
  await withProxy(async (host, asked) => {
    for (const answer of await ask("https://backup.example.org/repo/", { https: `http://user:secret@${host}` })) {
      assert.match(answer, /^TemporaryError: Cannot reach https:\/\/backup\.example\.org: .*403/);
      assert.doesNotMatch(answer, /secret/);
    }
    const line = `CONNECT backup.example.org:443 Basic ${btoa("user:secret")}`;
    assert.deepEqual(asked, METHODS.map(() => line));
  });
});

Deno.test("this machine, exceptions and the other scheme are reached directly", async () => {
  await using server = await HttpServer.start((_, response) => void response.end("direct"));
  const direct = METHODS.map(() => "direct");
  await withProxy(async (host, asked) => {
    assert.deepEqual(await ask(server.url.href, { http: host }), direct);
    assert.deepEqual(await ask(server.url.href.replace("127.0.0.1", "localhost"), { http: host }), direct);
    assert.deepEqual(await ask(server.url.href, { https: host }), direct);
    const [answer] = await ask("http://store.example.invalid/", { http: host, except: "other.org,.example.invalid" });
    assert.match(answer!, /there is no host of that name/);
    assert.deepEqual(asked, []);
  });
});

Deno.test("what is no proxy is wrong usage, and stays out of the message", () => {
  for (const proxy of ["socks5://user:secret@host:1080", "http://user:secret@:80", "http://user:secret@host:port"]) {
    for (const proxies of [{ http: proxy }, { https: proxy }]) {
      assert.throws(() => proxyVariables(proxies), (thrown: unknown) => {
        return thrown instanceof UsageError && !thrown.message.includes("secret") && thrown.message.includes("unset");
      });
    }
  }
});
