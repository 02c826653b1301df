/** The REST store against servers that keep to the protocol and servers that do not. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import {
  BugError,
  DeniedError,
  ExistsError,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
  UsageError,
} from "../../../src/base/errors.ts";
import { openRestStore, type RestStoreOptions } from "../../../src/store/rest/rest_store.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { bytesOf, idOf, listing, pack } from "../../conformance/stored_files.ts";
import { RestServerDouble } from "./rest_server_double.ts";

const PACK_PATH = `/repo/data/${idOf(1)}`;

/** Runs a test with a server and a store on it; both are closed afterwards. */
async function withStore(
  test: (store: BlobStore, server: RestServerDouble) => Promise<void>,
  options: Partial<RestStoreOptions> = {},
): Promise<void> {
  await using server = await RestServerDouble.start();
  const store = openRestStore(server.place, { clock: systemClock, network: {}, ...options });
  try {
    await test(store, server);
  } finally {
    await store.close();
  }
}

/** As `withStore`; pack 1 has the bytes 0 to 9. */
async function withPack(test: (store: BlobStore, server: RestServerDouble) => Promise<void>): Promise<void> {
  await withStore(async (store, server) => {
    server.files.set(PACK_PATH, Uint8Array.from({ length: 10 }, (_, i) => i));
    await test(store, server);
  });
}

Deno.test("files go where the protocol wants them: packs in no folders", async () => {
  await withStore(async (store, server) => {
    await store.create();
    await store.put({ kind: "config", name: "config" }, [bytesOf(3)]);
    await store.put({ kind: "snapshot", name: idOf(1) }, [bytesOf(4)]);
    await store.put(pack(1), [bytesOf(5), bytesOf(6)]);
    assert.deepEqual([...server.files.keys()], ["/repo/config", `/repo/snapshots/${idOf(1)}`, PACK_PATH]);
    assert.equal(server.requests[0]?.path, "/repo/?create=true");
    const { headers } = server.requests.at(-1)!;
    assert.equal(headers["content-length"], "11");
    assert.equal(headers["content-type"], "application/octet-stream");
    assert.equal(headers.authorization, undefined);
  });
});

Deno.test("credentials go with every request and stay out of messages", async () => {
  await using server = await RestServerDouble.start();
  server.refuse("GET", 401);
  const place = `http://${encodeURIComponent("änna")}:secret@${server.host}/repo/`;
  const store = openRestStore(place, { clock: systemClock, network: {} });
  assert.equal(store.location, `rest:http://${encodeURIComponent("änna")}@${server.host}/repo/`);
  await assert.rejects(store.get(pack(1)), (thrown: unknown) => {
    assert.ok(thrown instanceof DeniedError);
    assert.match(thrown.message, /asks for other credentials/);
    assert.ok(!thrown.message.includes("secret"));
    return true;
  });
  const expected = `Basic ${Buffer.from("änna:secret").toString("base64")}`;
  assert.equal(server.requests[0]?.headers.authorization, expected);
  await store.close();
});

Deno.test("a place that makes no sense is wrong usage", () => {
  assert.throws(() => openRestStore("host", { clock: systemClock, network: {} }), UsageError);
});

