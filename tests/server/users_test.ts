/** Who may do what: users of an htpasswd file and of a proxy, private repositories, append-only servers. */
import assert from "node:assert/strict";
import { bcrypt } from "hash-wasm";
import { createHash } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import { AgentError, UsageError } from "../../src/base/errors.ts";
import type { ServerOptions } from "../../src/server/server.ts";
import { contentOf, type Served, servedFolder } from "./served.ts";

const CONTENT = contentOf(1);

async function hashOf(password: string, costFactor = 4): Promise<string> {
  const hash = await bcrypt({ password, salt: new Uint8Array(16), costFactor, outputType: "encoded" });
  return hash.replace("$2a$", "$2y$");
}

const SHA = `{SHA}${createHash("sha1").update("sha-secret").digest("base64")}`;

async function writeUsers({ folder }: Served, lines: readonly string[]): Promise<void> {
  await Deno.writeTextFile(`${folder}/.htpasswd`, lines.map((line) => `${line}\n`).join(""));
}

/** A clock whose monotonic time is set by hand. */
function steppedClock() {
  let addedMs = 0;
  return {
    clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + addedMs },
    step: (ms: number) => void (addedMs += ms),
  };
}

async function withUsers(options: Partial<ServerOptions> = {}): Promise<Served> {
  const box = await servedFolder();
  await writeUsers(box, [
    "# users",
    `alice:${await hashOf("secret")}`,
    `bob:${SHA}`,
    `alice:${await hashOf("second")}`,
    "carol:$apr1$x$y",
    `metrics:${SHA}`,
  ]);
  await box.start({ authentication: { method: "htpasswd", path: `${box.folder}/.htpasswd` }, ...options });
  return box;
}

Deno.test("users come in with their password, by bcrypt or SHA; everybody else gets 401", async () => {
  await using box = await withUsers();
  const cases: readonly (readonly [user: string | undefined, status: number])[] = [
    ["alice:secret", 200],
    ["alice:secret", 200],
    ["bob:sha-secret", 200],
    ["alice:wrong", 401],
    ["alice:second", 401],
    ["alice:", 401],
    ["nobody:secret", 401],
    ["carol:x", 401],
    [":", 401],
    [":secret", 401],
    [undefined, 401],
    [`alice:${"x".repeat(100)}`, 401],
  ];
  for (const [user, status] of cases) {
    const answer = await box.request("POST", "/r/?create=true", user === undefined ? {} : { user });
    assert.equal(answer.status, status, user);
    if (status === 401) assert.match(answer.headers["www-authenticate"]!, /^Basic realm=/);
  }
  for (const authorization of ["Bearer abc", "Basic !!!", "Basic", `Basic ${btoa("alice")}`]) {
    const { status } = await box.request("POST", "/r/?create=true", { headers: { authorization } });
    assert.equal(status, 401, authorization);
  }
  assert.equal((await box.request("GET", "/healthz")).status, 200);
  assert.equal((await box.request("GET", "/metrics")).status, 401);
  assert.equal(box.problems.length, 1, "one line of the file is of no use");
  assert.match(box.problems[0]!, /line 5 is passed over/);
});

Deno.test("a password longer than bcrypt reads counts by its first 72 bytes, as with htpasswd", async () => {
  await using box = await servedFolder();
  await writeUsers(box, [`alice:${await hashOf("x".repeat(72))}`]);
  await box.start({ authentication: { method: "htpasswd", path: `${box.folder}/.htpasswd` } });
  assert.equal((await box.request("POST", "/r/?create=true", { user: `alice:${"x".repeat(80)}` })).status, 200);
});

Deno.test("a changed file of users counts; one that is broken leaves them as they were", async () => {
  const { clock, step } = steppedClock();
  await using box = await withUsers({ clock });
  const status = async (user: string) => {
    step(2000);
    return (await box.request("POST", "/r/?create=true", { user })).status;
  };
  assert.equal(await status("alice:secret"), 200);
  await writeUsers(box, [`alice:${await hashOf("changed")}`]);
  assert.equal(await status("alice:secret"), 401);
  assert.equal(await status("alice:changed"), 200);
  await writeUsers(box, []);
  assert.equal(await status("alice:changed"), 200);
  await Deno.remove(`${box.folder}/.htpasswd`);
  assert.equal(await status("alice:changed"), 200);
  assert.equal(await status("alice:changed"), 200);
  assert.equal(box.problems.filter((problem) => /users stay as they were/.test(problem)).length, 2);
  await writeUsers(box, [`dave:${SHA}`]);
  assert.equal(await status("dave:sha-secret"), 200);
  assert.equal(await status("alice:changed"), 401);
});

