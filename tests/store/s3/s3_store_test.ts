/** What the S3 store makes of servers that are peculiar or fail. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  DeniedError,
  ExistsError,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
} from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { bytesOf, fileOf } from "../../conformance/stored_files.ts";
import { answer, ENDPOINT, KEYS, refusal, S3Double, type S3DoubleOptions, storeOn } from "./s3_double.ts";

const CONFIG = { kind: "config", name: "config" } as const;
const BYTES = bytesOf(1000);
const PACK = fileOf("pack", BYTES);
const PATH = `/backups/some/prefix/data/${PACK.name.slice(0, 2)}/${PACK.name}`;
const SMALL_PARTS = { singleBytes: 500, partBytes: 300 };

/** A double with the bucket `backups`. */
function double(options: S3DoubleOptions = {}): S3Double {
  const made = new S3Double(options);
  made.buckets.set("backups", new Map());
  return made;
}

/** The methods and keys of the requests since `from`, without the repository's place. */
function logSince(server: S3Double, from = 0): string[] {
  return server.log.slice(from).map((line) => line.replace(PATH, "PACK").replace("/backups/some/prefix/", ""));
}

Deno.test("create makes a bucket that is missing, in its region, and no other", async () => {
  for (const [region, body] of [["us-east-1", ""], ["eu-west-1", /<LocationConstraint>eu-west-1</]] as const) {
    const server = new S3Double({ region });
    const store = storeOn(server, { settings: { "s3.region": region } });
    await store.create();
    await store.create();
    ok(server.buckets.has("backups"));
    const [made, ...more] = server.requests.filter(({ method }) => method === "PUT");
    deepEqual(more, []);
    match(Buffer.concat([...made!.content!]).toString(), new RegExp(body));
  }
});

Deno.test("create takes a bucket that it may not look at for one that is there, and tells of wrong keys", async () => {
  const closed = new S3Double({ intercept: () => refusal(403, "AccessDenied") });
  await storeOn(closed).create();
  const strange = new S3Double({ intercept: () => refusal(403, "InvalidAccessKeyId") });
  await rejects(storeOn(strange).create(), DeniedError);
});

Deno.test("a bucket that is missing holds no repository, and the message says why", async () => {
  const store = storeOn(new S3Double());
  const isTold = (thrown: unknown) => {
    match(String(thrown), /no such bucket/);
    return thrown instanceof NotFoundError;
  };
  await rejects(store.get(CONFIG), isTold);
  await rejects(store.put(PACK, [BYTES]), isTold);
  deepEqual(await Array.fromAsync(store.list("key")), []);
});

Deno.test("a web page is told from an S3 server", async () => {
  const page = () => answer(200, "<!doctype html><html><body>Welcome</body></html>", { "content-type": "text/html" });
  const store = storeOn(new S3Double({ intercept: page }));
  await rejects(store.create(), /does not look like an S3 server/);
  await rejects(Array.fromAsync(store.list("key")), /does not look like an S3 server/);
  const missing = storeOn(new S3Double({ intercept: () => ({ ...page(), status: 404 }) }));
  await rejects(missing.get(CONFIG), /does not look like an S3 server/);
});

