/**
 * Clients of a blob server that repeat the store calls of a put: `load_client.ts URL CLIENTS SECONDS` prints the
 * duration of every call as JSON. It is a separate program, so that several of them use several cores.
 */
import { hash } from "node:crypto";
import process from "node:process";
import { systemClock } from "../../../src/base/clock.ts";
import { messageOf } from "../../../src/base/errors.ts";
import { systemRandomBytes } from "../../../src/crypto/random.ts";
import { openRestStore } from "../../../src/store/rest/rest_store.ts";
import type { BlobStore, FileKind, FileName } from "../../../src/store/store.ts";
import type { CallKind, LoadSample } from "./load.ts";

/** Bytes that a client stores in one round. */
const SIZES = { lock: 300, index: 60_000, snapshot: 1_000 } as const;
const PACKS_PER_ROUND = 2;
const PACK_BYTES = { least: 2 ** 20, most: 4 * 2 ** 20 } as const;
const RANGES_PER_ROUND = 4;
const RANGE_BYTES = 20_000;

/** Clients start within this many milliseconds, like machines whose cron lines name the same minute. */
const ARRIVAL_MS = 2000;

/**
 * One client, which makes the calls of a put in order. It removes its files a round later, so that the disk does not
 * fill up.
 */
class Client {
  readonly #store: BlobStore;
  readonly #sample: LoadSample;
  #stored: FileName[] = [];

  constructor(store: BlobStore, sample: LoadSample) {
    this.#store = store;
    this.#sample = sample;
  }

  async round(): Promise<void> {
    const config = { kind: "config", name: "config" } as const;
    await this.#timed("config", () => this.#store.size(config));
    await this.#timed("config", () => this.#store.get(config));
    await this.#list("key");
    await this.#list("lock");
    const lock = await this.#put("lock", SIZES.lock);
    await this.#list("lock");
    await this.#list("snapshot");
    await this.#list("index");
    const packs = await Promise.all(Array.from({ length: PACKS_PER_ROUND }, () => this.#put("pack", packBytes())));
    await Promise.all(Array.from({ length: RANGES_PER_ROUND }, (_, i) => this.#read(packs[i % packs.length]!)));
    const index = await this.#put("index", SIZES.index);
    const snapshot = await this.#put("snapshot", SIZES.snapshot);
    for (const file of [lock, ...this.#stored]) await this.#timed("remove", () => this.#store.remove(file));
    this.#stored = [snapshot, index, ...packs];
  }

  async #list(kind: FileKind): Promise<void> {
    await this.#timed("list", () => Array.fromAsync(this.#store.list(kind)));
  }

  async #put(kind: "lock" | "index" | "snapshot" | "pack", lengthBytes: number): Promise<FileName> {
    const content = contentOf(lengthBytes);
    const file = { kind, name: hash("sha256", content) };
    await this.#timed(kind === "pack" ? "put pack" : "put small", () => this.#store.put(file, [content]));
    this.#sample.bytesSent += lengthBytes;
    return file;
  }

  async #read(pack: FileName): Promise<void> {
    const offset = Math.floor(Math.random() * (PACK_BYTES.least - RANGE_BYTES));
    const bytes = await this.#timed("get range", () => this.#store.get(pack, { offset, length: RANGE_BYTES }));
    this.#sample.bytesReceived += bytes?.length ?? 0;
  }

  /** Makes a call and records how long it took, and why it failed if it did. */
  async #timed<T>(kind: CallKind, call: () => Promise<T>): Promise<T | undefined> {
    const began = performance.now();
    try {
      return await call();
    } catch (error) {
      this.#sample.errors.push(`${kind}: ${messageOf(error)}`);
      return undefined;
    } finally {
      (this.#sample.callMs[kind] ??= []).push(performance.now() - began);
    }
  }
}

const NOISE = systemRandomBytes(PACK_BYTES.most);

/** Content that was never sent before: random bytes at the beginning, then always the same noise. */
function contentOf(lengthBytes: number): Uint8Array {
  const content = NOISE.slice(0, lengthBytes);
  content.set(systemRandomBytes(16));
  return content;
}

function packBytes(): number {
  return Math.round(PACK_BYTES.least + Math.random() * (PACK_BYTES.most - PACK_BYTES.least));
}

/** Runs clients for a while, each with its own connections, and lets them complete their rounds. */
async function runClients(url: string, clients: number, seconds: number): Promise<LoadSample> {
  const sample: LoadSample = { callMs: {}, errors: [], bytesSent: 0, bytesReceived: 0 };
  const endMs = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: clients }, async () => {
    await systemClock.sleep(Math.random() * ARRIVAL_MS);
    const store = openRestStore(url, { clock: systemClock, network: {} });
    const client = new Client(store, sample);
    while (performance.now() < endMs) await client.round();
    await store.close();
  }));
  return sample;
}

if (import.meta.main) {
  const [url = "", clients = "", seconds = ""] = Deno.args;
  const sample = await runClients(url, Number(clients), Number(seconds));
  process.stdout.write(JSON.stringify(sample));
}