Deno.test("a flood of wrong passwords is turned away, and known users go on", async () => {
  await using box = await withUsers();
  assert.equal((await box.request("POST", "/r/?create=true", { user: "alice:secret" })).status, 200);
  const guesses = Array.from({ length: 60 }, (_, i) => box.request("GET", "/r/data/", { user: `alice:guess${i}` }));
  const known = await box.put("r", CONTENT, { user: "alice:secret" });
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  assert.equal(known.status, 200);
  assert.ok(statuses.every((status) => status === 401 || status === 503), String(statuses));
  assert.ok(statuses.includes(503));
});

Deno.test("who came in once comes in through a flood a day later, too", async () => {
  const { clock, step } = steppedClock();
  await using box = await withUsers({ clock });
  assert.equal((await box.request("POST", "/r/?create=true", { user: "alice:secret" })).status, 200);
  step(24 * 3_600_000);
  const guesses = Array.from({ length: 60 }, (_, i) => box.request("GET", "/r/data/", { user: `mallory${i}:guess` }));
  assert.equal((await box.put("r", CONTENT, { user: "alice:secret" })).status, 200);
  assert.ok((await Promise.all(guesses)).some(({ status }) => status === 503));
});

Deno.test("while a password is verified, others are served", async () => {
  await using box = await servedFolder();
  await writeUsers(box, [`alice:${await hashOf("secret", 12)}`]);
  await box.start({ authentication: { method: "htpasswd", path: `${box.folder}/.htpasswd` } });
  let isAnswered = false;
  const guess = box.request("GET", "/r/data/", { user: "alice:wrong" }).finally(() => isAnswered = true);
  for (let i = 0; i < 3; i++) assert.equal((await box.request("GET", "/healthz")).status, 200);
  assert.equal(isAnswered, false);
  assert.equal((await guess).status, 401);
});

Deno.test("a file whose hashes are too dear or too cheap is told line by line, and the others count", async () => {
  await using box = await servedFolder();
  const cheap = await hashOf("secret");
  await writeUsers(box, [
    `alice:${cheap}`,
    `bob:${cheap.replace("$04$", "$15$")}`,
    `carol:${cheap.replace("$04$", "$03$")}`,
    `dave:${cheap.replace("$04$", "$99$")}`,
  ]);
  await box.start({ authentication: { method: "htpasswd", path: `${box.folder}/.htpasswd` } });
  assert.equal((await box.request("POST", "/r/?create=true", { user: "alice:secret" })).status, 200);
  for (const user of ["bob", "carol", "dave"]) {
    assert.equal((await box.request("GET", "/r/data/", { user: `${user}:secret` })).status, 401, user);
  }
  const lines = box.problems.map((problem) => /line (\d) is passed over: its bcrypt cost (\d+) is not/.exec(problem)!);
  assert.deepEqual(lines.map(([, line, cost]) => [line, cost]), [["2", "15"], ["3", "3"], ["4", "99"]]);
});

Deno.test("private repositories: a user reaches what lies below its own name", async () => {
  await using box = await withUsers({ rules: { appendOnly: false, privateRepositories: true } });
  const cases: readonly (readonly [user: string, path: string, status: number])[] = [
    ["alice:secret", "/alice/?create=true", 200],
    ["alice:secret", "/alice/shop/?create=true", 200],
    ["alice:secret", "/bob/?create=true", 403],
    ["alice:secret", "/?create=true", 403],
    ["alice:secret", "/alicex/?create=true", 403],
    ["bob:sha-secret", "/alice/shop/?create=true", 403],
    ["alice:wrong", "/alice/?create=true", 401],
  ];
  for (const [user, path, status] of cases) {
    assert.equal((await box.request("POST", path, { user })).status, status, `${user} ${path}`);
  }
  assert.equal((await box.request("GET", "/metrics", { user: "alice:secret" })).status, 403);
  assert.equal((await box.request("GET", "/metrics", { user: "metrics:sha-secret" })).status, 200);
});