Deno.test("the region that the server names is used from then on", async () => {
  const server = double({ region: "eu-central-1" });
  const store = storeOn(server);
  await store.put(PACK, [BYTES]);
  await store.get(PACK);
  deepEqual(logSince(server), ["PUT PACK", "PUT PACK", "GET PACK"]);
  match(server.requests[2]!.headers!["authorization"]!, /\/eu-central-1\/s3\//);
});

Deno.test("a region that the server names and refuses again is asked for once only", async () => {
  const server = double({ intercept: () => refusal(301, "PermanentRedirect", "<Region>moon-1</Region>") });
  await rejects(storeOn(server).get(CONFIG), /another region/);
  equal(server.requests.length, 2);
});

Deno.test("the region comes from the setting, the endpoint, the environment and the configuration file, in this order", async () => {
  const config = "[default]\nregion = config-1\n";
  const readTextFile = (path: string) => Promise.resolve(path === "/home/.aws/config" ? config : undefined);
  const all = {
    settings: { "s3.region": "setting-1" },
    place: "http://s3.us-west-2.amazonaws.com/backups",
    env: { ...KEYS, AWS_REGION: "variable-1", AWS_DEFAULT_REGION: "default-1", HOME: "/home" },
    readTextFile,
  };
  const place = `${ENDPOINT}/backups`;
  const cases = [
    [all, "setting-1"],
    [{ ...all, settings: {} }, "us-west-2"],
    [{ ...all, settings: {}, place }, "variable-1"],
    [{ ...all, settings: {}, place, env: { ...KEYS, AWS_DEFAULT_REGION: "default-1", HOME: "/home" } }, "default-1"],
    [{ ...all, settings: {}, place, env: { ...KEYS, HOME: "/home" } }, "config-1"],
    [{ ...all, settings: {}, place, env: KEYS }, "us-east-1"],
  ] as const;
  for (const [options, region] of cases) {
    const server = double({ intercept: () => answer(500) });
    await rejects(storeOn(server, options).get(CONFIG), TemporaryError);
    match(server.requests[0]!.headers!["authorization"]!, new RegExp(`/${region}/s3/`));
  }
});

Deno.test("a server that knows conditional puts is not asked before, except for the config", async () => {
  const server = double();
  const store = storeOn(server);
  await store.put(PACK, [BYTES]);
  await store.put(CONFIG, [BYTES]);
  deepEqual(logSince(server), ["PUT PACK", "HEAD config", "PUT config"]);
});

Deno.test("a server that does not know conditional puts is asked before, and tried once only", async () => {
  const server = double({ conditionalPut: "unknown" });
  const store = storeOn(server);
  await store.put(PACK, [BYTES]);
  deepEqual(logSince(server), ["PUT PACK", "HEAD PACK", "PUT PACK"]);
  await rejects(store.put(PACK, [BYTES]), ExistsError);
  deepEqual(logSince(server, 3), ["HEAD PACK"]);
  deepEqual(server.requests.filter(({ headers }) => headers?.["if-none-match"]).length, 1);
});

Deno.test("a config is not overwritten on a server that passes the condition over", async () => {
  const server = double({ conditionalPut: "passed over" });
  const store = storeOn(server);
  await store.put(CONFIG, [BYTES]);
  await rejects(store.put(CONFIG, [bytesOf(5)]), ExistsError);
  deepEqual(await store.get(CONFIG), BYTES);
});

Deno.test("two writers at once are a failure that may pass", async () => {
  const server = double({ intercept: () => refusal(409, "ConditionalRequestConflict") });
  await rejects(storeOn(server).put(PACK, [BYTES]), TemporaryError);
});

Deno.test("content goes with its true hash, and the class that was asked for", async () => {
  const server = double();
  const store = storeOn(server, { settings: { "s3.storage-class": "GLACIER_IR" } });
  await store.put(PACK, [BYTES.subarray(0, 10), BYTES.subarray(10)]);
  await store.put(CONFIG, [BYTES]);
  const puts = server.requests.filter(({ method }) => method === "PUT");
  const digest = createHash("sha256").update(BYTES).digest("hex");
  deepEqual(puts.map(({ headers }) => [headers?.["x-amz-content-sha256"], headers?.["x-amz-storage-class"]]), [
    [digest, "GLACIER_IR"],
    [digest, "GLACIER_IR"],
  ]);
});

Deno.test("what is large goes in parts, of which no trace is left", async () => {
  const server = double();
  const store = storeOn(server, { partSizes: SMALL_PARTS, settings: { "s3.storage-class": "STANDARD_IA" } });
  await store.put(PACK, [BYTES.subarray(0, 450), BYTES.subarray(450)]);
  deepEqual(await store.get(PACK), BYTES);
  equal(server.openUploads.size, 0);
  const parts = server.requests.filter(({ url }) => url.searchParams.has("partNumber"));
  const sizes = parts.map((
    { url, content },
  ) => [url.searchParams.get("partNumber"), Buffer.concat([...content!]).length]);
  deepEqual(Object.fromEntries(sizes), { 1: 300, 2: 300, 3: 300, 4: 100 });
  const begun = server.requests.find(({ url }) => url.searchParams.has("uploads"));
  equal(begun?.headers?.["x-amz-storage-class"], "STANDARD_IA");
  await rejects(store.put(PACK, [BYTES]), ExistsError);
  equal(server.openUploads.size, 0);
});

Deno.test("the end of an upload in parts does not overwrite either", async () => {
  const server = double({
    intercept({ method, url }, { buckets }) {
      if (method === "POST" && url.searchParams.has("uploadId")) buckets.get("backups")!.set(PATH.slice(9), bytesOf(3));
      return undefined;
    },
  });
  await rejects(storeOn(server, { partSizes: SMALL_PARTS }).put(PACK, [BYTES]), ExistsError);
  equal(server.openUploads.size, 0);
  equal(server.buckets.get("backups")!.get(PATH.slice(9))!.length, 3);
});

for (
  const [what, fails, failure] of [
    ["a part is refused", (query: URLSearchParams) => query.get("partNumber") === "2", refusal(503, "SlowDown")],
    ["a part has no ETag", (query: URLSearchParams) => query.get("partNumber") === "2", answer(200)],
    ["the end fails with status 200", (query: URLSearchParams, method: string) => {
      return method === "POST" && query.has("uploadId");
    }, refusal(200, "InternalError")],
    ["the end is something else", (query: URLSearchParams, method: string) => {
      return method === "POST" && query.has("uploadId");
    }, answer(200, "<html/>")],
  ] as const
) {
  Deno.test(`an upload in parts is given up where ${what}`, async () => {
    const server = double({
      intercept: ({ url, method }) => fails(url.searchParams, method) ? failure : undefined,
    });
    const store = storeOn(server, { partSizes: SMALL_PARTS });
    await rejects(store.put(PACK, [BYTES]), StoreError);
    equal(server.openUploads.size, 0);
    match(server.log.at(-1)!, /^DELETE .*uploadId=/);
    await rejects(store.size(PACK), NotFoundError);
  });
}

Deno.test("an upload in parts that is aborted leaves no parts", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  const server = double({
    intercept({ url }) {
      if (url.searchParams.get("partNumber") === "2") controller.abort(reason);
      return undefined;
    },
  });
  const store = storeOn(server, { partSizes: SMALL_PARTS });
  await rejects(store.put(PACK, [BYTES], { signal: controller.signal }), reason);
  equal(server.openUploads.size, 0);
});

