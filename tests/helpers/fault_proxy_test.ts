import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { type FaultProxy, startFaultProxy } from "./fault_proxy.ts";
import {
  everyNthRequest,
  LOGIN_PAGE,
  LOGIN_REDIRECT,
  type NetworkFault,
  type NetworkPlan,
  requestsFrom,
  to,
} from "./network_faults.ts";
import { noise } from "./world.ts";

/** A request that the server received; a broken upload has the bytes that arrived. */
interface Received {
  readonly path: string;
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

/** A server that records all requests, and answers every path with `content`. */
async function recordingServer(content: Uint8Array) {
  const received: Received[] = [];
  const { promise: firstPiece, resolve: gotFirstPiece } = Promise.withResolvers<void>();
  const { promise: first, resolve: gotFirst } = Promise.withResolvers<Received>();
  const server = createServer(async (incoming, outgoing) => {
    const pieces: Uint8Array[] = [];
    const isWhole = await (async () => {
      for await (const piece of incoming) {
        pieces.push(piece);
        gotFirstPiece();
      }
    })().then(() => true, () => false);
    received.push({ path: incoming.url!, bytes: Buffer.concat(pieces), isWhole });
    gotFirst(received[0]!);
    outgoing.writeHead(200, { "content-length": content.length });
    outgoing.end(incoming.method === "HEAD" ? undefined : content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    received,
    /** Resolves when a part of an upload is there. */
    firstPiece,
    /** The first request, once it is over. */
    first: () => first,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** How a request ended for the client. */
interface Ending {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  /** Why it broke off; undefined if it did not. */
  readonly error?: string;
}

/** When a client gives up, and what it does with each piece of the answer. */
interface Patience {
  readonly giveUp?: AbortSignal;
  readonly onData?: (piece: Uint8Array) => void;
}

/** Sends one request over its own connection. */
async function send(url: string, method: string, content?: Uint8Array, patience: Patience = {}): Promise<Ending> {
  const agent = new Agent({ keepAlive: false });
  const pieces: Uint8Array[] = [];
  const ending = await new Promise<Ending>((resolve) => {
    const length = content === undefined ? {} : { "content-length": content.length };
    const outgoing = request(url, { method, headers: length, agent });
    patience.giveUp?.addEventListener("abort", () => outgoing.destroy());
    const end = (rest: Omit<Ending, "body">) => resolve({ ...rest, body: Buffer.concat(pieces) });
    outgoing.on("error", (error: Error & { code?: string }) => end({ error: error.code ?? error.message }));
    outgoing.on("response", (answer) => {
      const { statusCode: status, headers } = answer;
      const told = { status: status!, headers };
      answer.on("data", (piece: Uint8Array) => {
        pieces.push(piece);
        patience.onData?.(piece);
      });
      answer.on("error", (error: Error & { code?: string }) => end({ ...told, error: error.code ?? error.message }));
      answer.on("end", () => end(told));
    });
    outgoing.end(content);
  });
  agent.destroy();
  return ending;
}

const CONTENT = noise(300_000, "content");
const UPLOAD = noise(1_000_000, "upload");

type RecordingServer = Awaited<ReturnType<typeof recordingServer>>;

/** Registers a test with a recording server behind a proxy with that plan. */
function proxyTest(
  name: string,
  plan: NetworkPlan | NetworkFault,
  fn: (proxy: FaultProxy, server: RecordingServer) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using server = await recordingServer(CONTENT);
    await using proxy = await startFaultProxy(server.url, typeof plan === "function" ? plan : () => plan);
    await fn(proxy, server);
  });
}

function differences(a: Uint8Array, b: Uint8Array): number[] {
  assert.equal(a.length, b.length);
  return [...a.keys()].filter((at) => a[at] !== b[at]);
}

proxyTest("a proxy without a plan changes nothing and logs everything", () => undefined, async (proxy, server) => {
  const got = await send(`${proxy.url}/a?b=c`, "GET");
  assert.deepEqual([got.status, got.body.equals(CONTENT), got.error], [200, true, undefined]);
  await send(`${proxy.url}/up`, "POST", UPLOAD);
  const head = await send(`${proxy.url}/h`, "HEAD");
  assert.deepEqual([head.headers?.["content-length"], head.body.length], [String(CONTENT.length), 0]);
  assert.deepEqual(server.received.map(({ path }) => path), ["/a?b=c", "/up", "/h"]);
  assert.ok(server.received[1]!.bytes.equals(UPLOAD));
  assert.deepEqual(proxy.log.map(({ number, method, path, status }) => [number, method, path, status]), [
    [1, "GET", "/a?b=c", 200],
    [2, "POST", "/up", 200],
    [3, "HEAD", "/h", 200],
  ]);
});

proxyTest("reset: the server never hears of the request", { type: "reset" }, async (proxy, server) => {
  assert.equal((await send(proxy.url, "GET")).error, "ECONNRESET");
  assert.deepEqual(server.received, []);
  assert.equal(proxy.log[0]?.status, undefined);
});

proxyTest(
  "reset-upload: the server gets a part",
  { type: "reset-upload", afterBytes: 200_000 },
  async (proxy, server) => {
    assert.ok((await send(proxy.url, "POST", UPLOAD)).error !== undefined);
    await proxy[Symbol.asyncDispose]();
    for (const { isWhole, bytes } of server.received) {
      assert.equal(isWhole, false);
      assert.ok(bytes.length <= 200_000);
    }
  },
);

proxyTest("lose-answer: the server did all of it", { type: "lose-answer" }, async (proxy, server) => {
  assert.equal((await send(proxy.url, "POST", UPLOAD)).error, "ECONNRESET");
  assert.ok(server.received[0]!.bytes.equals(UPLOAD));
});

proxyTest("answer: the proxy speaks for the server", {
  type: "answer",
  status: 503,
  headers: { "retry-after": "7" },
  body: "busy",
}, async (proxy, server) => {
  const { status, headers, body } = await send(proxy.url, "POST", UPLOAD);
  assert.deepEqual([status, headers?.["retry-after"], body.toString()], [503, "7", "busy"]);
  assert.deepEqual(server.received, []);
  assert.equal(proxy.log[0]?.status, 503);
});

proxyTest(
  "answers of a proxy for guests",
  (asked) => asked.number === 1 ? LOGIN_REDIRECT : LOGIN_PAGE,
  async (proxy) => {
    const moved = await send(`${proxy.url}/config`, "GET");
    assert.deepEqual([moved.status, moved.headers?.["location"]], [302, "/login"]);
    const page = await send(`${proxy.url}/login`, "GET");
    assert.deepEqual([page.status, page.body.toString()], [200, LOGIN_PAGE.body]);
  },
);

proxyTest("truncate, broken off: the head promises all of it", {
  type: "truncate",
  afterBytes: 1000,
  as: "broken-off",
}, async (proxy) => {
  const { status, headers, body, error } = await send(proxy.url, "GET");
  assert.deepEqual([status, headers?.["content-length"], body.length], [200, String(CONTENT.length), 1000]);
  assert.ok(error !== undefined);
});

proxyTest("truncate, shorter length: only the reader can know", {
  type: "truncate",
  afterBytes: 1000,
  as: "shorter-length",
}, async (proxy) => {
  const { headers, body, error } = await send(proxy.url, "GET");
  assert.deepEqual([headers?.["content-length"], error], ["1000", undefined]);
  assert.ok(body.equals(CONTENT.subarray(0, 1000)));
  const head = await send(proxy.url, "HEAD");
  assert.equal(head.headers?.["content-length"], String(CONTENT.length));
});

proxyTest("truncate behind the end takes the last byte", {
  type: "truncate",
  afterBytes: Infinity,
  as: "shorter-length",
}, async (proxy) => {
  assert.equal((await send(proxy.url, "GET")).body.length, CONTENT.length - 1);
});

proxyTest("corrupt: one bit of the answer", { type: "corrupt", body: "answer", atByte: 150_000 }, async (proxy) => {
  assert.deepEqual(differences((await send(proxy.url, "GET")).body, CONTENT), [150_000]);
});

proxyTest("corrupt: one bit of the upload", { type: "corrupt", body: "upload", atByte: 7 }, async (proxy, server) => {
  assert.ok((await send(proxy.url, "POST", UPLOAD)).body.equals(CONTENT));
  assert.deepEqual(differences(server.received[0]!.bytes, UPLOAD), [7]);
});

proxyTest("stall: the answer stops until the client goes", {
  type: "stall",
  body: "answer",
  afterBytes: 500,
}, async (proxy) => {
  const enough = new AbortController();
  let gotBytes = 0;
  const onData = (piece: Uint8Array) => {
    gotBytes += piece.length;
    if (gotBytes >= 500) enough.abort();
  };
  const { status, body, error } = await send(proxy.url, "GET", undefined, { giveUp: enough.signal, onData });
  assert.deepEqual([status, body.length], [200, 500]);
  assert.ok(error !== undefined);
});

proxyTest("stall: the upload stops, and the server waits", {
  type: "stall",
  body: "upload",
  afterBytes: 500,
}, async (proxy, server) => {
  const enough = new AbortController();
  void server.firstPiece.then(() => enough.abort());
  assert.ok((await send(proxy.url, "POST", UPLOAD, { giveUp: enough.signal })).error !== undefined);
  await proxy.pause();
  const { isWhole, bytes } = await server.first();
  assert.deepEqual([isWhole, bytes.length], [false, 500]);
});

proxyTest("delay: nothing is lost", { type: "delay", delayMs: 10 }, async (proxy) => {
  assert.ok((await send(proxy.url, "POST", UPLOAD)).body.equals(CONTENT));
});

proxyTest("a paused proxy refuses connections, a resumed one has its old address", () => undefined, async (proxy) => {
  const { url } = proxy;
  await proxy.pause();
  assert.equal((await send(url, "GET")).error, "ECONNREFUSED");
  await proxy.resume();
  assert.equal(proxy.url, url);
  assert.equal((await send(url, "GET")).status, 200);
});

proxyTest("pausing breaks what is under way", { type: "stall", body: "answer", afterBytes: 500 }, async (proxy) => {
  const begun = Promise.withResolvers<void>();
  const under = send(proxy.url, "GET", undefined, { onData: () => begun.resolve() });
  await begun.promise;
  await proxy.pause();
  assert.ok((await under).error !== undefined);
});

Deno.test("a server that is down is a broken connection", async () => {
  const server = await recordingServer(CONTENT);
  await using proxy = await startFaultProxy(server.url);
  await server[Symbol.asyncDispose]();
  assert.equal((await send(proxy.url, "GET")).error, "ECONNRESET");
});

Deno.test("plans pick requests by their number, method and path", () => {
  const fault: NetworkFault = { type: "reset" };
  const asked = (method: string, path: string) => ({ number: 1, method, path });
  const third = everyNthRequest(3, fault);
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => third(asked("GET", "/")) !== undefined), [
    false,
    false,
    true,
    false,
    false,
    true,
  ]);
  const second = requestsFrom(2, fault, { times: 2, applies: to("POST", "/data/") });
  const paths = ["/data/1", "/index/1", "/data/2", "/data/3", "/data/4"];
  assert.deepEqual(paths.map((path) => second(asked("POST", path)) !== undefined), [false, false, true, true, false]);
  assert.equal(second(asked("GET", "/data/5")), undefined);
});
