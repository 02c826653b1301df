/** The latency proxy of the benchmark: all bytes, in their order, and late. */
import assert from "node:assert/strict";
import { parseAddress, startLatencyProxy, type TcpAddress } from "../../scripts/bench/tools/latency_proxy.ts";
import { noise } from "../helpers/world.ts";

/** A server that answers to each connection with what it got, once it got all of it. */
function echo(): AsyncDisposable & { readonly address: TcpAddress } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      using open = connection;
      const bytes = await readAll(open);
      await writeAll(open, bytes);
    }
  })();
  return {
    address: listener.addr as Deno.NetAddr,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

async function readAll(connection: Deno.TcpConn): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const buffer = new Uint8Array(65536);
  for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
    pieces.push(buffer.slice(0, count));
  }
  return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function exchange(address: TcpAddress, bytes: Uint8Array): Promise<Uint8Array> {
  using connection = await Deno.connect(address);
  await writeAll(connection, bytes);
  await connection.closeWrite();
  return await readAll(connection);
}

Deno.test("the latency proxy passes all bytes on in their order, both ways", async () => {
  await using server = echo();
  await using proxy = startLatencyProxy(server.address, 4);
  const bytes = noise(5_000_000, "bytes");
  assert.ok((await exchange(proxy.address, bytes)).every((byte, at) => byte === bytes[at]));
  assert.equal((await exchange(proxy.address, bytes.subarray(0, 1))).length, 1);
  assert.equal((await exchange(proxy.address, new Uint8Array(0))).length, 0);
});

Deno.test("the latency proxy takes at least the round trip", async () => {
  await using server = echo();
  await using proxy = startLatencyProxy(server.address, 60);
  const began = performance.now();
  await exchange(proxy.address, new Uint8Array(1));
  assert.ok(performance.now() - began >= 119, "one round trip for the connection, one for the answer");
});

Deno.test("the latency proxy ends a connection whose server is not there", async () => {
  const { address } = await (async () => {
    await using server = echo();
    return server;
  })();
  await using proxy = startLatencyProxy(address, 0);
  const answer = await exchange(proxy.address, new Uint8Array(1)).catch(() => new Uint8Array(0));
  assert.equal(answer.length, 0);
});

Deno.test("parseAddress() reads HOST:PORT and nothing else", () => {
  assert.deepEqual(parseAddress("127.0.0.1:80"), { hostname: "127.0.0.1", port: 80 });
  assert.throws(() => parseAddress("127.0.0.1"), TypeError);
});
