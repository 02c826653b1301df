/**
 * Simulates a distant network on one machine: a TCP proxy that delays the bytes in each direction by half of the round
 * trip, and limits nothing else. It is a separate program, so that it takes no time from what is measured:
 * `latency_proxy.ts HOST:PORT MILLISECONDS` prints the address on which it listens.
 */
import process from "node:process";

/** The address of a TCP server. */
export interface TcpAddress {
  readonly hostname: string;
  readonly port: number;
}

/** A running proxy. Disposing ends it with all of its connections. */
interface LatencyProxy extends AsyncDisposable {
  readonly address: TcpAddress;
}

/** Most bytes read at once. */
const PIECE_BYTES = 256 * 1024;

/** Most bytes on the way in one direction: enough for 3 GB/s at a delay of 10 ms. */
const MOST_BYTES_ON_THE_WAY = 32 * 2 ** 20;

/**
 * Starts a proxy on a free port of loopback. As in real networks, a connection takes a round trip before its first
 * byte.
 */
export function startLatencyProxy(target: TcpAddress, roundTripMs: number): LatencyProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const accepting = (async () => {
    const running = new Set<Promise<void>>();
    for await (const client of listener) {
      const passing = pass(client, target, roundTripMs, open).finally(() => running.delete(passing));
      running.add(passing);
    }
    await Promise.all(running);
  })();
  const { hostname, port } = listener.addr as Deno.NetAddr;
  return {
    address: { hostname, port },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) close(connection);
      await accepting;
    },
  };
}

/** Serves one client until both directions have ended. */
async function pass(client: Deno.TcpConn, target: TcpAddress, roundTripMs: number, open: Set<Deno.Conn>) {
  open.add(client);
  let server: Deno.TcpConn | undefined;
  try {
    server = await Deno.connect(target);
    open.add(server);
    for (const connection of [client, server]) connection.setNoDelay(true);
    await sleep(roundTripMs);
    await Promise.all([delayed(client, server, roundTripMs / 2), delayed(server, client, roundTripMs / 2)]);
  } catch {
    // One side broke the connection. The other side sees its connection end.
  } finally {
    for (const connection of [client, server]) {
      if (connection === undefined) continue;
      close(connection);
      open.delete(connection);
    }
  }
}

/** Passes bytes from one connection to another, each after the delay. Resolves when `from` has ended. */
async function delayed(from: Deno.TcpConn, to: Deno.TcpConn, delayMs: number): Promise<void> {
  const line = new DelayLine(delayMs);
  const reading = (async () => {
    const buffer = new Uint8Array(PIECE_BYTES);
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      await line.push(buffer.slice(0, count));
    }
  })().finally(() => line.end());
  const writing = (async () => {
    for await (const bytes of line.due()) {
      for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
    }
    await to.closeWrite();
  })();
  await Promise.all([reading, writing]);
}

/** Pieces of bytes that come out in order, each after the delay. */
class DelayLine {
  readonly #delayMs: number;
  readonly #pieces: { readonly bytes: Uint8Array; readonly dueMs: number }[] = [];
  #bytes = 0;
  #hasEnded = false;
  #wake = () => {};

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Resolves when there is room for more. */
  async push(bytes: Uint8Array): Promise<void> {
    this.#pieces.push({ bytes, dueMs: performance.now() + this.#delayMs });
    this.#bytes += bytes.length;
    this.#wake();
    while (this.#bytes > MOST_BYTES_ON_THE_WAY) await this.#change();
  }

  /** Says that no more bytes follow. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async *due(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) {
        const waitMs = piece.dueMs - performance.now();
        if (waitMs > 0) await sleep(waitMs);
        yield piece.bytes;
        this.#bytes -= piece.bytes.length;
        this.#wake();
      } else if (this.#hasEnded) {
        return;
      } else {
        await this.#change();
      }
    }
  }

  /**
   * Resolves when the other side has changed something. Only one side waits at a time: the line is either full or
   * empty.
   */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is already closed.
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Reads `HOST:PORT`. Throws `TypeError` for anything else. */
export function parseAddress(text: string): TcpAddress {
  const match = /^([^:]+):(\d+)$/.exec(text);
  if (!match) throw new TypeError(`Not HOST:PORT: "${text}"`);
  return { hostname: match[1]!, port: Number(match[2]) };
}

if (import.meta.main) {
  const [target = "", roundTripMs = ""] = Deno.args;
  const { address } = startLatencyProxy(parseAddress(target), Number(roundTripMs));
  process.stdout.write(`${address.hostname}:${address.port}\n`);
}