Deno.test("a part with fewer bytes than it should have is never given", async () => {
  const short = (told: string) =>
    storeOn(double({
      intercept: () => ({ status: 206, headers: new Map([["content-range", told]]), body: bytesOf(4) }),
    }));
  const range = { offset: 2, length: 5 };
  await rejects(short("bytes 2-5/6").get(PACK, range), /the file ends after 6 bytes/);
  await rejects(short("bytes 2-5/100").get(PACK, range), /the server sent something else/);
  await rejects(short("nonsense").get(PACK, range), /the server sent something else/);
  await rejects(short("nonsense").get(PACK, { offset: 2 }), /the server sent something else/);
});

Deno.test("a server that gives the whole file for a part of it is understood", async () => {
  const whole = double({ intercept: () => ({ status: 200, headers: new Map(), body: bytesOf(1000) }) });
  deepEqual(await storeOn(whole).get(PACK, { offset: 10, length: 5 }), BYTES.slice(10, 15));
  await rejects(storeOn(whole).get(PACK, { offset: 999, length: 5 }), /the file ends after 1000 bytes/);
});

Deno.test("a size that the server does not tell is an error", async () => {
  await rejects(storeOn(double({ intercept: () => answer(200) })).size(PACK), /does not tell the length/);
});

Deno.test("keys are those of restic, with and without a prefix", async () => {
  const server = double();
  for (const place of [`${ENDPOINT}/backups`, `${ENDPOINT}/backups/a%20b/+`]) {
    const store = storeOn(server, { place });
    await store.put(PACK, [BYTES]);
    await store.put(CONFIG, [BYTES]);
    deepEqual(await Array.fromAsync(store.list("pack")), [{ name: PACK.name, size: 1000 }]);
  }
  const path = `data/${PACK.name.slice(0, 2)}/${PACK.name}`;
  deepEqual([...server.buckets.get("backups")!.keys()], [path, "config", `a b/+/${path}`, "a b/+/config"]);
});

Deno.test("requests without a signature go where that was asked for", async () => {
  const server = double({ intercept: () => answer(200, "public") });
  const store = storeOn(server, { settings: { "s3.unsafe-anonymous-auth": "true" }, env: {} });
  equal(new TextDecoder().decode(await store.get(CONFIG)), "public");
  equal(server.requests[0]!.headers?.["authorization"], undefined);
});

Deno.test("connections and uploads follow the setting, and closing closes the line", async () => {
  const server = double();
  const store = storeOn(server, { settings: { "s3.connections": "2" } });
  deepEqual([store.connections, store.uploads], [2, 2]);
  equal(store.location, `s3:${ENDPOINT}/backups/some/prefix`);
  await store.close();
  ok(server.isClosed);
  deepEqual([storeOn(server).connections, storeOn(server).uploads], [12, 3]);
});

