/** Downloads over `fetch`, against servers that keep to the rules and servers that do not. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../../src/base/clock.ts";
import { StoreError, TemporaryError } from "../../../src/base/errors.ts";
import type { HttpAnswer, HttpRequest } from "../../../src/store/http/client.ts";
import { download, type DownloadLine } from "../../../src/store/http/download.ts";
import { RateLimiter } from "../../../src/store/http/rate_limit.ts";
import { bytesOf } from "../../conformance/stored_files.ts";
import { HttpServer, RawTcpServer } from "./servers.ts";
import { textOf } from "./requests.ts";

const MOST_BYTES = 1000;
const HEAD = "HTTP/1.1 200 OK\r\n";

/** Asks for `url` over a client of its own; undefined where no answer began. */
async function ask(
  url: URL,
  line: Partial<DownloadLine> = {},
  more: Partial<HttpRequest> = {},
): Promise<HttpAnswer | undefined> {
  using client = Deno.createHttpClient({ http2: false });
  return await download({ method: "GET", url, mostBytes: MOST_BYTES, ...more }, {
    client,
    originOf: ({ origin }) => origin,
    clock: systemClock,
    stallMs: 60_000,
    downloadLimit: undefined,
    ...line,
  });
}

/** What becomes of an answer that is sent as it stands, before the connection ends. */
async function answered(text: string): Promise<HttpAnswer> {
  await using server = await RawTcpServer.answering(text);
  const answer = await ask(server.url);
  assert.ok(answer, "an answer began");
  return answer;
}

Deno.test("bodies of every framing come whole", async () => {
  const whole: Readonly<Record<string, string>> = {
    [`${HEAD}Content-Length: 3\r\n\r\nabc`]: "abc",
    [`${HEAD}Content-Length: 3\r\n\r\nabcdef`]: "abc",
    [`${HEAD}Content-Length: 0\r\n\r\n`]: "",
    [`${HEAD}Connection: close\r\n\r\nabc`]: "abc",
    [`${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n`]: "abc",
    [`${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`]: "",
    [`HTTP/1.1 100 Continue\r\n\r\n${HEAD}Content-Length: 3\r\n\r\nabc`]: "abc",
    ["HTTP/1.0 200 OK\r\n\r\nabc"]: "abc",
    ["HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"]: "abc",
    ["HTTP/1.1 204 No Content\r\n\r\n"]: "",
    ["HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"]: "",
  };
  for (const [text, body] of Object.entries(whole)) {
    const answer = await answered(text);
    assert.equal(textOf(answer.body), body, text);
    assert.equal(answer.body.buffer.byteLength, body.length, "the buffer is the caller's alone");
  }
});

