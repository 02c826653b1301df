/** Restores by an agent: where to, which backup, and what goes wrong. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentError, IntegrityError, InterruptedError, UsageError } from "../../../src/base/errors.ts";
import type { Agent } from "../../../src/library/agent.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { noise } from "../../helpers/world.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { programTest } from "../../helpers/programs.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";

const PLAIN = { guard: "none" } as const;
const HOUR_MS = 3_600_000;

async function textOf(agent: Agent, which: Parameters<Agent["read"]>[0], at?: string | Date): Promise<string> {
  return await new Response(agent.read(which, at === undefined ? {} : { at })).text();
}

/** Damages the largest pack. */
async function damagePack(store: BlobStore): Promise<void> {
  const packs = (await Array.fromAsync(store.list("pack"))).toSorted((a, b) => b.size - a.size);
  const file = { kind: "pack", name: packs[0]!.name } as const;
  const bytes = await store.get(file);
  bytes[100]! ^= 1;
  await store.remove(file);
  await store.put(file, [bytes]);
}

Deno.test("a backup is named by its series, a time, an id, a selector, or as ls gave it", async () => {
  const { agent: opened, world } = await openTestAgent();
  await using agent = opened;
  await agent.backup("prod/shop", bytesOf("old"), PLAIN);
  const between = new Date(world.clock.now().getTime() + HOUR_MS / 2);
  world.clock.jump(HOUR_MS);
  const { backup } = await agent.backup("prod/shop", bytesOf("new"), PLAIN);
  assert.equal(await textOf(agent, "prod/shop"), "new");
  assert.equal(await textOf(agent, "prod/shop", "latest"), "new");
  assert.equal(await textOf(agent, "prod/shop", between), "old");
  assert.equal(await textOf(agent, "prod/shop", between.toISOString()), "old");
  assert.equal(await textOf(agent, "prod/shop", backup.id.slice(0, 8)), "new");
  assert.equal(await textOf(agent, `@${backup.id}`), "new");
  assert.equal(await textOf(agent, (await agent.ls())[0]!), "old");
  assert.throws(() => agent.read(backup, { at: "latest" }), UsageError);
});

Deno.test("files and directories are restored into a directory, all of them or some", async () => {
  await using directory = new TestDirectory();
  directory.write("site/index.html", "<h1>Shop</h1>");
  directory.write("site/about.html", "<h1>About</h1>");
  await using agent = (await openTestAgent()).agent;
  const heard = listenTo(agent);
  const site = directory.at("site");
  await agent.backup("web/site", site);
  const { tree } = await agent.restore("web/site", { to: directory.at("all") });
  assert.equal(tree?.files, 2);
  assert.equal(await Deno.readTextFile(join(directory.at("all"), site, "index.html")), "<h1>Shop</h1>");
  const some = await agent.restore("web/site", { to: directory.at("some"), exclude: ["about.html"] });
  assert.equal(some.tree?.files, 1);
  await assert.rejects(agent.restore("web/site", { to: directory.at("all") }), UsageError);
  await agent.restore("web/site", { to: directory.at("all"), overwrite: true });
  const one = await agent.restore("web/site", { to: directory.at("one"), file: join(site, "index.html") });
  assert.deepEqual(one.streams.map(({ file }) => file.size), [13]);
  const restores = namesIn(heard).filter((name) => name !== "beforeBackup" && name !== "onBackup");
  assert.deepEqual(restores.slice(0, 4), ["beforeRestore", "onRestore", "beforeRestore", "onRestore"]);
});

Deno.test("streams become files in a directory, and none is replaced unasked", async () => {
  await using directory = new TestDirectory();
  await using agent = (await openTestAgent()).agent;
  await agent.backup("prod/all", { streams: { "a.sql": bytesOf("a"), "b.sql": bytesOf("b") } }, PLAIN);
  const { streams } = await agent.restore("prod/all", { to: directory.at("all") });
  assert.deepEqual(streams.map(({ file }) => file.path), ["prod/all/a.sql", "prod/all/b.sql"]);
  assert.equal(await Deno.readTextFile(directory.at("all/prod/all/b.sql")), "b");
  await agent.restore("prod/all", { to: directory.at("one"), file: "a.sql" });
  await assert.rejects(Deno.stat(directory.at("one/prod/all/b.sql")), Deno.errors.NotFound);
  await assert.rejects(agent.restore("prod/all", { to: directory.at("all") }), UsageError);
});

Deno.test("a stream goes into a web stream, which is closed at its end", async () => {
  await using agent = (await openTestAgent()).agent;
  await agent.backup("prod/shop", bytesOf("orders"), PLAIN);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const [text] = await Promise.all([new Response(readable).text(), agent.restore("prod/shop", { to: writable })]);
  assert.equal(text, "orders");
});

