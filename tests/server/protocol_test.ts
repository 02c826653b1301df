/** The restic REST protocol through real HTTP: every request of the table, and what restic relies on. */
import assert from "node:assert/strict";
import { contentOf, LIST_V2, nameOf, type Served, served } from "./served.ts";

const CONTENT = contentOf(1);
const NAME = nameOf(CONTENT);
const KINDS = ["data", "keys", "locks", "snapshots", "index"];

async function statusOf(box: Served, method: string, path: string, body?: Uint8Array | string): Promise<number> {
  return (await box.request(method, path, body === undefined ? {} : { body })).status;
}

for (const repository of ["", "shop", "alice/shop"]) {
  const base = repository === "" ? "" : `/${repository}`;
  Deno.test(`a repository at "${base}/" lives its life`, async () => {
    await using box = await served();
    assert.equal(await statusOf(box, "HEAD", `${base}/config`), 404);
    assert.equal(await statusOf(box, "POST", `${base}/config`, "c"), 404, "not created");
    assert.equal(await statusOf(box, "POST", `${base}/data/${NAME}`, CONTENT), 404, "not created");
    assert.equal(await statusOf(box, "POST", `${base}/`), 400, "without create=true");
    assert.equal(await statusOf(box, "POST", `${base}/?create=true`), 200);
    assert.equal(await statusOf(box, "POST", `${base}/?create=true`), 200, "again");
    assert.equal(await statusOf(box, "POST", `${base}/config`, "config"), 200);
    assert.equal(await statusOf(box, "POST", `${base}/config`, "config"), 403, "never overwritten");
    assert.equal((await box.request("GET", `${base}/config`)).text, "config");
    for (const kind of KINDS) {
      const path = `${base}/${kind}/${NAME}`;
      assert.equal((await box.request("GET", `${base}/${kind}/`, { headers: LIST_V2 })).text, "[]");
      assert.equal(await statusOf(box, "GET", path), 404);
      assert.equal(await statusOf(box, "POST", path, CONTENT), 200);
      assert.deepEqual((await box.request("GET", path)).body, CONTENT);
      const list = await box.request("GET", `${base}/${kind}/`, { headers: LIST_V2 });
      assert.deepEqual(JSON.parse(list.text), [{ name: NAME, size: CONTENT.length }]);
      assert.equal(await statusOf(box, "DELETE", path), 200);
      assert.equal(await statusOf(box, "DELETE", path), 200, "already gone");
      assert.equal(await statusOf(box, "HEAD", path), 404);
    }
    assert.deepEqual(await box.files(), [`${repository}/config`.replace(/^\//, "")]);
    assert.deepEqual(box.problems, []);
  });
}

Deno.test("packs lie on disk as in a local repository, readable for the owner alone", async () => {
  await using box = await served();
  await box.create("r");
  await box.put("r", CONTENT);
  const path = `r/data/${NAME.slice(0, 2)}/${NAME}`;
  assert.deepEqual(await box.files(), [path]);
  assert.equal((await Deno.stat(`${box.folder}/${path}`)).mode! & 0o777, 0o400);
});

Deno.test("HEAD tells the true length and sends no body", async () => {
  await using box = await served();
  await box.create("r");
  const { path } = await box.put("r", CONTENT);
  const answer = await box.request("HEAD", path);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-length"], "1000");
  assert.equal(answer.body.length, 0);
});

Deno.test("lists go by the Accept header; the type of v2 is exact", async () => {
  await using box = await served();
  await box.create("r");
  await box.put("r", CONTENT);
  const v2 = await box.request("GET", "/r/data/", { headers: LIST_V2 });
  assert.equal(v2.headers["content-type"], "application/vnd.x.restic.rest.v2");
  const v1 = await box.request("GET", "/r/data/");
  assert.equal(v1.headers["content-type"], "application/vnd.x.restic.rest.v1");
  assert.deepEqual(JSON.parse(v1.text), [NAME]);
});

Deno.test("lists of many files come whole, without foreign names", async () => {
  await using box = await served();
  await box.create("r");
  const names = Array.from({ length: 1500 }, (_, i) => nameOf(contentOf(i, 8))).sort();
  for (const name of names) await Deno.writeTextFile(`${box.folder}/r/index/${name}`, "x");
  for (const name of ["README", `${NAME}-tmp-00`, NAME.toUpperCase()]) {
    await Deno.writeTextFile(`${box.folder}/r/index/${name}`, "x");
  }
  const { text } = await box.request("GET", "/r/index/", { headers: LIST_V2 });
  const rows = JSON.parse(text) as { name: string; size: number }[];
  assert.deepEqual(rows.map(({ name }) => name).sort(), names);
});

const RANGES: readonly (readonly [header: string, status: number, start: number, end: number])[] = [
  ["bytes=0-", 206, 0, 1000],
  ["bytes=10-", 206, 10, 1000],
  ["bytes=10-19", 206, 10, 20],
  ["bytes=990-5000", 206, 990, 1000],
  ["bytes=-7", 206, 993, 1000],
  ["bytes=-7000", 206, 0, 1000],
  ["bytes=999-999", 206, 999, 1000],
  ["bytes=1000-", 416, 0, 0],
  ["bytes=1000-1001", 416, 0, 0],
  ["bytes=-0", 416, 0, 0],
  ["bytes=20-10", 200, 0, 1000],
  ["bytes=0-1,5-6", 200, 0, 1000],
  ["lines=1-2", 200, 0, 1000],
  ["bytes=-", 200, 0, 1000],
  ["bytes=99999999999999999999-", 416, 0, 0],
  ["bytes=10-99999999999999999999", 206, 10, 1000],
];

Deno.test("ranges: parts with Content-Range and exact length, 416 behind the end, the whole for what is no range", async () => {
  await using box = await served();
  await box.create("r");
  const { path } = await box.put("r", CONTENT);
  for (const [header, status, start, end] of RANGES) {
    const answer = await box.request("GET", path, { headers: { range: header } });
    assert.equal(answer.status, status, header);
    if (status === 416) assert.equal(answer.headers["content-range"], "bytes */1000", header);
    else assert.deepEqual(answer.body, CONTENT.subarray(start, end), header);
    if (status !== 206) continue;
    assert.equal(answer.headers["content-range"], `bytes ${start}-${end - 1}/1000`, header);
    assert.equal(answer.headers["content-length"], String(end - start), header);
  }
});

Deno.test("a file of many pieces comes whole, and so does a large part of it", async () => {
  await using box = await served();
  await box.create("r");
  const content = contentOf(2, 3_000_001);
  const { path, status } = await box.put("r", content);
  assert.equal(status, 200);
  assert.equal(nameOf((await box.request("GET", path)).body), nameOf(content));
  const part = await box.request("GET", path, { headers: { range: "bytes=1-2500000" } });
  assert.equal(nameOf(part.body), nameOf(content.subarray(1, 2_500_001)));
});

Deno.test("content that is not what its name says is refused, and nothing of it stays", async () => {
  await using box = await served();
  await box.create("r");
  for (const kind of KINDS) {
    assert.equal(await statusOf(box, "POST", `/r/${kind}/${NAME}`, contentOf(2)), 400, kind);
    assert.equal(await statusOf(box, "POST", `/r/${kind}/${NAME}`, ""), 400, kind);
  }
  assert.deepEqual(await box.files(), []);
});

Deno.test("a repeated upload succeeds where the content is the same, and never changes what is there", async () => {
  await using box = await served();
  await box.create("r");
  const { path } = await box.put("r", CONTENT);
  assert.equal(await statusOf(box, "POST", path, CONTENT), 200);
  assert.equal((await box.request("POST", path, { body: CONTENT, chunked: true })).status, 200);
  assert.equal(await statusOf(box, "POST", path, contentOf(2)), 403, "other content");
  assert.equal(await statusOf(box, "POST", path, contentOf(2, 10)), 403, "another length");
  const longer = await box.request("POST", path, { body: contentOf(2, 5000), chunked: true });
  assert.equal(longer.status, 403, "another length that shows late");
  assert.deepEqual((await box.request("GET", path)).body, CONTENT);
});

Deno.test("of many uploads of one name at once all succeed, and one file is there", async () => {
  await using box = await served({ limitBytes: 1_000_000 });
  await box.create("r");
  const content = contentOf(3, 100_000);
  const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await box.put("r", content)).status));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal((await box.files()).length, 1);
  assert.equal(await box.metric("agent_stored_bytes"), 100_000, "counted once");
});

