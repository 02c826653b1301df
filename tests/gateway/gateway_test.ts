/** A gateway: what signed URLs give, what they refuse, and what it does to the repository meanwhile. */
import { deepEqual, equal, match, notDeepEqual, ok, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { DeniedError, UsageError } from "../../src/base/errors.ts";
import type { UrlKey } from "../../src/crypto/url_key.ts";
import { parseFileName, parseSeries } from "../../src/format/manifest/series.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { openAccess } from "../../src/ops/access.ts";
import { forget } from "../../src/ops/forget.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { BlobStore, ByteRange, FileName, GetOptions } from "../../src/store/store.ts";
import { concat, namesOf, noise, sqlDump } from "../helpers/world.ts";
import { base64Of, GatewayScene, gatewayScene } from "./gateway_fixture.ts";

const DUMP = sqlDump(20_000, "gateway");
const PATH = ["data"];

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

Deno.test("gateway: a stream comes whole, with its digests and nothing that a browser would run", async () => {
  await using scene = await gatewayScene();
  const backup = await scene.put(DUMP, { guard: "auto" });
  const { status, headers, body } = await scene.ask(await scene.url(backup, { path: PATH }));
  equal(status, 200);
  deepEqual(body, DUMP);
  const md5 = createHash("md5").update(DUMP).digest("base64");
  const expected = {
    "content-type": "application/sql",
    "content-length": String(DUMP.length),
    "content-disposition": `attachment; filename="data"; filename*=UTF-8''data`,
    "accept-ranges": "bytes",
    etag: `"${sha256(DUMP)}"`,
    "repr-digest": `sha-256=:${base64Of(sha256(DUMP))}:, md5=:${md5}:`,
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  };
  for (const [name, value] of Object.entries(expected)) equal(headers[name], value, name);
  deepEqual(scene.problems, []);
});

Deno.test("gateway: HEAD tells the same without content, for the same URL", async () => {
  await using scene = await gatewayScene();
  const url = await scene.url(await scene.put(DUMP), { path: PATH });
  const [get, head] = [await scene.ask(url), await scene.ask(url, {}, "HEAD")];
  equal(head.status, 200);
  equal(head.body.length, 0);
  const { date: _, ...told } = head.headers;
  const { date: __, ...given } = get.headers;
  deepEqual(told, given);
});

Deno.test("gateway: a range gives just its bytes, and reads only the packs that it needs", async () => {
  await using scene = await gatewayScene();
  const content = noise(3_000_000, "ranges");
  const backup = await scene.put(content);
  const url = await scene.url(backup, { path: PATH });
  for (const [range, start, end] of RANGES(content.length)) {
    const { status, headers, body } = await scene.ask(url, { range });
    equal(status, 206, range);
    equal(headers["content-range"], `bytes ${start}-${end - 1}/${content.length}`);
    deepEqual(body, content.subarray(start, end), range);
  }
  const behind = await scene.ask(url, { range: `bytes=${content.length}-` });
  equal(behind.status, 416);
  equal(behind.headers["content-range"], `bytes */${content.length}`);
  equal(behind.headers["x-content-type-options"], "nosniff");
});

const RANGES = (bytes: number): readonly (readonly [range: string, start: number, end: number])[] => [
  ["bytes=0-0", 0, 1],
  ["bytes=1000000-", 1_000_000, bytes],
  ["bytes=999-1500000", 999, 1_500_001],
  ["bytes=-1", bytes - 1, bytes],
];

/** A store in which a bit near the end of every large pack is wrong. */
class LateDamaged extends ForwardingStore {
  readonly #onRead: (bytes: number) => void;

  constructor(inner: BlobStore, onRead: (bytes: number) => void) {
    super(inner);
    this.#onRead = onRead;
  }

  override async get(file: FileName, range?: ByteRange, options?: GetOptions): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = (await super.get(file, range, options)).slice();
    if (file.kind !== "pack" || bytes.length < LARGE_BYTES) return bytes;
    this.#onRead(bytes.length);
    const late = Math.floor(await super.size(file) * 0.9) - (range?.offset ?? 0);
    if (late >= 0 && late < bytes.length) bytes[late]! ^= 1;
    return bytes;
  }
}

const LARGE_BYTES = 20_000;