Deno.test("a store on a unix socket works like any other", async () => {
  const folder = await Deno.makeTempDir();
  const socketPath = join(folder, "rest.sock");
  {
    await using _server = await RestServerDouble.start(socketPath);
    const store = openRestStore(`http+unix://${socketPath}:/repo/`, { clock: systemClock, network: {} });
    await store.put(pack(1), [bytesOf(300_000)]);
    assert.deepEqual(await store.get(pack(1)), bytesOf(300_000));
    await store.close();
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("version 1 of listings is completed with the size of each file", async () => {
  await withStore(async (store, server) => {
    server.listVersion = 1;
    for (let number = 0; number < 20; number++) await store.put(pack(number), [bytesOf(number)]);
    const sizes = await listing(store, "pack");
    assert.equal(sizes.size, 20);
    for (let number = 0; number < 20; number++) assert.equal(sizes.get(idOf(number)), number);
  });
});

Deno.test("what is removed between the listing and the question for its size is passed over", async () => {
  await withStore(async (store, server) => {
    server.listVersion = 1;
    await store.put(pack(1), [bytesOf(1)]);
    await store.put(pack(2), [bytesOf(2)]);
    server.interfere = ({ method }) => {
      if (method === "HEAD") server.files.delete(PACK_PATH);
      return false;
    };
    assert.deepEqual([...await listing(store, "pack")], [[idOf(2), 2]]);
  });
});

Deno.test("what is listed and not found is asked for again, and never left out", async () => {
  await withStore(async (store, server) => {
    server.listVersion = 1;
    await store.put(pack(1), [bytesOf(1)]);
    server.refuse("HEAD", 404, {}, 1);
    assert.deepEqual([...await listing(store, "pack")], [[idOf(1), 1]]);
    server.refuse("HEAD", 404);
    await assert.rejects(listing(store, "pack"), TemporaryError);
  });
});

Deno.test("that a folder is not there is not believed at once, nor while the config is away", async () => {
  for (const sees of ["put", "get", "size"] as const) {
    await withStore(async (store, server) => {
      const config = { kind: "config", name: "config" } as const;
      if (sees === "put") await store.put(config, [bytesOf(9)]);
      server.files.set("/repo/config", bytesOf(9));
      if (sees !== "put") await store[sees](config);
      await store.put(pack(1), [bytesOf(1)]);
      server.refuse("GET", 404, {}, 1);
      assert.deepEqual([...await listing(store, "pack")], [[idOf(1), 1]], sees);
      server.refuse("GET", 404);
      assert.deepEqual([...await listing(store, "pack")], [], "a server may not keep folders that are empty");
      server.interfere = (_, response) => {
        response.writeHead(404).end();
        return true;
      };
      await assert.rejects(listing(store, "pack"), TemporaryError);
    });
  }
});

Deno.test("that a file is not there is not believed at once, nor while the config is away", async () => {
  await withStore(async (store, server) => {
    await store.put({ kind: "config", name: "config" }, [bytesOf(9)]);
    await store.put(pack(1), [bytesOf(1)]);
    server.refuse("HEAD", 404, {}, 1);
    assert.equal(await store.size(pack(1)), 1);
    server.refuse("GET", 404, {}, 1);
    assert.equal((await store.get(pack(1))).length, 1);
    await assert.rejects(store.get(pack(2)), NotFoundError);
    server.interfere = (_, response) => {
      response.writeHead(404).end();
      return true;
    };
    for (const call of ["size", "get", "remove"] as const) {
      await assert.rejects(store[call](pack(1)), TemporaryError, call);
    }
    server.interfere = () => false;
    await store.remove(pack(1));
    await assert.rejects(store.size(pack(1)), NotFoundError);
  });
});

Deno.test("a place without a repository lists as empty", async () => {
  await withStore(async (store, server) => {
    server.refuse("GET", 404);
    assert.deepEqual([...await listing(store, "pack")], []);
    assert.deepEqual([...await listing(store, "config")], []);
  });
});

Deno.test("a server that ignores ranges is tolerated as long as the file is long enough", async () => {
  await withPack(async (store, server) => {
    server.ignoresRanges = true;
    assert.deepEqual([...await store.get(pack(1), { offset: 2, length: 3 })], [2, 3, 4]);
    assert.deepEqual([...await store.get(pack(1), { offset: 8 })], [8, 9]);
    await assert.rejects(store.get(pack(1), { offset: 8, length: 3 }), /ends after 10 bytes/);
  });
});

Deno.test("a part other than the one asked for is refused, never passed on", async () => {
  const wrong: readonly (readonly [string, number])[] = [
    ["bytes 3-5/10", 3],
    ["bytes 2-3/10", 2],
    ["bytes 2-5/10", 4],
    ["bytes 2-4/10", 2],
    ["bytes 2-99999999999999999999/10", 3],
    ["octets 2-4/10", 3],
    ["", 3],
  ];
  for (const [contentRange, length] of wrong) {
    await withPack(async (store, server) => {
      server.interfere = (_, response) => {
        response.writeHead(206, contentRange === "" ? {} : { "content-range": contentRange }).end(
          new Uint8Array(length),
        );
        return true;
      };
      await assert.rejects(store.get(pack(1), { offset: 2, length: 3 }), StoreError, contentRange);
    });
  }
});

Deno.test("a part cut off at the end of the file tells how long the file is", async () => {
  await withPack(async (store) => {
    await assert.rejects(store.get(pack(1), { offset: 8, length: 3 }), /ends after 10 bytes/);
    await assert.rejects(store.get(pack(1), { offset: 11, length: 3 }), /ends after 10 bytes/);
    await assert.rejects(store.get(pack(1), { offset: 11 }), /ends after 10 bytes/);
  });
});

Deno.test("a range without bytes is judged by the file's length alone", async () => {
  await withPack(async (store, server) => {
    assert.equal((await store.get(pack(1), { offset: 10, length: 0 })).length, 0);
    assert.equal((await store.get(pack(1), { offset: 10 })).length, 0);
    await assert.rejects(store.get(pack(1), { offset: 11, length: 0 }), /ends after 10 bytes/);
    await assert.rejects(store.get(pack(2), { offset: 0, length: 0 }), NotFoundError);
    const ranges = server.requests.filter(({ method }) => method === "GET").map(({ headers }) => headers.range);
    assert.deepEqual(ranges, ["bytes=10-"], "HTTP has no empty ranges to ask for");
    server.interfere = (request, response) => {
      if (request.method === "GET") response.writeHead(416).end();
      return request.method === "GET";
    };
    assert.equal((await store.get(pack(1), { offset: 10 })).length, 0, "the server does not tell the length with 416");
    await assert.rejects(store.get(pack(1), { offset: 2, length: 3 }), /denies a part that it has/);
  });
});

Deno.test("an answer that ends too early may pass another time", async () => {
  await withPack(async (store, server) => {
    server.interfere = (_, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write(new Uint8Array(4), () => response.destroy());
      return true;
    };
    await assert.rejects(store.get(pack(1)), TemporaryError);
  });
});

Deno.test("put tells an existing file from a refusal", async () => {
  await withStore(async (store, server) => {
    await store.put(pack(1), [bytesOf(1)]);
    await assert.rejects(store.put(pack(1), [bytesOf(2)]), ExistsError);
    server.refuse("POST", 403);
    await assert.rejects(store.put(pack(2), [bytesOf(2)]), DeniedError);
  });
});

Deno.test("a server that is full says so in the middle of an upload and is heard", async () => {
  await withStore(async (store, server) => {
    server.interfere = (request, response) => {
      if (request.method !== "POST") return false;
      response.writeHead(507, { connection: "close" }).end("quota");
      return true;
    };
    const part = new Uint8Array(2 ** 20);
    await assert.rejects(store.put(pack(1), Array.from({ length: 40 }, () => part)), StoreFullError);
  });
});

Deno.test("an append-only server keeps its files", async () => {
  await withPack(async (store, server) => {
    server.isAppendOnly = true;
    await assert.rejects(store.remove(pack(1)), /append-only/);
    assert.equal(await store.size(pack(1)), 10);
  });
});

Deno.test("what a server does not find counts as removed", async () => {
  await withStore(async (store, server) => {
    server.refuse("DELETE", 404);
    await store.remove(pack(1));
  });
});

Deno.test("a server in trouble may say when to come back", async () => {
  await withPack(async (store, server) => {
    server.refuse("GET", 503, { "retry-after": "3" }, 1);
    await assert.rejects(store.get(pack(1)), (thrown: unknown) => {
      return thrown instanceof TemporaryError && thrown.retryAfterMs === 3000;
    });
    assert.equal((await store.get(pack(1))).length, 10, "the store itself tries once");
  });
});

Deno.test("a web server that is no repository is told from one", async () => {
  await withStore(async (store, server) => {
    server.interfere = (_, response) => {
      response.setHeader("content-type", "text/html").end("<!DOCTYPE html><title>Welcome</title>");
      return true;
    };
    const wanted = /does not look like a repository server; check the URL/;
    await assert.rejects(store.get({ kind: "config", name: "config" }), wanted);
    await assert.rejects(store.get({ kind: "config", name: "config" }, { offset: 0 }), wanted);
    await assert.rejects(listing(store, "key"), wanted);
    await assert.rejects(store.create(), wanted);
    await assert.rejects(store.size({ kind: "config", name: "config" }), wanted);
  });
});

Deno.test("a redirect is not followed but told", async () => {
  await withStore(async (store, server) => {
    server.refuse("GET", 301, { location: "https://user:secret@elsewhere.example.org/repo/?token=secret#secret" });
    await assert.rejects(store.get(pack(1)), /redirects .*us to https:\/\/elsewhere\.example\.org\/repo\/\)$/);
  });
});

Deno.test("a length that is none is refused", async () => {
  await withStore(async (store, server) => {
    server.interfere = (_, response) => {
      response.writeHead(200, { "transfer-encoding": "chunked" }).end();
      return true;
    };
    await assert.rejects(store.size(pack(1)), /does not tell its length/);
  });
});

Deno.test("an aborted call makes no request", async () => {
  await withPack(async (store, server) => {
    const signal = AbortSignal.abort(new Error("stop"));
    await assert.rejects(store.get(pack(1), { offset: 0, length: 0 }, { signal }), { message: "stop" });
    await assert.rejects(store.put(pack(2), [bytesOf(1)], { signal }), { message: "stop" });
    await assert.rejects(Array.fromAsync(store.list("pack", { signal })), { message: "stop" });
    assert.deepEqual(server.requests, []);
  });
});

Deno.test("a wrong name is a bug before any request", async () => {
  await withStore(async (store, server) => {
    await assert.rejects(store.get({ kind: "key", name: "../config" }), BugError);
    assert.deepEqual(server.requests, []);
  });
});