/** Keys whose file is written anew whenever the server refuses the ones before. */
function rotated(server: S3Double) {
  let number = 0;
  const readTextFile = (path: string) =>
    Promise.resolve(
      path === "/home/.aws/credentials"
        ? `[default]\naws_access_key_id = key-${++number}\naws_secret_access_key = s\n`
        : undefined,
    );
  return storeOn(server, { env: { HOME: "/home", AWS_REGION: "us-east-1" }, readTextFile });
}

const keyOf = ({ headers }: { headers?: Readonly<Record<string, string>> }) =>
  /Credential=([^/]+)/.exec(headers?.["authorization"] ?? "")?.[1];

Deno.test("keys that ended are looked for again once, and the request is sent with the others", async () => {
  for (const code of ["ExpiredToken", "InvalidAccessKeyId"]) {
    const server = double({ intercept: (request) => keyOf(request) === "key-1" ? refusal(400, code) : undefined });
    const store = rotated(server);
    await store.put(PACK, [BYTES]);
    deepEqual(server.requests.map(keyOf), ["key-1", "key-2"]);
    deepEqual(await store.get(PACK), BYTES);
  }
});

Deno.test("keys that are refused again, or are all there are, end with the reason", async () => {
  const server = double({ intercept: () => refusal(403, "ExpiredToken") });
  await rejects(rotated(server).get(CONFIG), /have expired/);
  deepEqual(server.requests.map(keyOf), ["key-1", "key-2"]);
  const same = double({ intercept: () => refusal(403, "ExpiredToken") });
  await rejects(storeOn(same).get(CONFIG), DeniedError);
  equal(same.requests.length, 1);
});

Deno.test("a HEAD that is refused without a word is asked as a GET, whose answer says why", async () => {
  const ended = double({
    intercept: ({ method, headers }) => {
      if (keyOf({ headers: headers! }) !== "key-1") return undefined;
      return method === "HEAD" ? answer(400) : refusal(400, "ExpiredToken");
    },
  });
  const store = rotated(ended);
  ended.buckets.get("backups")!.set(`some/prefix/config`, BYTES);
  equal(await store.size(CONFIG), BYTES.length);
  deepEqual(ended.requests.map(({ method }) => method), ["HEAD", "GET", "HEAD"]);
  equal(ended.requests[1]!.headers!["range"], "bytes=0-0");
  const closed = double({
    intercept: ({ method }) => method === "HEAD" ? answer(403) : refusal(403, "AllAccessDisabled"),
  });
  await rejects(storeOn(closed).size(CONFIG), /AllAccessDisabled/);
  equal(closed.requests.length, 2);
});

Deno.test("a signature that came too late is made anew once", async () => {
  let refusals = 1;
  const late = double({ intercept: () => refusals-- > 0 ? refusal(403, "RequestTimeTooSkewed") : undefined });
  await storeOn(late).put(PACK, [BYTES]);
  equal(late.requests.length, 2);
  const wrong = double({ intercept: () => refusal(403, "RequestTimeTooSkewed") });
  await rejects(storeOn(wrong).put(PACK, [BYTES]), /set the clock/);
  equal(wrong.requests.length, 2);
});

Deno.test("a request that is too large for a proxy is told as that, not as a full disk", async () => {
  const page = answer(413, "<html><h1>413 Request Entity Too Large</h1></html>", { "content-type": "text/html" });
  for (const refused of [page, refusal(400, "EntityTooLarge")]) {
    await rejects(storeOn(double({ intercept: () => refused })).put(PACK, [BYTES]), (thrown) => {
      match(String(thrown), /proxy.*size of a request/);
      return thrown instanceof StoreError && !(thrown instanceof StoreFullError);
    });
  }
});

Deno.test("a program of the profile is run by the shell, for that profile", async () => {
  const line = `printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"s"}' "for-$AWS_PROFILE"`;
  const readTextFile = (path: string) =>
    Promise.resolve(path === "/etc/aws" ? `[profile backup]\ncredential_process = ${line}\n` : undefined);
  const server = double();
  const env = { AWS_CONFIG_FILE: "/etc/aws", AWS_PROFILE: "backup", AWS_REGION: "us-east-1" };
  await storeOn(server, { env, readTextFile, clock: systemClock }).put(PACK, [BYTES]);
  deepEqual(server.requests.map(keyOf), ["for-backup"]);
});