Deno.test("an append-only server removes locks and nothing else", async () => {
  await using box = await servedFolder();
  await box.start({ rules: { appendOnly: true, privateRepositories: false } });
  await box.create("r");
  const { path } = await box.put("r", CONTENT);
  for (const kind of ["data", "keys", "snapshots", "index", "locks"]) {
    const of = path.replace("data", kind);
    assert.equal((await box.request("POST", of, { body: CONTENT })).status, 200);
    assert.equal((await box.request("DELETE", of)).status, kind === "locks" ? 200 : 403, kind);
  }
  await box.request("POST", "/r/config", { body: "config" });
  assert.equal((await box.request("DELETE", "/r/config")).status, 403);
  assert.equal((await box.files()).length, 5);
});

Deno.test("a proxy names the user, and has to", async () => {
  await using box = await servedFolder();
  await box.start({
    authentication: { method: "proxy", header: "x-user" },
    rules: { appendOnly: false, privateRepositories: true },
  });
  const status = async (headers: Record<string, string>) =>
    (await box.request("POST", "/alice/?create=true", { headers })).status;
  assert.equal(await status({ "x-user": "alice" }), 200);
  assert.equal(await status({ "x-user": "bob" }), 403);
  assert.equal(await status({}), 401);
});

Deno.test("who a user is has to be said once", async () => {
  await using box = await servedFolder();
  await box.start({
    authentication: { method: "proxy", header: "from" },
    rules: { appendOnly: false, privateRepositories: true },
  });
  using raw = await box.dial();
  raw.send("POST /alice/?create=true HTTP/1.1\r\nHost: a\r\nFrom: alice\r\nFrom: bob\r\nContent-Length: 0\r\n\r\n");
  assert.match(await raw.answers(1), /^HTTP\/1\.1 400/);
  await using users = await withUsers();
  using other = await users.dial();
  const [right, wrong] = ["alice:secret", "alice:wrong"].map((text) => `Authorization: Basic ${btoa(text)}`);
  other.send(`POST /r/?create=true HTTP/1.1\r\nHost: a\r\n${right}\r\n${wrong}\r\nContent-Length: 0\r\n\r\n`);
  assert.match(await other.answers(1), /^HTTP\/1\.1 400/);
});

Deno.test("a header that names the user counts for nothing unless the server was told to trust it", async () => {
  await using box = await withUsers({ rules: { appendOnly: false, privateRepositories: true } });
  const headers = { "x-forwarded-user": "alice", "remote-user": "alice", "x-user": "alice" };
  assert.equal((await box.request("POST", "/alice/?create=true", { headers })).status, 401);
  const { status } = await box.request("POST", "/alice/?create=true", { headers, user: "bob:sha-secret" });
  assert.equal(status, 403);
});

Deno.test("a server without a usable file of users, or open to others unasked, does not start", async () => {
  await using box = await servedFolder();
  const authentication = { method: "htpasswd", path: `${box.folder}/.htpasswd` } as const;
  await assert.rejects(
    () => box.start({ authentication }),
    (error) =>
      error instanceof UsageError && /htpasswd -B -c .* USER/.test(error.message) && /--no-auth/.test(error.message),
  );
  await writeUsers(box, ["carol:plain"]);
  await assert.rejects(() => box.start({ authentication }), UsageError);
  const listen = [{ kind: "tcp", host: "0.0.0.0", port: 0 }] as const;
  await assert.rejects(() => box.start({ listen }), UsageError);
  const proxy = { method: "proxy", header: "x-user" } as const;
  await assert.rejects(() => box.start({ listen, authentication: proxy }), UsageError);
  await box.start({ listen, allowOpenToOthers: true });
  const taken = [{ kind: "tcp", host: "0.0.0.0", port: box.port }] as const;
  await using other = await servedFolder();
  await assert.rejects(
    () => other.start({ listen: taken, allowOpenToOthers: true }),
    (error) => error instanceof AgentError && /another program listens there/.test(error.message),
  );
});