programTest({
  name: "an engine restores into its target, and into a directory",
  needs: ["tar"],
  async fn() {
    await using directory = new TestDirectory();
    directory.write("source/file", "content");
    await using agent = (await openTestAgent()).agent;
    await agent.backup("srv/files", `tar:${directory.at("source")}`);
    const { replayed } = await agent.restore("srv/files", { to: `tar:${directory.at("first")}` });
    assert.equal(replayed?.level, 0);
    await agent.restore("srv/files", { to: directory.at("second") });
    for (const place of ["first", "second"]) {
      assert.equal(await Deno.readTextFile(directory.at(`${place}/file`)), "content");
    }
    await assert.rejects(agent.restore("srv/files", { to: "sqlite:/nowhere/x.db" }), UsageError);
  },
});

Deno.test("a damaged stream ends with an error for its reader, and the action with onError", async () => {
  const { agent: opened, store } = await openTestAgent();
  await using agent = opened;
  await agent.backup("prod/shop", noise(5000, "shop"), PLAIN);
  await damagePack(store);
  const heard = listenTo(agent);
  await assert.rejects(new Response(agent.read("prod/shop")).text(), IntegrityError);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const reading = assert.rejects(new Response(readable).bytes(), IntegrityError);
  await assert.rejects(agent.restore("prod/shop", { to: writable }), IntegrityError);
  await reading;
  assert.deepEqual(namesIn(heard), ["beforeRestore", "onError", "beforeRestore", "onError"]);
});

Deno.test("a damaged file of a tree is told, the others are restored, and the restore counts as failed", async () => {
  await using directory = new TestDirectory();
  directory.write("site/large", noise(5000, "large"));
  directory.write("site/small", "small");
  const { agent: opened, store } = await openTestAgent();
  await using agent = opened;
  await agent.backup("web/site", directory.at("site"));
  await damagePack(store);
  const problems: string[] = [];
  const restore = agent.restore("web/site", {
    to: directory.at("out"),
    onProblem: ({ message }) => problems.push(message),
  });
  await assert.rejects(restore, IntegrityError);
  assert.match(problems.join(), /large/);
});

Deno.test("nothing is written if nobody has such a backup, or somebody objects", async () => {
  await using directory = new TestDirectory();
  await using agent = (await openTestAgent()).agent;
  const to = directory.at("out");
  await assert.rejects(agent.restore("prod/shop", { to }), UsageError);
  await agent.backup("prod/shop", bytesOf("orders"), PLAIN);
  agent.events.on("beforeRestore", () => Promise.reject(new Error("not on Fridays")));
  await assert.rejects(agent.restore("prod/shop", { to }), AgentError);
  await assert.rejects(Deno.stat(to), Deno.errors.NotFound);
});

Deno.test("a web stream fails for its reader if there is no such backup", async () => {
  await using agent = (await openTestAgent()).agent;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const reading = assert.rejects(new Response(readable).text(), UsageError);
  await assert.rejects(agent.restore("prod/shop", { to: writable }), UsageError);
  await reading;
});

Deno.test("a web stream that fails, is closed or is locked fails the restore with an error of the library", async () => {
  await using agent = (await openTestAgent()).agent;
  await agent.backup("prod/a", bytesOf("a"), PLAIN);
  const failing = new WritableStream({ write: () => Promise.reject(new Error("the disk is gone")) });
  await assert.rejects(
    agent.restore("prod/a", { to: failing }),
    (error: Error) => error instanceof AgentError && error.message === "Cannot write to the stream: the disk is gone",
  );
  const closed = new WritableStream();
  await closed.close();
  await assert.rejects(agent.restore("prod/a", { to: closed }), (error: Error) => error instanceof AgentError);
  const locked = new WritableStream();
  locked.getWriter();
  await assert.rejects(agent.restore("prod/a", { to: locked }), /The stream is locked/);
  await assert.rejects(agent.restore("prod/a", {} as never), UsageError);
});

Deno.test("a signal stops a restore, and a stream that is cancelled ends its action", async () => {
  await using agent = (await openTestAgent()).agent;
  await agent.backup("prod/shop", noise(500_000, "long"), PLAIN);
  const stopped = agent.restore("prod/shop", { to: "/nowhere", signal: AbortSignal.abort() });
  await assert.rejects(stopped, InterruptedError);
  const heard = listenTo(agent);
  const reader = agent.read("prod/shop").getReader();
  await reader.read();
  await reader.cancel();
  await agent.close();
  assert.deepEqual(namesIn(heard), ["beforeRestore", "onError"]);
});