Deno.test("gateway: what is damaged is found at the end of a stream, in what a range needs, and nowhere else", async () => {
  const scene = new GatewayScene();
  await scene.init();
  const content = noise(3_000_000, "damage");
  const backup = await scene.put(content);
  const url = await scene.url(backup, { path: PATH });
  const { access } = scene;
  let readBytes = 0;
  const openStore = async () => new LateDamaged(await access.openStore(), (bytes) => readBytes += bytes);
  await scene.start({}, { ...access, openStore });
  await using _ = scene;
  await rejects(scene.ask(url), /aborted|ECONNRESET|terminated|hang up/);
  match(scene.problems.join("\n"), /GET \/[0-9a-f]{64}\/stream\/data failed: (Damaged|Cannot open) /);
  readBytes = 0;
  const { status, body } = await scene.ask(url, { range: "bytes=0-99999" });
  equal(status, 206);
  deepEqual(body, content.subarray(0, 100_000));
  ok(readBytes < 600_000, `${readBytes}`);
});

Deno.test("gateway: If-Range continues only what it began, and what is known is not sent again", async () => {
  await using scene = await gatewayScene();
  const url = await scene.url(await scene.put(DUMP), { path: PATH });
  const own = `"${sha256(DUMP)}"`;
  const ask = async (headers: Record<string, string>) => (await scene.ask(url, headers)).status;
  equal(await ask({ range: "bytes=5-", "if-range": own }), 206);
  equal(await ask({ range: "bytes=5-", "if-range": '"other"' }), 200);
  equal(await ask({ range: "bytes=5-", "if-range": `W/${own}` }), 200);
  equal(await ask({ range: "bytes=5-", "if-range": "Thu, 01 Jan 2026 00:00:00 GMT" }), 200);
  equal(await ask({ "if-none-match": `"other", W/${own}` }), 304);
  equal(await ask({ "if-match": '"other"' }), 412);
  equal(await ask({ "if-match": own }), 200);
});

Deno.test("gateway: the clock ends a URL, to the second", async () => {
  await using scene = await gatewayScene();
  const url = await scene.url(await scene.put(DUMP), { path: PATH, seconds: 60 });
  equal((await scene.ask(url, {}, "HEAD")).status, 200);
  scene.world.clock.adjust(60_000);
  const { status, text, headers } = await scene.ask(url);
  equal(status, 410);
  match(text, /^The URL has expired[^\n]*\n$/);
  equal(headers["cache-control"], "no-store");
  scene.world.clock.adjust(-120_000);
  equal((await scene.ask(url)).status, 200);
});

Deno.test("gateway: a revoked generation ends every URL of a gateway that runs", async () => {
  await using scene = await gatewayScene();
  const backup = await scene.put(DUMP);
  const url = await scene.url(backup, { path: PATH });
  equal((await scene.ask(url)).status, 200);
  await scene.revoke();
  await scene.world.clock.advance(5_000);
  const { status, text } = await scene.ask(url);
  equal(status, 403);
  match(text, /altered, or revoked/);
  equal((await scene.ask(await scene.url(backup, { path: PATH }))).status, 200);
});

Deno.test("gateway: no URL is valid before a generation of keys has begun", async () => {
  await using scene = new GatewayScene();
  await scene.init({ withKeys: false });
  await scene.start();
  const backup = await scene.put(DUMP);
  const key = new Uint8Array(32) as Uint8Array as UrlKey;
  equal((await scene.ask(await scene.url(backup, { path: PATH, key }))).status, 403);
});

Deno.test("gateway: only GET and HEAD, only signed URLs, and the signature is in no log", async () => {
  await using scene = await gatewayScene();
  const url = await scene.url(await scene.put(DUMP), { path: PATH });
  const signature = /signature=(.*)/.exec(url)![1]!;
  const refused = await scene.ask(url, {}, "POST");
  equal(refused.status, 405);
  equal(refused.headers.allow, "GET, HEAD");
  for (const path of ["/", "/favicon.ico", url.replace("data", "date"), `${url}&x=1`, url.replace("?", "%3F")]) {
    equal((await scene.ask(path)).status, 403, path);
  }
  equal((await scene.ask(url.replace("/stream/", "/st%72eam/"))).status, 403);
  equal((await scene.ask(url)).status, 200);
  await scene.stop(1000);
  const log = scene.log.join("");
  match(log, /"GET \/[0-9a-f]{64}\/stream\/data HTTP\/1\.1" 200/);
  ok(!log.includes(signature));
  ok(!log.includes("expires"));
  ok(!scene.problems.join("").includes(signature));
});

Deno.test("gateway: a backup that was forgotten is 404 with the reason, also after it was served", async () => {
  await using scene = await gatewayScene();
  const backup = await scene.put(DUMP);
  await scene.put(DUMP.subarray(1000));
  const url = await scene.url(backup, { path: PATH });
  equal((await scene.ask(url)).status, 200);
  const request = { kind: "backups", selectors: [`@${backup.snapshotId}`] } as const;
  await forget(scene.access, request, { world: scene.world, allowLast: true });
  const { status, text } = await scene.ask(url);
  equal(status, 404);
  match(text, /^The backup was forgotten/);
});

