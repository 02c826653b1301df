/** Clients that want to be misunderstood, or want it all: requests of two meanings, and connections without end. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { contentOf, nameOf, type RawConnection, type Served, served, until } from "./served.ts";

const CONTENT = contentOf(1);
const OTHER = contentOf(2, 3);
const PATH = `/r/data/${nameOf(CONTENT)}`;
const UPLOAD = `POST /r/data/${nameOf(OTHER)} HTTP/1.1\r\nHost: a\r\n`;

/** A server with a repository `r` that has one pack. */
async function withPack(options: Parameters<typeof served>[0] = {}): Promise<Served> {
  const box = await served(options);
  await box.create("r");
  assert.equal((await box.put("r", CONTENT)).status, 200);
  return box;
}

function get(target: string, ...lines: string[]): string {
  return ["GET " + target + " HTTP/1.1", ...lines, "", ""].join("\r\n");
}

const CHUNKS = `${UPLOAD}Transfer-Encoding: chunked\r\n\r\n`;

const REFUSED: readonly (readonly [name: string, text: string, status: number])[] = [
  ["two hosts", get("/healthz", "Host: a", "Host: b"), 400],
  ["two equal hosts", get("/healthz", "Host: a", "host: a"), 400],
  ["a second host behind thousands of headers", get("/healthz", "Host: a", ...Array(3000).fill("X:"), "Host: b"), 400],
  ["no host", get("/healthz", "X: y"), 400],
  ["a host with a space", get("/healthz", "Host: a b"), 400],
  ["a host with a path", get("/healthz", "Host: a/b"), 400],
  ["no version", "GET /healthz\r\n\r\n", 505],
  ["a later version", "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505],
  ["chunks without end", `${CHUNKS}xyz\r\n`, 400],
  ["a chunk that is longer than it says", `${CHUNKS}3\r\nabcX\r\n`, 400],
  ["a chunk of a negative length", `${CHUNKS}-1\r\nabc\r\n0\r\n\r\n`, 400],
  ["a chunk of a length in another notation", `${CHUNKS}0x3\r\nabc\r\n0\r\n\r\n`, 400],
  ["chunks between bare line feeds", `${CHUNKS}3\nabc\n0\n\n`, 400],
  ["a chunk beyond all numbers", `${CHUNKS}FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n`, 400],
  ["another coding", `${UPLOAD}Transfer-Encoding: gzip\r\n\r\nabc`, 501],
  ["another coding before chunks", `${UPLOAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
  ["a coding that is called nearly so", `${UPLOAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
  ["chunks twice", `${UPLOAD}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 400],
  ["a space before the colon", `${UPLOAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
  ["chunks in an old version", CHUNKS.replace("HTTP/1.1", "HTTP/1.0") + "0\r\n\r\n", 400],
  ["two equal lengths", `${UPLOAD}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 400],
  ["a list of lengths", `${UPLOAD}Content-Length: 3, 3\r\n\r\nabc`, 400],
  ["a length with a sign", `${UPLOAD}Content-Length: +3\r\n\r\nabc`, 400],
  ["a length beyond all numbers", `${UPLOAD}Content-Length: 99999999999999999999\r\n\r\nabc`, 400],
  ["a folded header", get("/healthz", "Host: a", "X: y", " z"), 400],
  ["a header with a bare line feed", get("/healthz", "Host: a\nX: y"), 400],
  ["a header with a zero byte", get("/healthz", "Host: a", "X: \0"), 400],
  ["a tunnel", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405],
  ["a method of nobody", "FROB /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400],
];

for (const [name, text, status] of REFUSED) {
  Deno.test(`refused: ${name} gets ${status}, and nothing that follows is done`, async () => {
    await using box = await withPack({ patience: { lingerMs: 60 } });
    using raw = await box.dial();
    raw.send(`${text}DELETE ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await raw.closed();
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(answer, /connection: close/i);
    assert.equal(answer.match(/HTTP\/1\.1 /g)!.length, 1);
    // The file of an upload that broke off is removed beside the answer, so it may outlast the connection.
    await until(async () => (await box.files()).length === 1);
    assert.deepEqual(box.problems, []);
  });
}

Deno.test("a URL in absolute form is as good as its path", async () => {
  await using box = await withPack();
  using raw = await box.dial();
  raw.send(get(`http://backup.example:8000${PATH}`, "Host: backup.example:8000", "Connection: close"));
  assert.match(await raw.closed(), /^HTTP\/1\.1 200 OK[^]*content-length: 1000/i);
});

Deno.test("a client that ends its side after a request gets its answer", async () => {
  await using box = await withPack();
  using reader = await box.dial();
  reader.socket.end(get(PATH, "Host: a"));
  assert.match(await reader.closed(), /^HTTP\/1\.1 200 OK[^]*content-length: 1000/i);
  using writer = await box.dial();
  writer.send(`${UPLOAD}Content-Length: 3\r\n\r\n`);
  writer.socket.end(OTHER);
  assert.match(await writer.closed(), /^HTTP\/1\.1 200 OK/);
  assert.equal((await box.files()).length, 2);
});

Deno.test("what cannot be read behind a whole request does not take its answer away", async () => {
  await using box = await withPack();
  using raw = await box.dial();
  raw.send(`${get(PATH, "Host: a")}\x16\x03\r\n\r\n`);
  const answer = await raw.closed();
  assert.match(answer, /^HTTP\/1\.1 200 OK[^]*connection: close/i);
  assert.equal(answer.match(/HTTP\/1\.1 /g)!.length, 1);
});

Deno.test("no answer may be kept by a cache", async () => {
  await using box = await withPack();
  for (
    const path of ["/r/data/", "/r/locks/", "/r/config", PATH, "/nothing", "/r/keys/" + "0".repeat(64), "/metrics"]
  ) {
    assert.equal((await box.request("GET", path)).headers["cache-control"], "no-store", path);
    assert.equal((await box.request("HEAD", path)).headers["cache-control"], "no-store", path);
  }
});

Deno.test("a client with all connections makes way for another, even where none of them is idle", async () => {
  await using box = await withPack({ patience: { mostConnections: 4 } });
  const stalled: RawConnection[] = [];
  for (let i = 0; i < 4; i++) {
    const raw = await box.dial("127.0.0.2");
    raw.send(`POST /r/data/${nameOf(contentOf(10 + i))} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx`);
    stalled.push(raw);
  }
  await until(async () => (await box.files()).length === 5);
  assert.equal((await box.request("GET", PATH)).status, 200);
  await stalled[0]!.closed();
  assert.equal((await box.put("r", contentOf(3))).status, 200);
  for (const raw of stalled) raw.socket.destroy();
});

Deno.test("a file that is removed while it is read comes whole", async () => {
  await using box = await withPack();
  const content = contentOf(5, 24 << 20);
  const { path } = await box.put("r", content);
  using raw = await box.dial();
  raw.socket.pause();
  raw.send(get(path, "Host: a", "Connection: close"));
  await until(async () => await box.metric("agent_requests_in_flight") === 2);
  assert.equal((await box.request("DELETE", path)).status, 200);
  raw.socket.resume();
  assert.ok((await raw.closed()).length > content.length);
});

/** Pieces that requests are made of, and some that they are not. */
const PIECES = [
  ...[
    "GET ",
    "POST ",
    "DELETE ",
    "HEAD ",
    "OPTIONS ",
    "BREW ",
    "\x16\x03\x01",
    "\0",
    " ",
    "\r\n",
    "\n",
    "\r\n\r\n",
    "\xff",
  ],
  ...[
    "/r/",
    "/",
    "/r/data/",
    "/r/config",
    "/../",
    "%2e%2e/",
    "%00",
    "http://a",
    PATH,
    `/r/locks/${"0".repeat(64)}`,
    "?create=true",
  ],
  ...[" HTTP/1.1\r\n", " HTTP/1.0\r\n", "Host: a\r\n", "Content-Length: 3\r\n", "Content-Length: 10000000000\r\n"],
  ...["Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Connection: close\r\n", "Range: bytes=-1\r\n"],
  ...["3\r\nabc\r\n", "0\r\n\r\n", "abc", "Authorization: Basic YTpi\r\n", "Upgrade: h2c\r\n", "a".repeat(5000)],
];

Deno.test("whatever comes, the server goes on and stays in its folder", async () => {
  await using box = await withPack();
  await box.stop();
  await box.start({ patience: { lingerMs: 20, bodyMs: 20, headersMs: 60, idleMs: 30 } });
  const start = ["GET ", "POST ", "DELETE ", "HEAD "];
  const text = fc.tuple(
    fc.constantFrom(...start, ""),
    fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }),
    fc.boolean(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 20, maxLength: 20 }), async (texts) => {
      await Promise.all(texts.map(async ([method, pieces, endsItsSide]) => {
        using raw = await box.dial();
        const bytes = Uint8Array.from(`${method}${pieces.join("")}`, (character) => character.charCodeAt(0));
        if (endsItsSide) raw.socket.end(bytes);
        else raw.send(bytes);
        await raw.closed();
      }));
      // On a busy machine a request may take longer than the server is patient.
      await until(() => box.request("GET", "/healthz").then(({ status }) => status === 200, () => false));
    }),
    { seed: 10, numRuns: 15 },
  );
  assert.deepEqual(box.problems, []);
  await until(async () => await box.metric("agent_requests_in_flight") === 1);
  const expected = /^(r\/)?(config|data\/[0-9a-f]{2}\/[0-9a-f]{64})$/;
  await until(async () => (await box.files()).every((path) => expected.test(path)));
});
