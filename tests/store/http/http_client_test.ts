/** The HTTP client and its connections to servers on this machine, also to such as say nothing or are not there. */
import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { StoreError, TemporaryError } from "../../../src/base/errors.ts";
import { openHttpClient } from "../../../src/store/http/http_client.ts";
import { FakeClock } from "../../helpers/world.ts";
import { bytesOf } from "../../conformance/stored_files.ts";
import { HttpServer, lengthOf, RawTcpServer } from "./servers.ts";
import { get, MIB, put, textOf, withClient } from "./requests.ts";

const CONNECT_MS = 30_000;

/** A clock that tells when it is looked at, which the client does whenever something moves. */
class WatchedClock extends FakeClock {
  #seen = Promise.withResolvers<void>();

  /** Resolves when the clock is looked at again. */
  nextReading(): Promise<void> {
    this.#seen = Promise.withResolvers<void>();
    return this.#seen.promise;
  }

  override monotonicMs(): number {
    this.#seen.resolve();
    return super.monotonicMs();
  }
}

Deno.test("requests arrive as they were made, with a known length, also from shared memory", async () => {
  await using server = await HttpServer.start(async (request, response) => {
    const { method, url, headers } = request;
    response.end(JSON.stringify([method, url, headers["content-length"], headers["x-name"], await lengthOf(request)]));
  });
  const shared = new Uint8Array(new SharedArrayBuffer(3 * MIB));
  const content = [shared.subarray(5), new Uint8Array(0), new Uint8Array(7)];
  const bytes = 3 * MIB + 2;
  await withClient(async (client) => {
    const url = new URL("/a/b?x=1", server.url);
    const { body } = await client.send(put(url, content, { headers: { "x-name": "value" } }));
    assert.deepEqual(JSON.parse(textOf(body)), ["PUT", "/a/b?x=1", `${bytes}`, "value", bytes]);
    const empty = await client.send({ method: "POST", url, mostBytes: MIB });
    assert.deepEqual(JSON.parse(textOf(empty.body)), ["POST", "/a/b?x=1", "0", null, 0]);
  });
});

Deno.test("servers are told which program asks, whatever way a request goes", async () => {
  const agents: (string | undefined)[] = [];
  await using server = await HttpServer.start((request, response) => {
    agents.push(request.headers["user-agent"]);
    response.end("x");
  });
  await withClient(async (client) => {
    for (let i = 0; i < 3; i++) await client.send(get(server.url));
    await client.send(put(server.url, [new Uint8Array(1)]));
  }, { userAgent: "agent/1.2.3" });
  await withClient(async (client) => void await client.send(get(server.url)));
  assert.deepEqual(agents, [...Array(4).fill("agent/1.2.3"), "agent"]);
});

Deno.test("uploaded bytes arrive in their order", async () => {
  const received: Uint8Array[] = [];
  await using server = await HttpServer.start(async (request, response) => {
    for await (const piece of request as AsyncIterable<Uint8Array>) received.push(piece);
    response.end();
  });
  const bytes = bytesOf(2 * MIB + 12345);
  await withClient(async (client) => {
    await client.send(put(server.url, [bytes.subarray(0, 100), bytes.subarray(100, MIB), bytes.subarray(MIB)]));
  });
  assert.ok(Buffer.concat(received).equals(bytes));
});

Deno.test("connections are kept for the next requests", async () => {
  const ports = new Set<number | undefined>();
  await using server = await HttpServer.start((request, response) => {
    ports.add(request.socket.remotePort);
    response.end();
  });
  await withClient(async (client) => {
    for (const method of ["POST", "GET"] as const) {
      ports.clear();
      for (let i = 0; i < 5; i++) await client.send({ method, url: server.url, mostBytes: 0 });
      assert.equal(ports.size, 1, method);
    }
  });
});

Deno.test("a connection that does not come about is given up soon", async () => {
  const clock = new FakeClock();
  let heard = Promise.withResolvers<void>();
  await using silent = await RawTcpServer.start((socket) => void socket.once("data", () => heard.resolve()));
  await withClient(async (client) => {
    const url = new URL(silent.url.href.replace("http:", "https:"));
    const connecting = assert.rejects(client.send(get(url)), (thrown: unknown) => {
      return thrown instanceof TemporaryError && /no connection within .*; check the address/.test(thrown.message);
    });
    await heard.promise;
    await clock.advance(CONNECT_MS);
    await connecting;

    heard = Promise.withResolvers();
    let isOver = false;
    const waiting = client.send(get(silent.url)).finally(() => isOver = true);
    waiting.catch(() => {});
    await heard.promise;
    await clock.advance(2 * CONNECT_MS);
    assert.equal(isOver, false, "an answer may take longer than a connection");
  }, { clock, connectMs: CONNECT_MS, stallMs: 10 * CONNECT_MS });
});

Deno.test("no more requests run at a time than wanted; those that wait go in order", async () => {
  let running = 0;
  let most = 0;
  const order: string[] = [];
  await using server = await HttpServer.start((request, response) => {
    order.push(request.url!);
    most = Math.max(most, ++running);
    setTimeout(() => {
      running--;
      response.end();
    }, 2);
  });
  const paths = Array.from({ length: 12 }, (_, i) => `/${i}`);
  await withClient(async (client) => {
    await Promise.all(paths.map((path) => client.send(get(new URL(path, server.url)))));
  }, { connections: 1 });
  assert.equal(most, 1);
  assert.deepEqual(order, paths);
});

