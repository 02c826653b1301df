/** What the HTTP client makes of answers: of any status and framing, too early, too long, broken off, or no HTTP. */
import assert from "node:assert/strict";
import { StoreError, TemporaryError } from "../../../src/base/errors.ts";
import { HttpServer, RawTcpServer } from "./servers.ts";
import { get, MIB, put, textOf, withClient } from "./requests.ts";

Deno.test("any status is an answer, with its headers and body; its buffer is the caller's alone", async () => {
  await using server = await HttpServer.start((_, response) => {
    response.writeHead(418, { "X-Kind": "pot", "content-length": 3 }).end("tea");
  });
  await withClient(async (client) => {
    const answer = await client.send(get(server.url));
    assert.equal(answer.status, 418);
    assert.equal(answer.headers.get("x-kind"), "pot");
    assert.equal(textOf(answer.body), "tea");
    assert.equal(answer.body.buffer.byteLength, 3);
  });
});

Deno.test("a known server that answers something else one day is told from trouble that passes", async () => {
  const answers = ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "220 mail.example.org ESMTP\r\n"];
  let connections = 0;
  await using server = await RawTcpServer.start((socket) => {
    const answer = answers[Math.min(connections++, 1)]!;
    socket.once("data", () => socket.end(answer));
  });
  await withClient(async (client) => {
    assert.equal(textOf((await client.send(get(server.url))).body), "abc");
    await assert.rejects(client.send(get(server.url)), /does not answer in HTTP/);
  });
});

Deno.test("a refusal in the middle of an upload is heard, even where the server reads no more and closes", async () => {
  const refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull";
  await using server = await RawTcpServer.start((socket) => {
    socket.once("data", () => {
      socket.pause();
      socket.end(refusal);
    });
  });
  const parts = Array.from({ length: 40 }, () => new Uint8Array(MIB));
  await withClient(async (client) => {
    for (let i = 0; i < 5; i++) {
      const answer = await client.send(put(server.url, parts));
      assert.equal(answer.status, 413);
      assert.equal(textOf(answer.body), "full");
    }
  });
});

Deno.test("success that is told before everything was sent is no success", async () => {
  await using server = await RawTcpServer.start((socket) => {
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", () => socket.destroy()));
  });
  const parts = Array.from({ length: 40 }, () => new Uint8Array(MIB));
  await withClient(async (client) => {
    await assert.rejects(client.send(put(server.url, parts)), TemporaryError);
  });
});

Deno.test("answers of every framing come whole or not at all", async () => {
  const whole: Readonly<Record<string, string>> = {
    "Content-Length: 3\r\n\r\nabc": "abc",
    "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n": "abc",
    "Connection: close\r\n\r\nabc": "abc",
    "Content-Length: 0\r\n\r\n": "",
  };
  const broken = ["Content-Length: 5\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "Content-Le"];
  await withClient(async (client) => {
    for (const [rest, text] of Object.entries(whole)) {
      await using server = await RawTcpServer.answering(`HTTP/1.1 200 OK\r\n${rest}`);
      assert.equal(textOf((await client.send(get(server.url))).body), text, rest);
    }
    for (const rest of broken) {
      await using server = await RawTcpServer.answering(`HTTP/1.1 200 OK\r\n${rest}`);
      await assert.rejects(client.send(get(server.url)), TemporaryError, rest);
    }
  });
});

Deno.test("answers without a body may announce the length of one", async () => {
  await withClient(async (client) => {
    await using head = await RawTcpServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    const answer = await client.send({ method: "HEAD", url: head.url, mostBytes: 10 });
    assert.equal(answer.headers.get("content-length"), "5000");
    assert.equal(answer.body.length, 0);
    await using unchanged = await RawTcpServer.answering("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    assert.equal((await client.send(get(unchanged.url))).status, 304);
  });
});

Deno.test("answers longer than expected are refused, announced or not", async () => {
  const text = "x".repeat(11);
  await withClient(async (client) => {
    for (
      const rest of [`Content-Length: 11\r\n\r\n${text}`, `Transfer-Encoding: chunked\r\n\r\nb\r\n${text}\r\n0\r\n\r\n`]
    ) {
      await using server = await RawTcpServer.answering(`HTTP/1.1 200 OK\r\n${rest}`);
      await assert.rejects(client.send(get(server.url, { mostBytes: 10 })), /longer than expected/);
    }
  });
});

Deno.test("what is not HTTP is told from trouble that passes", async () => {
  await withClient(async (client) => {
    await using server = await RawTcpServer.answering("220 mail.example.org ESMTP\r\n");
    await assert.rejects(client.send(get(server.url)), (thrown: unknown) => {
      return thrown instanceof StoreError && !thrown.retryable && /does not answer in HTTP/.test(thrown.message);
    });
  });
});

Deno.test("a TLS server that answers plain HTTP with words of its own is recognised", async () => {
  const text = "Client sent an HTTP request to an HTTPS server.\n";
  await withClient(async (client) => {
    await using server = await RawTcpServer.answering(`HTTP/1.0 400 Bad Request\r\n\r\n${text}`);
    await assert.rejects(client.send(get(server.url)), /expects TLS; write https:/);
    await using other = await RawTcpServer.answering("HTTP/1.0 400 Bad Request\r\n\r\nno");
    assert.equal((await client.send(get(other.url))).status, 400);
  });
});
