/** A blob server behind a bad network, with repositories on it, for tests of what a put and a get make of it. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { AgentError } from "../../src/base/errors.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { check } from "../../src/ops/check.ts";
import { initRepository } from "../../src/repository/repository.ts";
import { parseListenAddress } from "../../src/server/connection/listener.ts";
import type { RunningServer, ServedPlace } from "../../src/server/connection/http_service.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { openRestStore } from "../../src/store/rest/rest_store.ts";
import { withRetries } from "../../src/store/retry.ts";
import { RETRY_POLICY, type RetryPolicy } from "../../src/store/retry_decision.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { withVerification } from "../../src/store/verified.ts";
import { type FaultProxy, startFaultProxy } from "../helpers/fault_proxy.ts";
import type { NetworkPlan } from "../helpers/network_faults.ts";
import {
  accessTo,
  CHEAP_KDF,
  fakeWorld,
  getBytes,
  noise,
  PASSWORD,
  putBytes,
  readAllBackups,
} from "../helpers/world.ts";
import { startOpenServer } from "../server/open_server.ts";

/** Small packs, so that a stream of half a megabyte makes many uploads. */
const PACK_BYTES = 64 * 1024;
const STREAM_BYTES = 500_000;

/** A connection on which nothing moves is given up so late that a busy machine is no stall. */
const STALL_MS = 60_000;

/** Patience with connections on which nothing moves, for faults of that kind. */
export const SHORT_STALL_MS = 500;

/** For the waits between two attempts: minutes pass as seconds. */
const SPEED = 200;

/** For faults that stay. Everything else waits as long as usual. */
export const IMPATIENT_MS = 60_000;

/** How patient the clients of a network are. */
interface Patience {
  /** How long a call may keep failing, on the clients' clock; as long as usual by default. */
  readonly giveUpMs?: number;
  /** How long nothing may move on a connection. */
  readonly stallMs?: number;
}

/** A put or a get as the one who asked for it sees it. */
type Outcome =
  | { readonly done: true; readonly bytes: Uint8Array }
  | { readonly done: false; readonly error: AgentError };

