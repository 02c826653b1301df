/** Clients that are malformed, slow, half-open or gone: none leaves anything behind or keeps others from their work. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/base/clock.ts";
import { contentOf, nameOf, type Served, served, until } from "./served.ts";

const CONTENT = contentOf(1);
const PATH = `/r/data/${nameOf(CONTENT)}`;

function head(method: string, path: string, ...lines: string[]): string {
  return [`${method} ${path} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n");
}

async function withRepository(options: Parameters<typeof served>[0] = {}): Promise<Served> {
  const box = await served(options);
  await box.create("r");
  return box;
}

const MALFORMED: readonly (readonly [name: string, text: string, status: RegExp])[] = [
  ["no HTTP", "\x16\x03\x01\x02\r\n\r\n", /^HTTP\/1.1 400/],
  ["a space in the path", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1.1 400/],
  ["headers of 20 KB", head("GET", "/healthz", `X: ${"a".repeat(20_000)}`), /^HTTP\/1.1 431/],
  ["an endless path", `GET /${"a".repeat(200_000)}`, /^HTTP\/1.1 431/],
  ["two lengths", head("POST", PATH, "Content-Length: 3", "Content-Length: 4"), /^HTTP\/1.1 400/],
  ["a length and chunks", head("POST", PATH, "Content-Length: 3", "Transfer-Encoding: chunked"), /^HTTP\/1.1 400/],
  ["a negative length", head("POST", PATH, "Content-Length: -3"), /^HTTP\/1.1 400/],
  ["bad chunks", head("POST", PATH, "Transfer-Encoding: chunked") + "xyz\r\n", /^(HTTP\/1.1 400|$)/],
];

for (const [name, text, status] of MALFORMED) {
  Deno.test(`malformed: ${name} ends the connection, and the server goes on`, async () => {
    await using box = await withRepository();
    using raw = await box.dial();
    raw.send(text);
    assert.match(await raw.closed(), status);
    assert.equal((await box.put("r", CONTENT)).status, 200);
    assert.deepEqual(box.problems, []);
  });
}

Deno.test("an upload that breaks off in the middle leaves nothing", async () => {
  await using box = await withRepository();
  using raw = await box.dial();
  raw.send(head("POST", PATH, "Content-Length: 1000"));
  raw.send(CONTENT.subarray(0, 500));
  await until(async () => (await box.files()).length === 1);
  raw.socket.destroy();
  await until(async () => (await box.files()).length === 0);
  await until(async () => await box.metric('agent_http_requests_total{method="POST",status="499"}') === 1);
  assert.deepEqual(box.problems, []);
});

Deno.test("a client that ends its side before the body is whole leaves nothing", async () => {
  await using box = await withRepository();
  using raw = await box.dial();
  raw.send(head("POST", PATH, "Content-Length: 1000"));
  raw.socket.end(CONTENT.subarray(0, 500));
  await raw.closed();
  await until(async () => (await box.files()).length === 0);
});

Deno.test("a config, which no digest protects, is stored whole or not at all", async () => {
  await using box = await withRepository();
  const cut: readonly (readonly [headers: string, body: string])[] = [
    ["Content-Length: 10", "abc"],
    ["Transfer-Encoding: chunked", "3\r\nabc\r\n"],
    ["Transfer-Encoding: chunked", "5\r\nabc"],
    ["Transfer-Encoding: chunked", "3\r\nabc\r\nzz\r\n"],
  ];
  for (const [headers, body] of cut) {
    using raw = await box.dial();
    raw.socket.end(head("POST", "/r/config", headers) + body);
    assert.doesNotMatch(await raw.closed(), /200 OK/);
    await until(async () => (await box.files()).length === 0);
  }
  assert.equal((await box.request("POST", "/r/config", { body: "whole" })).status, 200);
});

Deno.test("a body that stalls gets 408 and leaves nothing", async () => {
  await using box = await withRepository({ patience: { bodyMs: 60 } });
  using raw = await box.dial();
  raw.send(head("POST", PATH, "Content-Length: 1000"));
  raw.send(CONTENT.subarray(0, 500));
  assert.match(await raw.closed(), /^HTTP\/1.1 408/);
  await until(async () => (await box.files()).length === 0);
  assert.equal(await box.metric('agent_http_requests_total{method="POST",status="408"}'), 1);
});

Deno.test("headers that do not end, and a connection that says nothing, are ended", async () => {
  await using box = await withRepository({ patience: { headersMs: 500 } });
  using silent = await box.dial();
  using slow = await box.dial();
  slow.send("GET /healthz HTTP/1.1\r\nHost");
  assert.match(await slow.closed(), /^HTTP\/1.1 408/);
  await silent.closed();
});

Deno.test("a kept connection without requests is ended", async () => {
  await using box = await withRepository({ patience: { idleMs: 500 } });
  using raw = await box.dial();
  raw.send(head("GET", "/healthz"));
  assert.match(await raw.closed(), /200 OK[^]*ok\n$/);
});

Deno.test("a client that does not take its answer is cut off", async () => {
  await using box = await withRepository({ patience: { readerMs: 80 } });
  const { path } = await box.put("r", contentOf(5, 24 << 20));
  using raw = await box.dial();
  raw.socket.pause();
  raw.send(head("GET", path));
  await until(async () => await box.metric('agent_http_requests_total{method="GET",status="499"}') === 1);
  const sent = await box.metric("agent_http_sent_bytes_total");
  assert.ok(sent! < 20 << 20, `${sent} bytes were read for a client that takes none`);
});

Deno.test("a refused upload of any size tells why; a small rest keeps the connection", async () => {
  await using box = await withRepository({ patience: { lingerMs: 60_000 } });
  using small = await box.dial();
  small.send(head("POST", `/nowhere/data/${nameOf(CONTENT)}`, "Content-Length: 1000"));
  await small.answers(1);
  small.send(CONTENT);
  small.send(head("GET", "/healthz"));
  assert.match(await small.answers(2), /^HTTP\/1.1 404[^]*HTTP\/1.1 200/);
  await using impatient = await withRepository({ patience: { lingerMs: 100 } });
  using large = await impatient.dial();
  large.send(head("POST", `/nowhere/data/${nameOf(CONTENT)}`, "Content-Length: 100000000"));
  assert.match(await large.closed(), /^HTTP\/1.1 404[^]*connection: close/i);
});

Deno.test("a refused body that trickles in does not hold its connection", async () => {
  await using box = await withRepository({ patience: { lingerMs: 60 } });
  using raw = await box.dial();
  raw.send(head("POST", `/nowhere/data/${nameOf(CONTENT)}`, "Content-Length: 1000"));
  await raw.answers(1);
  for (let sent = 0; sent < 900 && !raw.socket.destroyed; sent++) {
    raw.send("x");
    await systemClock.sleep(5);
  }
  assert.ok(raw.socket.destroyed);
});

Deno.test("what cannot be read after a request does not get into its answer", async () => {
  await using box = await withRepository();
  const { path } = await box.put("r", contentOf(5, 24 << 20));
  using raw = await box.dial();
  raw.socket.pause();
  raw.send(`${head("GET", path)}\x16\x03 no request\r\n\r\n`);
  raw.socket.resume();
  assert.ok((await raw.closed()).length > 24 << 20);
  assert.doesNotMatch(await raw.closed(), /HTTP\/1\.1 400/);
});

Deno.test("a body is only asked for when it is wanted", async () => {
  await using box = await withRepository();
  using wanted = await box.dial();
  wanted.send(head("POST", PATH, "Content-Length: 1000", "Expect: 100-continue"));
  assert.match(await wanted.answers(1), /^HTTP\/1.1 100/);
  wanted.send(CONTENT);
  assert.match(await wanted.answers(2), /HTTP\/1.1 200/);
  using refused = await box.dial();
  refused.send(head("POST", `/nowhere/data/${nameOf(CONTENT)}`, "Content-Length: 1000", "Expect: 100-continue"));
  assert.match(await refused.answers(1), /^HTTP\/1.1 404/);
});

Deno.test("requests sent ahead are answered in their order, one at a time", async () => {
  await using box = await withRepository();
  using raw = await box.dial();
  raw.send(head("POST", PATH, "Content-Length: 1000"));
  raw.send(CONTENT);
  raw.send(head("HEAD", PATH) + head("DELETE", PATH) + head("HEAD", PATH));
  const statuses = [...(await raw.answers(4)).matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]);
  assert.deepEqual(statuses, ["200", "200", "200", "404"]);
});

Deno.test("a flood of requests sent ahead is cut off", async () => {
  await using box = await withRepository();
  using raw = await box.dial();
  raw.send(head("POST", PATH, "Content-Length: 1000"));
  raw.send(CONTENT);
  raw.send(head("GET", "/healthz").repeat(500));
  await raw.closed();
  await until(async () => await box.metric("agent_requests_in_flight") === 1);
});

Deno.test("connections beyond the limit push out the one that is idle for the longest time", async () => {
  await using box = await withRepository({ patience: { mostConnections: 3 } });
  using first = await box.dial();
  using second = await box.dial();
  using third = await box.dial();
  assert.equal((await box.request("GET", "/healthz")).status, 200);
  assert.equal(await first.closed(), "");
  third.send(head("GET", "/healthz"));
  await third.answers(1);
  second.socket.destroy();
});

Deno.test("two thousand idle connections keep nobody from storing", async () => {
  await using box = await withRepository();
  const idle = [];
  for (let i = 0; i < 20; i++) idle.push(...await Promise.all(Array.from({ length: 100 }, () => box.dial())));
  assert.equal((await box.put("r", CONTENT)).status, 200);
  const connections = await box.metric("agent_idle_connections");
  assert.ok(connections !== undefined && connections >= 2000, String(connections));
  for (const raw of idle) raw.socket.destroy();
  await until(async () => (await box.metric("agent_connections"))! < 10);
});

Deno.test("a stop lets the requests under way end, and cuts those that do not", async () => {
  await using box = await withRepository();
  using finishing = await box.dial();
  using stuck = await box.dial();
  using idle = await box.dial();
  const other = contentOf(2);
  for (const [raw, content] of [[finishing, CONTENT], [stuck, other]] as const) {
    raw.send(head("POST", `/r/data/${nameOf(content)}`, "Content-Length: 1000"));
    raw.send(content.subarray(0, 500));
  }
  await until(async () => (await box.files()).length === 2);
  const stopped = box.stop(3000);
  await idle.closed();
  finishing.send(CONTENT.subarray(500));
  assert.match(await finishing.closed(), /^HTTP\/1.1 200[^]*connection: close/i);
  await stopped;
  assert.equal(await stuck.closed(), "");
  assert.deepEqual((await box.files()).map((path) => path.split("/").at(-1)), [nameOf(CONTENT)]);
});

Deno.test("a failure of the disk answers 500, without a path of this machine, and is told to the operator", async () => {
  await using box = await withRepository();
  await Deno.chmod(`${box.folder}/r/index`, 0o700);
  await Deno.remove(`${box.folder}/r/index`);
  await Deno.writeTextFile(`${box.folder}/r/index`, "a file where a folder should be");
  const answer = await box.request("POST", `/r/index/${nameOf(CONTENT)}`, { body: CONTENT });
  assert.equal(answer.status, 500);
  assert.ok(!answer.text.includes(box.folder), answer.text);
  assert.equal(box.problems.length, 1);
  assert.match(box.problems[0]!, /^POST \/r\/index\/[0-9a-f]+ failed: Cannot /);
  assert.equal(await box.metric("agent_errors_total"), 1);
});
