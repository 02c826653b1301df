/** Packs in archive classes: the server is asked for them, and the read waits until they are there. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { InterruptedError, StoreError } from "../../../src/base/errors.ts";
import type { HttpAnswer, HttpRequest } from "../../../src/store/http/client.ts";
import { bytesOf, fileOf } from "../../conformance/stored_files.ts";
import { InstantClock } from "../instant_clock.ts";
import { answer, refusal, S3Double, storeOn } from "./s3_double.ts";

const BYTES = [bytesOf(1000), bytesOf(2000), bytesOf(3000)];
const PACKS = BYTES.map((bytes) => fileOf("pack", bytes));
const RESTORING = { "s3.enable-restore": "true" };
const HOUR_MS = 3_600_000;

/** A clock on which no time passes before something has happened. */
class HeldClock extends InstantClock {
  held: Promise<void> = Promise.resolve();

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await this.held;
    await super.sleep(ms, signal);
  }
}

/** A server whose packs lie in an archive class, from which a restore takes five hours. */
class ColdServer {
  readonly clock = new HeldClock();
  readonly double: S3Double;
  /** When each object that was asked for can be read, by path. */
  readonly readableAtMs = new Map<string, number>();
  /** The documents that asked for objects. */
  readonly asked: string[] = [];
  /** Answers ahead of the server. */
  intercept: (request: HttpRequest) => HttpAnswer | undefined = () => undefined;