/** A server with one repository, reached through a proxy; disposing ends both and removes the repository. */
export class BadNetwork implements AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly #folder: string;
  #server: RunningServer & ServedPlace;
  /** Streams whose put resolved, by the id of their backup. */
  readonly #acknowledged = new Map<string, Uint8Array>();
  readonly #policy: RetryPolicy;
  readonly #stallMs: number;
  #puts = 0;

  private constructor(folder: string, patience: Patience, server: RunningServer & ServedPlace, proxy: FaultProxy) {
    const { giveUpMs = RETRY_POLICY.giveUpMs, stallMs = STALL_MS } = patience;
    this.#folder = folder;
    this.#policy = { ...RETRY_POLICY, giveUpMs, giveUpAtStartMs: giveUpMs };
    this.#stallMs = stallMs;
    this.#server = server;
    this.proxy = proxy;
  }

  /** With an empty repository, and a network that does not do any harm yet. */
  static async open(patience: Patience = {}): Promise<BadNetwork> {
    const folder = await Deno.makeTempDir({ prefix: "agent-network-" });
    const server = await serve(folder, "127.0.0.1:0");
    const network = new BadNetwork(folder, patience, server, await startFaultProxy(server.url));
    // On the server's disk, which may be too slow for the patience of a client here.
    const store = openLocalStore(join(folder, "repo"), { random: systemRandomBytes });
    await initRepository(store, PASSWORD, { ...fakeWorld(), kdf: CHEAP_KDF });
    await store.close();
    return network;
  }

  /** Puts a stream that was never put before. Anything thrown that is not one of the project's errors fails the test. */
  put(): Promise<Outcome> {
    const seed = `stream ${this.#puts++}`;
    const bytes = noise(STREAM_BYTES, seed);
    return outcome(async () => {
      const { backup } = await putBytes(this.#badAccess(), fakeWorld(seed), bytes, {}, { packBytes: PACK_BYTES });
      this.#acknowledged.set(backup.id, bytes);
      return bytes;
    });
  }

  /** Gets the latest backup whose put resolved; fails the test where it comes back as something else. */
  get(): Promise<Outcome> {
    const [id, bytes] = [...this.#acknowledged].at(-1)!;
    return outcome(async () => {
      const got = await getBytes(this.#badAccess(), fakeWorld("get"), `@${id}`);
      assert.ok(sameBytes(got, bytes), "what a get gave is not what was put");
      return got;
    });
  }

  /** The server dies in the middle of whatever it does and comes back after a while, at the same address. */
  async restart(downMs: number): Promise<void> {
    const { address } = this.#server;
    await this.#server.close(0);
    await sleep(downMs);
    this.#server = await serve(this.#folder, address);
  }

  /**
   * Fails the test unless the repository is sound on the server's disk and everything acknowledged is there. Damage within
   * a pack shows in its name, which takes no threads to see.
   */
  async verify(): Promise<void> {
    const store = openLocalStore(join(this.#folder, "repo"), { random: systemRandomBytes });
    const options = { signal: new AbortController().signal, noLock: false, readData: false };
    const { errors } = await check(accessTo(store), options, { world: fakeWorld("check"), ...options });
    assert.deepEqual(errors.map(({ text }) => text), [], "the repository is sound");
    for await (const { name } of store.list("pack")) {
      assert.equal(hash("sha256", await store.get({ kind: "pack", name })), name, "a pack is what its name says");
    }
    const backups = await readAllBackups(store, fakeWorld());
    for (const [id, bytes] of this.#acknowledged) {
      const found = backups.find(({ backup }) => backup.id === id);
      assert.ok(found && sameBytes(found.bytes, bytes), `backup ${id} is as it was put`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.#server.close(0);
    await Deno.remove(this.#folder, { recursive: true });
  }

  #badAccess(): RepositoryAccess {
    return accessTo(this.#store(this.proxy.url));
  }

  /** As repositories behind `rest:` are opened, but for the clock of the waits. */
  #store(url: string): BlobStore {
    const rest = openRestStore(new URL("repo/", url).href, { clock: systemClock, network: { stallMs: this.#stallMs } });
    return withRetries(withVerification(rest), {
      clock: waitingClock(SPEED),
      random: systemRandomBytes,
      policy: this.#policy,
    });
  }
}

/** Does nothing to anything. */
export const HARMLESS: NetworkPlan = () => undefined;

/** Fails the test unless it went well. */
export function assertDone(outcome: Outcome, what: string): void {
  assert.ok(outcome.done, `${what} failed${outcome.done ? "" : `: ${outcome.error.message}`}`);
}

/** Fails the test unless it failed with an error of that class. */
export function assertFailed(outcome: Outcome, error: typeof AgentError, what: string): void {
  assert.ok(!outcome.done, `${what} went well`);
  assert.ok(outcome.error instanceof error, `${what} failed with ${outcome.error.name}: ${outcome.error.message}`);
}

function serve(path: string, address: string): Promise<RunningServer & ServedPlace> {
  return startOpenServer(path, { listen: [parseListenAddress(address)] });
}

/**
 * A clock that runs so many times as fast as the machine's while somebody sleeps, and stands still otherwise: an attempt
 * takes no time on it, so that a busy machine exhausts nobody's patience.
 */
function waitingClock(speed: number): Clock {
  let nowMs = 0;
  return {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    async sleep(ms, signal) {
      const untilMs = nowMs + ms;
      await systemClock.sleep(ms / speed, signal);
      nowMs = Math.max(nowMs, untilMs);
    },
  };
}

async function outcome(work: () => Promise<Uint8Array>): Promise<Outcome> {
  try {
    return { done: true, bytes: await work() };
  } catch (error) {
    if (!(error instanceof AgentError) || error.code === "bug") throw error;
    return { done: false, error };
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
