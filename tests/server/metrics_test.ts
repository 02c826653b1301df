/** What a server tells of itself: metrics as Prometheus reads them, and a line a request. */
import assert from "node:assert/strict";
import { ACCESS_LOG_FIELDS, AccessLog, formatEntry } from "../../src/server/access_log.ts";
import { Metrics } from "../../src/server/metrics.ts";
import { contentOf, served } from "./served.ts";

const CONTENT = contentOf(1);

Deno.test("every line of the metrics is one of Prometheus' text format, each name announced once", async () => {
  await using box = await served({ limitBytes: 10_000 });
  await box.create("alice/r");
  const { path } = await box.put("alice/r", CONTENT);
  await box.request("GET", path, { headers: { range: "bytes=0-9" } });
  await box.request("DELETE", path);
  const answer = await box.request("GET", "/metrics");
  assert.match(answer.headers["content-type"]!, /^text\/plain; version=0\.0\.4/);
  assert.ok(answer.text.endsWith("\n"));
  const lines = answer.text.slice(0, -1).split("\n");
  for (const line of lines) {
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? \d+)$/);
  }
  const types = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
  assert.equal(new Set(types).size, types.length);
  const labels = '{user="",repo="alice/r",type="data"}';
  const expected: Record<string, number> = {
    [`rest_server_blob_write_total${labels}`]: 1,
    [`rest_server_blob_write_bytes_total${labels}`]: 1000,
    [`rest_server_blob_read_total${labels}`]: 1,
    [`rest_server_blob_read_bytes_total${labels}`]: 10,
    [`rest_server_blob_delete_total${labels}`]: 1,
    [`rest_server_blob_delete_bytes_total${labels}`]: 1000,
    'agent_repository_files{repo="alice/r",type="data"}': 0,
    "agent_limit_bytes": 10_000,
    "agent_stored_bytes": 0,
    "agent_http_received_bytes_total": 1000,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(await box.metric(name), value, name);
});

Deno.test("labels are escaped, and there is an end to their number", () => {
  const metrics = new Metrics();
  const event = { action: "read", repository: "r", kind: "pack", bytes: 1 } as const;
  metrics.countBlob({ ...event, user: 'a"\\\nb' });
  for (let i = 0; i < 20_000; i++) metrics.countBlob({ ...event, user: `user${i}` });
  metrics.countRequest("BREW", 405, 0, 0);
  const text = metrics.format({
    usage: [],
    requestsInFlight: 0,
    connections: 0,
    idleConnections: 0,
    takenBytes: 0,
    limitBytes: Infinity,
    logLinesDropped: 0,
  });
  assert.ok(text.includes('rest_server_blob_read_total{user="a\\"\\\\\\nb",repo="r",type="data"} 1\n'));
  assert.ok(text.includes('rest_server_blob_read_total{user="other",repo="other",type="data"} 10001\n'));
  assert.ok(text.includes('agent_http_requests_total{method="other",status="405"} 1\n'));
  assert.ok(!text.includes("agent_limit_bytes"));
});

Deno.test("a request leaves one line, without its password", async () => {
  const lines: string[] = [];
  await using box = await served({ writeLog: (text) => Promise.resolve(void lines.push(text)) });
  await box.request("POST", "/r/?create=true", { user: "alice:secret", headers: { "user-agent": 'a"b' } });
  await box.stop();
  assert.equal(lines.length, 1);
  assert.match(
    lines[0]!,
    /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "POST \/r\/\?create=true HTTP\/1\.1" 200 0 "-" "a\\"b" \d+\.\d\n$/,
  );
});

const ENTRY = {
  remoteAddress: "",
  user: "a b\n",
  time: new Date("2026-01-02T03:04:05Z"),
  method: "GET",
  url: '/\x1b[31m"é',
  httpVersion: "1.1",
  status: 404,
  bytesSent: 7,
  userAgent: "",
  durationMs: 1.25,
};

Deno.test("a line cannot be forged or play with a terminal", () => {
  assert.equal(
    formatEntry(ENTRY),
    '- - a\\x20b\\x0a [02/Jan/2026:03:04:05 +0000] "GET /\\x1b[31m\\"\\xe9 HTTP/1.1" 404 7 "-" "-" 1.3\n',
  );
});

Deno.test("the fields of a line are those that docs/server.md names, in that order", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/server.md", import.meta.url));
  const table = /\| Field +\|[^\n]*\n\|[-| ]+\n((?:\|[^\n]*\n)+)/.exec(text)![1]!;
  const names = table.trim().split("\n").map((row) => row.split("|")[1]!.trim());
  assert.deepEqual(names, ACCESS_LOG_FIELDS.map(([name]) => name));
});

Deno.test("a client on a socket for both versions of IP is told by its address of IPv4", async () => {
  const lines: string[] = [];
  const writeLog = (text: string) => Promise.resolve(void lines.push(text));
  const listen = [{ kind: "tcp", host: "", port: 0 }] as const;
  await using box = await served({ writeLog, listen, allowOpenToOthers: true });
  await box.request("GET", "/healthz");
  await box.stop();
  assert.match(lines.join(""), /^127\.0\.0\.1 - - \[/);
});

Deno.test("a log that fails or stands still costs lines, not memory, and is told once", async () => {
  const problems: unknown[] = [];
  const failing = new AccessLog(() => Promise.reject(new Error("full")), (thrown) => problems.push(thrown));
  failing.add(ENTRY);
  await failing.flush();
  failing.add(ENTRY);
  await failing.flush();
  assert.equal(problems.length, 1);
  assert.equal(failing.linesDropped, 2);
  const { promise, resolve } = Promise.withResolvers<void>();
  const written: string[] = [];
  const slow = new AccessLog((text) => (written.push(text), promise), () => {});
  for (let i = 0; i < 20_000; i++) slow.add(ENTRY);
  resolve();
  await slow.flush();
  assert.ok(slow.linesDropped > 0);
  assert.ok(written.join("").length <= 2 ** 20);
  assert.equal(written.join("").split("\n").length - 1 + slow.linesDropped, 20_000);
});
