/** Backups by an agent: each kind of source, what says more about it, and what goes wrong. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { sourceOfStream } from "../../../src/base/byte_source.ts";
import { InterruptedError, SourceError, UsageError } from "../../../src/base/errors.ts";
import { builtInEngines } from "../../../src/engine/built_in.ts";
import type { BackupSource } from "../../../src/library/backup/backup_source.ts";
import { Memory, memoryEngine } from "../../engine/memory_engine.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { fakeWorld } from "../../helpers/world.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";

async function* pieces() {
  yield bytesOf("hello ");
  yield bytesOf("world");
}

const SOURCES: readonly (readonly [what: string, source: () => BackupSource])[] = [
  ["bytes", () => bytesOf("hello world")],
  ["a web stream", () => new Blob(["hello world"]).stream()],
  ["an async iterable", pieces],
  ["a stream of Node", () => Readable.from([bytesOf("hello "), bytesOf("world")])],
  ["a source of the use cases", () => sourceOfStream(pieces())],
  ["a command", () => ({ command: ["printf", "hello %s", "world"] })],
  ["a command for the shell", () => ({ shell: "printf 'hello '; printf world" })],
];

for (const [what, source] of SOURCES) {
  Deno.test(`${what} becomes a backup, which is read again`, async () => {
    await using agent = (await openTestAgent()).agent;
    const { backup, problems } = await agent.backup("prod/greeting", source(), { tags: ["first"], guard: "none" });
    assert.deepEqual([backup.series, backup.snapshot.tags, problems], ["prod/greeting", ["first"], []]);
    assert.equal(await new Response(agent.read("prod/greeting")).text(), "hello world");
  });
}

Deno.test("several streams are one backup, each with its name", async () => {
  await using agent = (await openTestAgent()).agent;
  const streams = { "shop.sql": { shell: "echo shop" }, "wiki.sql": bytesOf("wiki\n") };
  const { manifest } = await agent.backup("prod/all", { streams }, { guard: "none", jobs: 2 });
  assert.deepEqual(manifest.files.map(({ path }) => path), ["shop.sql", "wiki.sql"]);
  assert.equal(await new Response(agent.read("prod/all", { file: "wiki.sql" })).text(), "wiki\n");
});

Deno.test("a path, and several, are backed up without what is excluded", async () => {
  await using directory = new TestDirectory();
  directory.write("site/index.html", "<h1>Shop</h1>");
  directory.write("site/page.tmp", "not needed");
  directory.write("etc/hosts", "127.0.0.1 localhost");
  await using agent = (await openTestAgent()).agent;
  const paths = [directory.at("site"), directory.at("etc")];
  const { manifest, problems } = await agent.backup("web/site", paths, { files: { exclude: ["*.tmp"] } });
  assert.deepEqual([manifest.engine.name, manifest.tree?.files, problems], ["files", 2, []]);
  assert.equal((await agent.backup("web/index", directory.at("site/index.html"))).manifest.tree?.files, 1);
});

Deno.test("with a base, what is backed up is restored below that, and all of it must lie there", async () => {
  await using directory = new TestDirectory();
  directory.write("a/site/index.html", "<h1>Shop</h1>");
  directory.write("a/site/page.tmp", "not needed");
  directory.write("b/other", "elsewhere");
  await using agent = (await openTestAgent()).agent;
  const files = { base: directory.at("a/../a/"), exclude: ["/site/page.tmp"] };
  const { manifest } = await agent.backup("web/site", directory.at("a/site"), { files });
  assert.deepEqual(manifest.engine.options["base"], directory.at("a"));
  await agent.restore("web/site", { to: directory.at("to") });
  assert.deepEqual([...await Array.fromAsync(Deno.readDir(directory.at("to/site")))].map(({ name }) => name), [
    "index.html",
  ]);
  const outside = agent.backup("web/site", [directory.at("a/site"), directory.at("b")], { files });
  await assert.rejects(outside, /^UsageError: ".*\/b" does not lie in ".*\/a", where the tree is to begin$/);
  await assert.rejects(agent.backup("web/site", directory.at("a"), { files: { base: "" } }), UsageError);
  assert.equal((await agent.backup("web/all", directory.at("b"), { files: { base: "/" } })).manifest.tree?.files, 1);
});

Deno.test("the repository is no part of a backup of what it lies in", async () => {
  await using directory = new TestDirectory();
  directory.write("index.html", "<h1>Shop</h1>");
  await using agent = (await openTestAgent({ repository: directory.at("repository") })).agent;
  const { manifest, notes } = await agent.backup("web/site", directory.path);
  assert.equal(manifest.tree?.files, 1);
  assert.match(notes.join(), /repository/);
});

Deno.test("a mistyped scheme is refused with the nearest one, without what follows it", async () => {
  await using agent = (await openTestAgent()).agent;
  await assert.rejects(agent.backup("prod/app", "sqllite://root:secret@host/app.db"), {
    code: "usage",
    message: 'Unknown kind of source "sqllite"; did you mean "sqlite"?; there is no file of that name either',
  });
  await assert.rejects(agent.backup("prod/app", "no/such:file"), SourceError);
});

Deno.test("a text whose scheme is that of an engine is its URL, any other one is a path", async () => {
  const memory = new Memory();
  memory.places.set("shop", new Map([["orders", bytesOf("1, 2, 3")]]));
  const engines = builtInEngines({ environment: {} });
  engines.register("mem", memoryEngine(memory));
  await using agent = (await openTestAgent({ engines })).agent;
  assert.equal((await agent.backup("prod/shop", "mem:shop")).manifest.engine.name, "mem");
  // The working directory belongs to all tests that run side by side, so the file comes to it.
  const name = `agent-test:${crypto.randomUUID()}`;
  await Deno.writeTextFile(name, "a file with a colon");
  try {
    assert.equal((await agent.backup("prod/file", name)).manifest.engine.name, "files");
  } finally {
    await Deno.remove(name);
  }
});

Deno.test("with a second agent, both repositories get the backup", async () => {
  await using first = (await openTestAgent()).agent;
  await using second = (await openTestAgent({ world: fakeWorld("second") })).agent;
  const result = await first.backup("prod/shop", bytesOf("orders"), { also: second, guard: "none" });
  assert.equal(result.repositories?.length, 2);
  assert.equal(await new Response(second.read("prod/shop")).text(), "orders");
});

Deno.test("a dry run stores nothing and is no action", async () => {
  await using directory = new TestDirectory();
  directory.write("file", "content");
  await using agent = (await openTestAgent()).agent;
  const heard = listenTo(agent);
  await agent.backup("etc/host", directory.path, { isDry: true });
  assert.deepEqual(await agent.ls(), []);
  assert.equal(namesIn(heard).includes("beforeBackup"), false);
});

Deno.test("what a command says is passed on, and a command that fails leaves no backup", async () => {
  await using agent = (await openTestAgent()).agent;
  const heard = listenTo(agent);
  let said = "";
  const onStderr = (bytes: Uint8Array) => Promise.resolve(void (said += new TextDecoder().decode(bytes)));
  const failing = agent.backup("prod/shop", { shell: "echo half; echo 'no such table' >&2; exit 2" }, { onStderr });
  await assert.rejects(failing, SourceError);
  assert.equal(said, "no such table\n");
  assert.deepEqual(await agent.ls(), []);
  assert.deepEqual(namesIn(heard), ["beforeBackup", "onError"]);
});

Deno.test("sources and options that make no sense are refused before anything is read", async () => {
  await using agent = (await openTestAgent()).agent;
  const heard = listenTo(agent);
  for (const source of ["", [], { command: [] }, {} as BackupSource, { streams: {} }] as BackupSource[]) {
    await assert.rejects(agent.backup("prod/shop", source), UsageError, JSON.stringify(source));
  }
  await assert.rejects(agent.backup("prod//shop", bytesOf("x")), UsageError);
  await assert.rejects(agent.backup("prod/shop", bytesOf("x"), { host: "" }), UsageError);
  assert.equal(namesIn(heard).filter((name) => name === "onError").length, 7);
});

Deno.test("progress is told, and a signal stops a backup whose stream hangs", async () => {
  await using agent = (await openTestAgent()).agent;
  const stop = new AbortController();
  const phases = new Set<string>();
  async function* hanging() {
    yield bytesOf("begin");
    stop.abort();
    await new Promise<never>(() => {});
  }
  const backup = agent.backup("prod/shop", hanging(), {
    signal: stop.signal,
    onProgress: ({ phase }) => phases.add(phase),
  });
  await assert.rejects(backup, InterruptedError);
  assert.deepEqual(await agent.ls(), []);
  await agent.backup("prod/shop", bytesOf("x"), { guard: "none", onProgress: ({ phase }) => phases.add(phase) });
  assert.ok(phases.has("commit"));
});

Deno.test("the end of the agent stops what is under way, and refuses what comes later", async () => {
  const { agent } = await openTestAgent();
  async function* hanging() {
    yield bytesOf("begin");
    await new Promise<never>(() => {});
  }
  const backup = agent.backup("prod/shop", hanging());
  const stopped = assert.rejects(backup, InterruptedError);
  await agent.close();
  await stopped;
  await assert.rejects(agent.ls(), UsageError);
});

Deno.test("what is no source is refused by what it is, and so is a stream that somebody else reads", async () => {
  await using agent = (await openTestAgent()).agent;
  for (const source of [undefined, null, 5, { streams: { a: null } }]) {
    await assert.rejects(agent.backup("s", source as never), UsageError);
  }
  const locked = new ReadableStream<Uint8Array>();
  locked.getReader();
  await assert.rejects(agent.backup("s", locked), (error: Error) => {
    return error instanceof UsageError && error.message === 'The stream "data" is locked: release its reader';
  });
});