Deno.test("of several configs at once one is stored", async () => {
  await using box = await served();
  await box.create("r");
  const statuses = await Promise.all(["a", "b", "c"].map((text) => statusOf(box, "POST", "/r/config", text)));
  assert.deepEqual(statuses.sort(), [200, 403, 403]);
});

Deno.test("an upload without a length and an empty create in chunks are taken", async () => {
  await using box = await served();
  const created = await box.request("POST", "/r/?create=true", { chunked: true });
  assert.equal(created.status, 200);
  const stored = await box.request("POST", `/r/data/${NAME}`, { body: CONTENT, chunked: true });
  assert.equal(stored.status, 200);
});

Deno.test("other methods get 405 with those that work, other paths 404", async () => {
  await using box = await served();
  const put = await box.request("PUT", `/r/data/${NAME}`);
  assert.equal(put.status, 405);
  assert.equal(put.headers["allow"], "GET, HEAD, POST, DELETE");
  assert.equal(await statusOf(box, "DELETE", "/r/"), 405);
  assert.equal(await statusOf(box, "GET", "/r/data"), 404);
  assert.equal(await statusOf(box, "GET", "/r/s/things/"), 404);
  assert.equal(await statusOf(box, "GET", `/${"a".repeat(2000)}`), 414);
});

Deno.test("an open server takes the empty credentials that restic sends", async () => {
  await using box = await served();
  assert.equal(
    (await box.request("POST", "/r/?create=true", { headers: { authorization: "Basic Og==" } })).status,
    200,
  );
});

Deno.test("health is told to everybody", async () => {
  await using box = await served();
  assert.equal((await box.request("GET", "/healthz")).text, "ok\n");
});
