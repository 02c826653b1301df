/** The helper of backup scripts: its directory, the commands in it, its calls, and its end. */
import assert from "node:assert/strict";
import { SourceError, UsageError, WrongPasswordError } from "../../../src/base/errors.ts";
import type { Agent } from "../../../src/library/agent.ts";
import { BackupHelper } from "../../../src/library/helper/backup_helper.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { bytesOf, listenTo, namesIn, openTestAgent } from "../agent_fixture.ts";
import { isThere, namesAt } from "./helper_look.ts";

/** What was restored of the newest backup of a series: files by path. */
async function restored(agent: Agent, series: string): Promise<Record<string, string>> {
  await using directory = new TestDirectory();
  await agent.restore(series, { to: directory.at("to") });
  const files: Record<string, string> = {};
  const read = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(directory.at(`to/${folder}`))) {
      if (isDirectory) read(`${folder}${name}/`);
      else files[`${folder}${name}`] = Deno.readTextFileSync(directory.at(`to/${folder}${name}`));
    }
  };
  read("");
  return files;
}

Deno.test("a scope makes a directory for dumps, backs it up under its name with its tags, and removes it", async () => {
  await using agent = (await openTestAgent()).agent;
  let directory: string;
  {
    await using helper = new BackupHelper("prod/shop", { agent, tags: ["mysql"] });
    directory = helper.directory;
    assert.match(directory, /\/prod_shop_[^/]+$/);
    assert.equal((await Deno.stat(directory)).mode! & 0o777, 0o700);
    await helper.run("printf 'CREATE '; echo TABLE", { output: "dump.sql" });
    await Deno.mkdir(helper.path("etc"));
    await Deno.writeTextFile(helper.path("etc/my.cnf"), "[mysqld]\n");
    const { backup, problems } = await helper.backup();
    assert.deepEqual([backup.series, backup.snapshot.tags, problems], ["prod/shop", ["mysql"], []]);
    assert.deepEqual(await helper.rotate(), []);
  }
  assert.equal(isThere(directory), false);
  await agent.verify("prod/shop");
  assert.deepEqual((await agent.check({ readData: true })).errors, []);
  assert.deepEqual(await restored(agent, "prod/shop"), { "dump.sql": "CREATE TABLE\n", "etc/my.cnf": "[mysqld]\n" });
});

Deno.test("night after night, the same names are compared, although the directory is another one", async () => {
  const { agent: opened, world } = await openTestAgent();
  await using agent = opened;
  for (const night of [1, 2]) {
    await using helper = new BackupHelper("shop", { agent });
    await Deno.writeTextFile(helper.path("schema.sql"), "the same");
    await Deno.writeTextFile(helper.path("dump.sql"), `night ${night}`);
    await helper.backup();
    world.clock.jump(24 * 3_600_000);
  }
  const changes: string[] = [];
  const onEntries = (entries: readonly { readonly path: string; readonly modifier: string }[]) => {
    for (const { path, modifier } of entries) changes.push(`${modifier} ${path}`);
    return Promise.resolve();
  };
  await agent.diff("shop", null, { onEntries });
  assert.equal(changes.length, 1, changes.join());
  assert.match(changes[0]!, /dump\.sql$/);
});

Deno.test("each option can be otherwise for a call: another series, other tags, another source, fewer days", async () => {
  const { agent: opened, world } = await openTestAgent();
  await using agent = opened;
  await using source = new TestDirectory();
  source.write("index.html", "<h1>Shop</h1>");
  await using helper = new BackupHelper("shop", { agent, tags: ["usual"] });
  const { backup } = await helper.backup(source.path, { name: "web", tags: ["other"] });
  assert.deepEqual([backup.series, backup.snapshot.tags], ["web", ["other"]]);
  assert.deepEqual((await agent.ls("shop")).length, 0);
  for (let day = 1; day <= 3; day++) {
    world.clock.jump(24 * 3_600_000);
    await helper.backup(bytesOf(`day ${day}`), { guard: "none" });
    await helper.backup({ shell: `echo ${day}` }, { name: "web/days", guard: "none" });
  }
  const removed = await helper.rotate({ name: "web/days", days: 1, weeks: 0, months: 0 });
  assert.deepEqual(removed.map(({ series }) => series), ["web/days", "web/days"]);
  assert.equal((await helper.deleteOlderThan("1D12h")).length, 1);
  assert.equal((await helper.deleteOlderThan("1D12h", { name: "web" })).length, 0);
  assert.deepEqual((await agent.ls()).map(({ series }) => series), ["web", "shop", "shop", "web/days"]);
});

Deno.test("what lies in the directory is restored without the path of that, everything else with its own", async () => {
  await using agent = (await openTestAgent()).agent;
  await using helper = new BackupHelper("shop", { agent });
  await helper.run("mkdir sql; echo a > sql/a.sql; echo b > sql/b.sql; echo no > log");
  await helper.backup(helper.path("sql"));
  assert.deepEqual(await restored(agent, "shop"), { "sql/a.sql": "a\n", "sql/b.sql": "b\n" });
  await helper.backup([helper.path("sql/b.sql"), helper.path("log")]);
  assert.deepEqual(await restored(agent, "shop"), { "sql/b.sql": "b\n", "log": "no\n" });
  await helper.backup({ files: { exclude: ["/log", "a.sql"] } });
  assert.deepEqual(await restored(agent, "shop"), { "sql/b.sql": "b\n" });
});

