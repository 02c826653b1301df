/** What calls of the library tell the catalogue of this machine. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { readCatalogue } from "../../../src/catalogue/read_catalogue.ts";
import { UsageError } from "../../../src/base/errors.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { bytesOf, listenTo, openTestAgent } from "../agent_fixture.ts";

async function rowsOf(path: string, sql: string): Promise<unknown[][]> {
  using reader = await readCatalogue(path, Deno.uid());
  return [...reader.query(sql).rows].map((row) => [...row]);
}

Deno.test("a call tells the catalogue before it ends, under the session of its events", async () => {
  await using directory = new TestDirectory();
  const catalogue = directory.at("state/catalogue.sqlite");
  const { agent, world, problems } = await openTestAgent({ catalogue });
  const heard = listenTo(agent);
  const { backup } = await agent.backup("prod/shop", bytesOf("a dump"), { tags: ["nightly"] });
  deepEqual(await rowsOf(catalogue, "SELECT backup_id, series, is_deleted, has_details FROM backups"), [
    [backup.id, "prod/shop", 0, 1],
  ]);
  const sessions = new Set(heard.map(({ session }) => session));
  deepEqual(await rowsOf(catalogue, "SELECT session, command, series, exit_code FROM runs"), [
    [...sessions, "put", "prod/shop", 0],
  ]);
  await world.clock.advance(1000);
  await agent.verify("prod/shop");
  deepEqual(await rowsOf(catalogue, "SELECT command, is_whole, bytes FROM verified_restores"), [["verify", 1, 6]]);
  await rejects(agent.deleteBackup("prod/none@latest"), UsageError);
  await agent.ls();
  await agent.deleteBackup("prod/shop@latest", { allowLast: true });
  deepEqual(await rowsOf(catalogue, "SELECT command, exit_code FROM runs ORDER BY run"), [
    ["put", 0],
    ["verify", 0],
    ["rm", 2],
    ["rm", 0],
  ]);
  equal((await rowsOf(catalogue, "SELECT is_deleted FROM backups")).flat()[0], 1);
  await agent.close();
  deepEqual(problems, []);
});

Deno.test("no catalogue is kept if the program says so, or if no place for it is known", async () => {
  await using directory = new TestDirectory();
  const environment = { XDG_STATE_HOME: directory.path };
  for (const options of [{ environment, catalogue: false as const }, {}]) {
    const { agent } = await openTestAgent(options);
    await agent.backup("s", bytesOf("x"));
    await agent.close();
  }
  deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
  const { agent } = await openTestAgent({ environment });
  await agent.backup("s", bytesOf("x"));
  await agent.close();
  equal((await rowsOf(directory.at("agent/catalogue.sqlite"), "SELECT * FROM runs")).length, 1);
});

Deno.test("a catalogue that cannot be written changes nothing", async () => {
  await using directory = new TestDirectory();
  directory.write("state", "a file where a folder should be");
  const { agent, problems } = await openTestAgent({ catalogue: directory.at("state/catalogue.sqlite") });
  await agent.backup("s", bytesOf("x"));
  equal((await agent.ls()).length, 1);
  await agent.close();
  deepEqual(problems, []);
});