Deno.test("who waits for its turn and is stopped leaves the line", async () => {
  let answers = 0;
  const hold = Promise.withResolvers<void>();
  await using server = await HttpServer.start(async (_, response) => {
    answers++;
    await hold.promise;
    response.end();
  });
  await withClient(async (client) => {
    const abort = new AbortController();
    const first = client.send(get(server.url));
    const second = client.send(get(server.url, { signal: abort.signal }));
    const third = client.send(get(server.url));
    abort.abort(new Error("stop"));
    await assert.rejects(second, { message: "stop" });
    hold.resolve();
    await Promise.all([first, third]);
  }, { connections: 1 });
  assert.equal(answers, 2);
});

Deno.test("an abort rejects at once: before connecting, while uploading, while waiting for the answer", async () => {
  const reached = Promise.withResolvers<void>();
  await using silent = await RawTcpServer.start((socket) => socket.once("data", () => reached.resolve()));
  await withClient(async (client) => {
    const reason = new Error("stop");
    const early = new AbortController();
    const sending = client.send(get(silent.url, { signal: early.signal }));
    early.abort(reason);
    await assert.rejects(sending, reason);

    const late = new AbortController();
    const parts = Array.from({ length: 50 }, () => new Uint8Array(MIB));
    const uploading = client.send(put(silent.url, parts, { signal: late.signal }));
    const waiting = client.send(get(silent.url, { signal: late.signal }));
    await reached.promise;
    late.abort(reason);
    await assert.rejects(uploading, reason);
    await assert.rejects(waiting, reason);
  });
});

Deno.test("what iterating over the content throws passes through, and the server never sees the end", async () => {
  const ended = Promise.withResolvers<boolean>();
  await using server = await HttpServer.start((request) => {
    request.resume().on("error", () => {}).on("close", () => ended.resolve(request.complete));
  });
  const torn = [new Uint8Array(MIB), new Uint8Array(MIB)];
  torn[Symbol.iterator] = function* () {
    yield new Uint8Array(MIB);
    throw new RangeError("torn");
  };
  await withClient(async (client) => {
    await assert.rejects(client.send(put(server.url, torn)), new RangeError("torn"));
  });
  assert.equal(await ended.promise, false);
});

Deno.test("a server that says nothing or reads nothing is given up", async () => {
  await using silent = await RawTcpServer.start((socket) => socket.pause());
  await withClient(async (client) => {
    await assert.rejects(client.send(get(silent.url)), /Nothing came from or went to http:\/\/127/);
    const parts = Array.from({ length: 40 }, () => new Uint8Array(MIB));
    await assert.rejects(client.send(put(silent.url, parts)), TemporaryError);
  }, { stallMs: 50 });
});

Deno.test("a server that is slow but alive is waited for", async () => {
  const clock = new WatchedClock();
  await using server = await HttpServer.start(async (_, response) => {
    for (let i = 0; i < 8; i++) {
      const isSeen = clock.nextReading();
      response.write("x");
      await isSeen;
      await clock.advance(200_000);
    }
    response.end();
  });
  await withClient(async (client) => {
    assert.equal((await client.send(get(server.url))).body.length, 8);
  }, { clock, stallMs: 300_000 });
});

Deno.test("nobody there and nobody of that name are different troubles", async () => {
  const server = await RawTcpServer.start(() => {});
  const { url } = server;
  await server[Symbol.asyncDispose]();
  await withClient(async (client) => {
    await assert.rejects(client.send(get(url)), (thrown: unknown) => {
      return thrown instanceof TemporaryError && /nothing listens there/.test(thrown.message);
    });
  });
});

Deno.test("a kept connection that the server closed meanwhile does no lasting harm", async () => {
  await using server = await HttpServer.start((_, response) => void response.end("hello"));
  await withClient(async (client) => {
    await client.send(get(server.url));
    server.closeIdle();
    const answer = await client.send(get(server.url)).catch((thrown: unknown) => {
      assert.ok(thrown instanceof TemporaryError);
      return client.send(get(server.url));
    });
    assert.equal(textOf(answer.body), "hello");
  });
});

Deno.test("closing stops what is under way and leaves no connection", async () => {
  await using silent = await RawTcpServer.start(() => {});
  const client = openHttpClient({ connections: 1, clock: systemClock });
  const running = client.send(get(silent.url));
  const waiting = client.send(get(silent.url));
  const outcomes = Promise.allSettled([running, waiting]);
  await systemClock.sleep(10);
  await client.close();
  for (const outcome of await outcomes) {
    assert.ok(outcome.status === "rejected" && outcome.reason instanceof StoreError);
  }
});

Deno.test("limited rates slow down and lose nothing", async () => {
  await using server = await HttpServer.start(async (request, response) => {
    const length = await lengthOf(request);
    response.end(new Uint8Array(length));
  });
  let ms = 0;
  const sleeps: number[] = [];
  // Waits that are longer are the client's limits of patience.
  const LEAST_LIMIT_MS = 10_000;
  const clock = {
    now: () => new Date(ms),
    monotonicMs: () => ms,
    sleep(span: number, signal?: AbortSignal) {
      if (span > LEAST_LIMIT_MS) return systemClock.sleep(span, signal);
      sleeps.push(span);
      ms += span;
      return Promise.resolve();
    },
  };
  await withClient(async (client) => {
    const { body } = await client.send(put(server.url, [new Uint8Array(100_000)]));
    assert.equal(body.length, 100_000);
  }, { clock, uploadBytesPerSecond: 100_000, downloadBytesPerSecond: 200_000 });
  assert.ok(sleeps.length >= 10, "one sleep for each piece of a tenth of a second");
});