Deno.test("a length beside chunks is passed over, be it too short or too long", async () => {
  for (const length of [2, 5]) {
    const framing = `Content-Length: ${length}\r\nTransfer-Encoding: chunked`;
    assert.equal(textOf((await answered(`${HEAD}${framing}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)).body), "abc");
  }
});

Deno.test("a body that breaks off is told as that, and may be asked for again", async () => {
  const broken = [
    `${HEAD}Content-Length: 5\r\n\r\nabc`,
    `${HEAD}Content-Length: 5\r\n\r\n`,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabc",
  ];
  for (const text of broken) {
    await assert.rejects(answered(text), (thrown: unknown) => {
      assert.ok(thrown instanceof TemporaryError);
      assert.match(thrown.message, /^Cannot reach http:\/\/127\.0\.0\.1:\d+: the connection broke off; try again$/);
      return true;
    });
  }
});

Deno.test("a body longer than expected is refused, announced or not, and its connection ended", async () => {
  const text = "x".repeat(MOST_BYTES + 1);
  const tooLong = [
    `${HEAD}Content-Length: ${2 * text.length}\r\n\r\n${text}`,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n`,
  ];
  for (const answer of tooLong) {
    const ended = Promise.withResolvers<void>();
    await using server = await RawTcpServer.start((socket) => {
      socket.once("data", () => socket.write(answer));
      socket.once("close", () => ended.resolve());
    });
    using client = Deno.createHttpClient({ http2: false });
    await assert.rejects(ask(server.url, { client }), (thrown: unknown) => {
      return thrown instanceof StoreError && !thrown.retryable && /longer than expected/.test(thrown.message);
    });
    await ended.promise;
  }
});

Deno.test("what a server compresses unasked is given as it came", async () => {
  const packed = gzipSync("hello hello hello");
  await using server = await HttpServer.start((request, response) => {
    assert.equal(request.headers["accept-encoding"], "identity");
    response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length }).end(packed);
  });
  assert.deepEqual((await ask(server.url))!.body, new Uint8Array(packed));
});

Deno.test("a redirect is an answer like any other: nobody else sees the credentials", async () => {
  let asked = 0;
  await using other = await HttpServer.start((_, response) => {
    asked++;
    response.end();
  });
  const answer = await answered(`HTTP/1.1 307 Over There\r\nLocation: ${other.url}\r\nContent-Length: 3\r\n\r\nabc`);
  assert.equal(answer.status, 307);
  assert.equal(answer.headers.get("location"), other.url.href);
  assert.equal(textOf(answer.body), "abc");
  assert.equal(asked, 0);
});

Deno.test("where no answer begins nothing is given, so that somebody else may find out why", async () => {
  for (const text of ["", "220 mail.example.org ESMTP\r\n", "HTTP/1.1 200 OK\r\nConte"]) {
    await using server = await RawTcpServer.answering(text);
    assert.equal(await ask(server.url), undefined, text);
  }
  const server = await RawTcpServer.start(() => {});
  const { url } = server;
  await server[Symbol.asyncDispose]();
  assert.equal(await ask(url), undefined);
});

Deno.test("a server that stops before or within its answer is given up", async () => {
  const beginnings = [
    "",
    HEAD,
    `${HEAD}Content-Length: 5\r\n\r\nabc`,
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
  ];
  for (const beginning of beginnings) {
    await using server = await RawTcpServer.start((socket) => socket.once("data", () => socket.write(beginning)));
    await assert.rejects(ask(server.url, { stallMs: 50 }), /^TemporaryError: Nothing came from or went to http:/);
  }
});

Deno.test("an abort rejects with its reason: before, while waiting, within the body, while the rate holds it up", async () => {
  const reason = new Error("stop");
  const answers = ["", `${HEAD}Content-Length: 5\r\n\r\nabc`, `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`];
  for (const answer of answers) {
    const abort = new AbortController();
    await using server = await RawTcpServer.start((socket) => {
      socket.once("data", () => socket.write(answer, () => setTimeout(() => abort.abort(reason), 5)));
    });
    await assert.rejects(ask(server.url, {}, { signal: abort.signal }), reason);
    await assert.rejects(ask(server.url, {}, { signal: abort.signal }), reason, "aborted before it began");
  }
  const abort = new AbortController();
  const sleeping = {
    ...systemClock,
    sleep: (ms: number, signal?: AbortSignal) => {
      if (ms < 60_000) abort.abort(reason);
      return systemClock.sleep(ms, signal);
    },
  };
  await using server = await HttpServer.start((_, response) => void response.end(new Uint8Array(MOST_BYTES)));
  const limit = new RateLimiter(100, sleeping);
  await limit.pass(100);
  const slow = ask(server.url, { clock: sleeping, downloadLimit: limit, stallMs: 60_000 }, { signal: abort.signal });
  await assert.rejects(slow, reason);
});

Deno.test("large bodies come whole in pieces of whatever size", async () => {
  const bytes = bytesOf(3_000_001);
  await using server = await HttpServer.start((request, response) => {
    if (request.url === "/sized") response.setHeader("content-length", bytes.length);
    for (let at = 0; at < bytes.length; at += 77_777) response.write(bytes.subarray(at, at + 77_777));
    response.end();
  });
  for (const path of ["/sized", "/chunked"]) {
    const answer = await ask(new URL(path, server.url), {}, { mostBytes: bytes.length });
    assert.ok(Buffer.from(answer!.body.buffer).equals(bytes), path);
  }
});