  constructor(readonly hours = 5) {
    this.double = new S3Double({ intercept: (request) => this.intercept(request) ?? this.#answer(request) });
    this.double.buckets.set("backups", new Map());
  }

  store(settings: Readonly<Record<string, string>> = RESTORING) {
    return storeOn(this.double, { settings, clock: this.clock });
  }

  /** The methods of all requests but puts, with the number of their pack. */
  get log(): string[] {
    return this.double.requests.filter(({ method }) => method !== "PUT").map(({ method, url }) => {
      return `${method} ${PACKS.findIndex(({ name }) => url.pathname.endsWith(name))}${url.search}`;
    });
  }

  #answer({ method, url, content = [] }: HttpRequest): HttpAnswer | undefined {
    const at = url.pathname;
    if (!at.includes("/data/") || method === "PUT") return undefined;
    const readable = this.readableAtMs.get(at);
    const isReadable = readable !== undefined && readable <= this.clock.nowMs;
    if (method === "POST") {
      this.asked.push(Buffer.concat([...content]).toString());
      if (readable !== undefined) return refusal(409, "RestoreAlreadyInProgress");
      this.readableAtMs.set(at, this.clock.nowMs + this.hours * HOUR_MS);
      return answer(202);
    }
    if (method === "GET") return isReadable ? undefined : refusal(403, "InvalidObjectState");
    const restore = readable === undefined ? {} : { "x-amz-restore": `ongoing-request="${!isReadable}"` };
    return answer(200, "", { "content-length": "1", "x-amz-storage-class": "GLACIER", ...restore });
  }
}

/** A cold server that holds the packs. */
async function coldServer(hours?: number): Promise<ColdServer> {
  const server = new ColdServer(hours);
  const store = server.store();
  for (const [i, pack] of PACKS.entries()) await store.put(pack, [BYTES[i]!]);
  return server;
}

Deno.test("a pack in an archive class is asked for and read once the server has restored it", async () => {
  const server = await coldServer();
  const settings = { ...RESTORING, "s3.restore-days": "3", "s3.restore-tier": "Bulk" };
  deepEqual(await server.store(settings).get(PACKS[0]!, { offset: 10, length: 20 }), BYTES[0]!.slice(10, 30));
  equal(server.asked.length, 1);
  match(server.asked[0]!, /<Days>3<\/Days><GlacierJobParameters><Tier>Bulk<\/Tier>/);
  equal(server.log.at(-1), "GET 0");
  ok(server.clock.sleeps.every((ms) => ms <= 300_000));
  const waitedMs = server.clock.sleeps.reduce((sum, ms) => sum + ms, 0);
  ok(waitedMs >= 5 * HOUR_MS && waitedMs < 5.2 * HOUR_MS, `${waitedMs}`);
});

Deno.test("without the setting, a read fails at once and names it", async () => {
  const server = await coldServer();
  await rejects(server.store({}).get(PACKS[0]!), { message: /archive class.*s3\.enable-restore=true/ });
  deepEqual(server.log, ["GET 0"]);
  equal(server.store({}).expect, undefined);
});

Deno.test("all packs that are expected are asked for together, as soon as one proves to be archived", async () => {
  const server = await coldServer();
  const store = server.store();
  const allAsked = Promise.withResolvers<void>();
  server.clock.held = allAsked.promise;
  server.intercept = ({ method }) => {
    if (method === "POST" && server.asked.length === PACKS.length - 1) allAsked.resolve();
    return undefined;
  };
  store.expect!(PACKS.map(({ name }) => name));
  equal(server.log.length, 0);
  await store.get(PACKS[1]!);
  deepEqual(server.log.filter((line) => line.startsWith("POST")).sort(), [
    "POST 0?restore=",
    "POST 1?restore=",
    "POST 2?restore=",
  ]);
  const sleeps = server.clock.sleeps.length;
  for (const [i, pack] of PACKS.entries()) deepEqual(await store.get(pack), BYTES[i]);
  equal(server.clock.sleeps.length, sleeps);
});

Deno.test("what is not archived costs no further request", async () => {
  const server = await coldServer();
  for (const { name } of PACKS) {
    server.readableAtMs.set(`/backups/some/prefix/data/${name.slice(0, 2)}/${name}`, 0);
  }
  const store = server.store();
  store.expect!(PACKS.map(({ name }) => name));
  for (const pack of PACKS) await store.get(pack);
  deepEqual(server.log, ["GET 0", "GET 1", "GET 2"]);
});

Deno.test("the wait ends after the time that is set, and says what to do", async () => {
  const server = await coldServer();
  const store = server.store({ ...RESTORING, "s3.restore-timeout": "2h" });
  await rejects(store.get(PACKS[0]!), (error: StoreError) => {
    match(error.message, /not restored it from its archive class within 2 h.*again later.*s3\.restore-timeout/);
    return error instanceof StoreError && !error.retryable;
  });
});

Deno.test("a restore that is under way is waited for, and a look that fails on the way is made again", async () => {
  const server = await coldServer();
  await rejects(server.store({ ...RESTORING, "s3.restore-timeout": "1m" }).get(PACKS[0]!));
  let looks = 0;
  server.intercept = ({ method }) => method === "HEAD" && ++looks === 2 ? answer(503) : undefined;
  deepEqual(await server.store().get(PACKS[0]!), BYTES[0]);
  equal(server.asked.length, 2);
});

Deno.test("a restored copy that is gone again is asked for again", async () => {
  const server = await coldServer();
  const store = server.store();
  await store.get(PACKS[0]!);
  server.readableAtMs.clear();
  deepEqual(await store.get(PACKS[0]!), BYTES[0]);
  equal(server.asked.length, 2);
});

Deno.test("a server that refuses to restore is told of, with its words", async () => {
  const server = await coldServer();
  for (
    const [code, told] of [["AccessDenied", /refuses access/], ["GlacierExpeditedRetrievalNotAvailable", /Standard/]]
  ) {
    server.intercept = ({ method }) => method === "POST" ? refusal(403, String(code)) : undefined;
    await rejects(server.store().get(PACKS[0]!), { message: told as RegExp });
  }
});

Deno.test("an interruption ends the wait", async () => {
  const server = await coldServer();
  const interruption = new AbortController();
  server.intercept = ({ method }) => {
    if (method === "HEAD") interruption.abort(new InterruptedError());
    return undefined;
  };
  await rejects(server.store().get(PACKS[0]!, undefined, { signal: interruption.signal }), InterruptedError);
});

Deno.test("only packs are waited for: a lock or an index in an archive class is an error", async () => {
  const server = await coldServer();
  server.intercept = ({ method }) => method === "GET" ? refusal(403, "InvalidObjectState") : undefined;
  await rejects(server.store().get(fileOf("index", BYTES[0]!)), { message: /archive class/ });
  deepEqual(server.asked, []);
});
