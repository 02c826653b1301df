/** How an agent is opened: which repository, which password, and what is refused. */
import assert from "node:assert/strict";
import {
  ExistsError,
  NoRepositoryError,
  NotFoundError,
  UsageError,
  WrongPasswordError,
} from "../../../src/base/errors.ts";
import { openAgent } from "../../../src/library/open_agent.ts";
import { openMemoryStore } from "../../../src/store/memory_store.ts";
import { fakeWorld, PASSWORD } from "../../helpers/world.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";

Deno.test("with nothing but a repository and a password, an agent has the defaults of this process", async () => {
  await using directory = new TestDirectory();
  await using agent = await openAgent({
    repository: directory.at("repository"),
    password: PASSWORD,
    init: true,
    cacheDirectory: null,
  });
  const { backup } = await agent.backup("prod/shop", bytesOf("orders"), { guard: "none" });
  assert.equal(backup.host, Deno.hostname());
  assert.equal((await agent.ls()).length, 1);
});

Deno.test("a missing repository is made only if that is wanted, and an existing one stays", async () => {
  const store = openMemoryStore();
  await using none = (await openTestAgent({ store, init: false })).agent;
  await assert.rejects(none.ls(), NoRepositoryError);
  await using first = (await openTestAgent({ store })).agent;
  await first.backup("prod/shop", bytesOf("orders"), { guard: "none" });
  await using second = (await openTestAgent({ store })).agent;
  assert.equal((await second.ls()).length, 1);
});

Deno.test("the remains of a repository are not taken for a missing one", async () => {
  const store = openMemoryStore();
  await store.put({ kind: "key", name: "0".repeat(64) }, [bytesOf("{}")]);
  await assert.rejects(openTestAgent({ store }), ExistsError);
});

Deno.test("two agents that make a repository at the same time do not make two", async () => {
  const store = openMemoryStore();
  const [first, second] = await Promise.allSettled([
    openTestAgent({ store }),
    openTestAgent({ store, world: fakeWorld("second") }),
  ]);
  const opened = [first, second].flatMap((result) => result!.status === "fulfilled" ? [result!.value.agent] : []);
  assert.ok(opened.length >= 1);
  for (const agent of opened) assert.deepEqual(await agent.ls(), []);
});

Deno.test("the password comes from a file, a command, or as it is", async () => {
  await using directory = new TestDirectory();
  directory.write("password", `${PASSWORD}\n`);
  const store = openMemoryStore();
  await openTestAgent({ store });
  for (
    const way of [
      { passwordFile: directory.at("password") },
      { passwordCommand: `cat ${directory.at("password")}` },
      { password: bytesOf(PASSWORD) },
    ]
  ) {
    await using agent = (await openTestAgent({ store, ...way })).agent;
    assert.deepEqual(await agent.ls(), []);
  }
});

Deno.test("a wrong password is refused by the first call", async () => {
  const store = openMemoryStore();
  await openTestAgent({ store });
  await using agent = (await openTestAgent({ store, password: "wrong" })).agent;
  await assert.rejects(agent.ls(), WrongPasswordError);
});

Deno.test("an agent with another password shares events and its end with the first one, and may change its own", async () => {
  const { agent } = await openTestAgent();
  await agent.keys.add("second");
  const other = agent.withPassword("second");
  const heard = listenTo(agent);
  await other.backup("prod/shop", bytesOf("orders"), { guard: "none" });
  assert.deepEqual(namesIn(heard), ["beforeBackup", "onBackup"]);
  await other.keys.change("third");
  assert.equal((await other.ls()).length, 1);
  await assert.rejects(agent.withPassword("second").ls(), WrongPasswordError);
  assert.equal((await agent.withPassword("third").ls()).length, 1);
  assert.throws(() => agent.withPassword(""), UsageError);
  await agent.close();
  await assert.rejects(other.ls(), UsageError);
});

Deno.test("no password, two of them, an empty one, and a file that is not there are refused", async () => {
  const repository = "/nowhere";
  await assert.rejects(openAgent({ repository }), UsageError);
  await assert.rejects(openAgent({ repository, password: "a", passwordFile: "/b" }), UsageError);
  await assert.rejects(openAgent({ repository, password: "" }), UsageError);
  await assert.rejects(openTestAgent({ passwordFile: "/nowhere/password" }), NotFoundError);
});

Deno.test("an unknown kind of repository is refused", async () => {
  await using agent = (await openTestAgent({ repository: "ftp:somewhere", init: false })).agent;
  await assert.rejects(agent.ls(), UsageError);
});