Deno.test("a helper whose directory is not used makes none, needs no end, and works on", async () => {
  await using agent = (await openTestAgent()).agent;
  const helper = new BackupHelper("shop", { agent });
  await helper.backup(bytesOf("orders"), { name: "other", guard: "none" });
  await helper.rotate({ name: "other" });
  assert.deepEqual((await agent.ls()).map(({ series }) => series), ["other"]);
  await helper.close();
  await helper.close();
  await assert.rejects(helper.rotate(), UsageError);
  assert.throws(() => helper.directory, /The helper of "shop" is closed/);
});

Deno.test("commands run in the directory, without a shell or by one, and their output is a text or a file", async () => {
  await using agent = (await openTestAgent()).agent;
  await using helper = new BackupHelper("shop", { agent });
  assert.equal(await helper.run("pwd"), `${helper.directory}\n`);
  assert.equal(await helper.run(["printf", "%s|", "a b", "$HOME"]), "a b|$HOME|");
  assert.equal(await helper.run("cat; echo $WHAT", { env: { WHAT: "it" } }), "it\n");
  assert.equal(await helper.run("seq 3", { output: "deep/er/numbers" }), "");
  assert.equal(await Deno.readTextFile(helper.path("deep/er/numbers")), "1\n2\n3\n");
  let said = "";
  await helper.run("echo careful >&2", {
    onStderr: (bytes) => Promise.resolve(void (said += new TextDecoder().decode(bytes))),
  });
  assert.equal(said, "careful\n");
  await assert.rejects(helper.run("yes"), /\(yes …\) writes more than 16 MiB: name a file/);
});

Deno.test("a command that fails leaves no file, is told by onError, and its password is in no message", async () => {
  await using agent = (await openTestAgent()).agent;
  const heard = listenTo(agent);
  await using helper = new BackupHelper("shop", { agent });
  const failing = ["sh", "-c", "echo half; echo 'no such table' >&2; exit 3", "-psecret"];
  await assert.rejects(
    helper.run(failing, { output: "dump.sql" }),
    (error) => error instanceof SourceError && error.message === "The command (sh …) exited with 3: no such table",
  );
  await assert.rejects(
    helper.run("mysqldump_ -psecret"),
    /^SourceError: The command \(mysqldump_ …\) exited with 127: (?!.*secret)/,
  );
  await assert.rejects(helper.run("kill -9 $$"), /\(kill …\) was ended by SIGKILL/);
  await assert.rejects(helper.run(["no-such-program"]), /Cannot start "no-such-program": there is no such program/);
  assert.deepEqual(namesAt(helper.directory), []);
  assert.deepEqual(namesIn(heard), ["onError", "onError", "onError", "onError"]);
  assert.deepEqual(heard.map(({ series }) => series), ["shop", "shop", "shop", "shop"]);
  await assert.rejects(helper.backup(), /^SourceError: Nothing to back up for "shop": its directory is empty/);
});

Deno.test("outputs that are there already, or would lie elsewhere, are refused, and nothing is run", async () => {
  await using agent = (await openTestAgent()).agent;
  await using helper = new BackupHelper("shop", { agent });
  await helper.run("echo first", { output: "dump.sql" });
  await assert.rejects(
    helper.run("touch ran", { output: "dump.sql" }),
    /"dump.sql" is in the helper's directory already/,
  );
  for (const output of ["../dump.sql", "/tmp/dump.sql", "", "a/../..", ".."]) {
    await assert.rejects(helper.run("touch ran", { output }), UsageError, output);
    assert.throws(() => helper.path(output), UsageError, output);
  }
  for (const command of ["", "  ", [], [""]]) await assert.rejects(helper.run(command), /The command is empty/);
  assert.deepEqual(namesAt(helper.directory), ["dump.sql"]);
  assert.equal(await Deno.readTextFile(helper.path("dump.sql")), "first\n");
});

Deno.test("names that no series has, and empty passwords, are refused at once", async () => {
  await using agent = (await openTestAgent()).agent;
  assert.throws(() => new BackupHelper("", { agent }), UsageError);
  assert.throws(() => new BackupHelper("a//b", { agent }), UsageError);
  assert.throws(
    () => new BackupHelper("shop", { agent, password: "" }),
    /does not mean that a backup is not encrypted/,
  );
  const helper = new BackupHelper("shop", { agent });
  await assert.rejects(helper.backup(bytesOf("x"), { password: "" }), UsageError);
});

Deno.test("a password of the helper, or of a call, opens the repository in place of that of the agent", async () => {
  await using agent = (await openTestAgent()).agent;
  await agent.keys.add("of the script");
  const helper = new BackupHelper("shop", { agent, password: "of the script" });
  await helper.backup(bytesOf("orders"), { guard: "none" });
  await assert.rejects(helper.backup(bytesOf("x"), { guard: "none", password: "wrong" }), WrongPasswordError);
  await assert.rejects(helper.rotate({ password: "wrong" }), WrongPasswordError);
  await assert.rejects(helper.deleteOlderThan("1D", { password: "wrong" }), WrongPasswordError);
  const other = new BackupHelper("shop", { agent, password: "wrong" });
  await assert.rejects(other.backup(bytesOf("x"), { guard: "none" }), WrongPasswordError);
  await other.backup(bytesOf("x"), { guard: "none", password: "of the script" });
  assert.equal((await agent.ls("shop")).length, 2);
});

Deno.test("a directory that was removed meanwhile is named by what needs it", async () => {
  await using agent = (await openTestAgent()).agent;
  await using helper = new BackupHelper("shop", { agent });
  await Deno.remove(helper.directory, { recursive: true });
  await assert.rejects(helper.run("true"), /Cannot start "sh": there is no such directory as "/);
});
