/** `agent search`: which backups a word finds, and in which order. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { assertFails, sandbox } from "../helpers/executable.ts";
import { Desk } from "./desk.ts";

runAgentHere();

Deno.test("search finds a word anywhere in a series, in either case, and lists the newest backup first", async () => {
  await Desk.with(async (desk) => {
    const shop = await desk.put("prod/Shop", "a", "--tag", "before-upgrade");
    const workshop = await desk.put("prod/workshop", "b");
    await desk.put("wiki", "c");
    const newest = await desk.put("prod/Shop", "d", "--host", "db2");

    const found = async (...args: string[]) => (await desk.json("search", ...args)).map(({ id }) => id);
    deepEqual(await found("shop"), [newest, workshop, shop]);
    deepEqual(await found("SHOP", "--tag", "before-upgrade"), [shop]);
    deepEqual(await found("shop", "--host", "db2"), [newest]);
    deepEqual(await found("nothing-like-it"), []);

    const { exitCode, stdout, stderr } = await desk.run(["search", "shop"]);
    equal(exitCode, ExitCode.done);
    match(stdout, /^ID +SERIES.*\n.*prod\/Shop.*\n.*prod\/workshop.*\n.*prod\/Shop/);
    match(stderr, /3 backups in 2 series/);
  });
});

Deno.test("search takes the beginning of an id, but no single digit for one", async () => {
  await Desk.with(async (desk) => {
    const id = await desk.put("wiki", "a");
    const found = async (word: string) => (await desk.json("search", word)).map((backup) => backup["id"]);
    deepEqual(await found(id.slice(0, 8)), [id]);
    deepEqual(await found(id.slice(1, 9)), []);
    deepEqual(await found(id.slice(0, 1)), []);
  });
});

Deno.test("search refuses an empty word, and a host that no backup has", async () => {
  await Desk.with(async (desk) => {
    await desk.put("wiki", "a", "--host", "db1");
    const empty = await desk.run(["search", ""]);
    equal(empty.exitCode, ExitCode.usage);
    const host = await desk.run(["search", "wiki", "--host", "db2"]);
    equal(host.exitCode, ExitCode.usage);
    match(host.stderr, /did you mean "db1"/);
  });
});

Deno.test("the catalogue is searched without a password, in all repositories, and by itself where none is named", async () => {
  await using box = await sandbox();
  await using other = await sandbox();
  const env = { AGENT_CATALOGUE: box.join("state/catalogue.sqlite") };
  const id = (await box.ok(["put", "prod/shop", "--quiet", "--tag", "nightly"], { stdin: "1", env })).trim();
  await other.ok(["put", "test/workshop", "--quiet"], { stdin: "2", env });
  await other.ok(["put", "etc/db1", "--quiet"], { stdin: "2", env });
  const closed = { ...env, AGENT_PASSWORD_FILE: undefined };
  const found = await box.json(["search", "SHOP", "--catalogue"], { env: closed });
  deepEqual(found.map(({ series, location }) => [series, location]), [
    ["test/workshop", other.repo],
    ["prod/shop", box.repo],
  ]);
  deepEqual([found[1]!.id, found[1]!.tags, found[1]!.size], [id, ["nightly"], 1]);
  const nowhere = { ...closed, AGENT_REPOSITORY: undefined };
  const { stdout, stderr } = await box.agent(["search", "shop", "--tag", "nightly"], { env: nowhere });
  match(stdout, /prod\/shop .*nightly/);
  match(stderr, /1 backup in one repository, as the catalogue of this machine knows them/);
  assertFails(
    await box.agent(["search", "shop"], { env: { ...nowhere, AGENT_CATALOGUE: "off" } }),
    2,
    /No repository given/,
  );
});