Deno.test("gateway: what a prune moved while nobody read is found where it lies then", async () => {
  await using scene = await gatewayScene();
  const kept = noise(300_000, "kept");
  const backup = await scene.put(kept, { series: parseSeries("a") });
  const other = await scene.put(concat([noise(600_000, "other"), kept.subarray(0, 200_000)]), {
    series: parseSeries("b"),
  });
  const url = await scene.url(backup, { path: PATH });
  deepEqual((await scene.ask(url)).body, kept);
  const { world } = scene;
  const request = { kind: "backups", selectors: [`@${other.snapshotId}`] } as const;
  const before = await namesOf(scene.store, "index");
  await forget(scene.access, request, { world, allowLast: true, prune: { limits: { ...DEFAULT_PRUNE_LIMITS } } });
  notDeepEqual(await namesOf(scene.store, "index"), before);
  deepEqual((await scene.ask(url)).body, kept);
});

Deno.test("gateway: while somebody has the repository for himself, clients are told to come again", async () => {
  await using scene = await gatewayScene();
  const url = await scene.url(await scene.put(DUMP), { path: PATH });
  {
    await using repository = await openAccess(scene.access, { world: scene.world });
    await using lock = await repository.lock({ exclusive: true });
    await lock.confirmed;
    const { status, headers, text } = await scene.ask(url);
    equal(status, 503);
    match(headers["retry-after"] ?? "", /^\d+$/);
    match(text, /^The repository is locked/);
  }
  equal((await scene.ask(url)).status, 200);
});

/** A store that takes no locks. */
class Unlockable extends ForwardingStore {
  override put(file: FileName, ...others: unknown[]): Promise<void> {
    if (file.kind === "lock") return Promise.reject(new DeniedError("Cannot write a lock: denied"));
    return (super.put as (...args: unknown[]) => Promise<void>)(file, ...others);
  }
}

Deno.test("gateway: a store that takes no lock is refused at the start, and served if told so", async () => {
  await using scene = new GatewayScene();
  await scene.init();
  const url = await scene.url(await scene.put(DUMP), { path: PATH });
  const { access } = scene;
  const unlockable = { ...access, openStore: async () => new Unlockable(await access.openStore()) };
  await rejects(
    scene.start({}, unlockable),
    (error) => error instanceof DeniedError && /--no-lock/.test(error.message),
  );
  await scene.start({ noLock: true }, unlockable);
  deepEqual((await scene.ask(url)).body, DUMP);
});

Deno.test("gateway: 64 readers at once each get all of it, under one lock", async () => {
  await using scene = await gatewayScene();
  const content = noise(300_000, "many");
  const url = await scene.url(await scene.put(content), { path: PATH });
  let mostLocks = 0;
  const answers = await Promise.all(Array.from({ length: 64 }, async () => {
    const { body } = await scene.ask(url);
    mostLocks = Math.max(mostLocks, (await namesOf(scene.store, "lock")).length);
    return body;
  }));
  for (const body of answers) deepEqual(sha256(body), sha256(content));
  ok(mostLocks <= 1, `${mostLocks}`);
});

Deno.test("gateway: who leaves in the middle keeps nobody, and no lock stays", async () => {
  await using scene = await gatewayScene();
  const content = noise(8_000_000, "leaves");
  const url = await scene.url(await scene.put(content), { path: PATH });
  const socket = connect({ host: "127.0.0.1", port: scene.port });
  socket.write(`GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
  while ((await namesOf(scene.store, "lock")).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  equal((await scene.ask(url, { range: "bytes=0-9" })).status, 206);
  deepEqual(scene.problems, []);
});

Deno.test("gateway: another stream than the backup has is 404, and tells of no other", async () => {
  await using scene = await gatewayScene();
  const backup = await scene.put(DUMP);
  const { status, text } = await scene.ask(await scene.url(backup, { path: ["secret"] }));
  equal(status, 404);
  equal(text, "The backup does not hold what the URL names\n");
});

Deno.test("gateway: backups that come while it runs are found, and the lock is gone when nobody reads", async () => {
  await using scene = await gatewayScene();
  for (const seed of ["a", "b"]) {
    const content = noise(50_000, seed);
    const url = await scene.url(await scene.put(content), { path: PATH });
    deepEqual((await scene.ask(url)).body, content);
  }
  while ((await namesOf(scene.store, "lock")).length > 0) await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("gateway: a value is served as its file", async () => {
  await using scene = await gatewayScene();
  const text = new TextEncoder().encode('{"a":1}');
  const backup = await scene.put(text, { fileName: parseFileName("value.json") });
  const url = await scene.url(backup, { kind: "value", path: ["value.json"] });
  const { body, headers } = await scene.ask(url);
  deepEqual(body, text);
  equal(headers["content-type"], "application/json");
});

Deno.test("gateway: an empty stream and one of a byte are whole", async () => {
  await using scene = await gatewayScene();
  for (const content of [new Uint8Array(0), new Uint8Array(1)]) {
    const url = await scene.url(await scene.put(content, { allowEmpty: true }), { path: PATH });
    const { status, body, headers } = await scene.ask(url);
    equal(status, 200);
    equal(headers["content-length"], String(content.length));
    deepEqual(body, content);
  }
});

Deno.test("gateway: a table comes alone, whole and in parts", async () => {
  await using scene = await gatewayScene();
  const dump = new TextEncoder().encode(TWO_TABLES);
  const backup = await scene.put(dump, { guard: "auto" });
  const url = await scene.url(backup, { kind: "table", path: [...PATH, "orders"] });
  const whole = await scene.ask(url);
  equal(whole.status, 200, whole.text);
  match(whole.text, /INSERT INTO `orders`/);
  ok(!whole.text.includes("customers"), whole.text);
  equal(whole.headers["content-disposition"], `attachment; filename="orders.sql"; filename*=UTF-8''orders.sql`);
  const part = await scene.ask(url, { range: "bytes=30-" });
  equal(part.status, 206);
  equal(part.text, whole.text.slice(30));
  const missing = await scene.ask(await scene.url(backup, { kind: "table", path: [...PATH, "others"] }));
  equal(missing.status, 404);
});

const TABLE = (name: string) =>
  [
    "--",
    `-- Table structure for table \`${name}\``,
    "--",
    "",
    `DROP TABLE IF EXISTS \`${name}\`;`,
    `CREATE TABLE \`${name}\` (`,
    "  `id` int NOT NULL",
    ") ENGINE=InnoDB;",
    "",
    "--",
    `-- Dumping data for table \`${name}\``,
    "--",
    "",
    `LOCK TABLES \`${name}\` WRITE;`,
    `INSERT INTO \`${name}\` VALUES (1),(2);`,
    "UNLOCK TABLES;",
    "",
  ].join("\n");

const TWO_TABLES = [
  "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)",
  "--",
  "-- Host: localhost    Database: shop",
  "-- ------------------------------------------------------",
  "",
  TABLE("customers"),
  TABLE("orders"),
  "-- Dump completed on 2026-01-02  3:04:05",
  "",
].join("\n");

Deno.test("gateway: all of a backup comes as an archive, without ranges, and to no client that could not see its end", async () => {
  await using scene = await gatewayScene();
  const backup = await scene.put(DUMP);
  for (const [name, type] of [["backup.tar", "application/x-tar"], ["backup.zip", "application/zip"]] as const) {
    const url = await scene.url(backup, { kind: "backup", path: [name] });
    const { status, headers, body } = await scene.ask(url, { range: "bytes=5-" });
    equal(status, 200);
    equal(headers["content-type"], type);
    equal(headers["accept-ranges"], "none");
    equal(headers["content-length"], undefined);
    ok(body.length > 1000);
    deepEqual((await scene.ask(url)).body, body);
    const socket = connect({ host: "127.0.0.1", port: scene.port });
    socket.write(`GET ${url} HTTP/1.0\r\n\r\n`);
    const [head] = await once(socket, "data") as [Uint8Array];
    match(new TextDecoder().decode(head), /^HTTP\/1\.1 505 /);
    socket.destroy();
  }
});

Deno.test("gateway: more downloads than it has places for are told to come again", async () => {
  await using scene = await gatewayScene({ mostDownloads: 0 });
  const { status, headers } = await scene.ask(await scene.url(await scene.put(DUMP), { path: PATH }));
  equal(status, 503);
  match(headers["retry-after"] ?? "", /^\d+$/);
});

Deno.test("gateway: without TLS it listens to this machine only, unless it may", async () => {
  const scene = new GatewayScene();
  await scene.init();
  const listen = [{ kind: "tcp", host: "0.0.0.0", port: 0 }] as const;
  await rejects(scene.start({ listen }), (error) => error instanceof UsageError && /--insecure/.test(error.message));
  await scene.start({ listen, allowPlainToOthers: true });
  await scene.stop();
  deepEqual(await namesOf(scene.store, "lock"), []);
});
