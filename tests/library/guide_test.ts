/** The programs of docs/scripting.md: each example of bakthat's guide for developers, as it is written here. */
import assert from "node:assert/strict";
import { guidePrograms } from "../helpers/documented_programs.ts";
import { ForeignFolder, type ProgramOutput } from "../helpers/foreign_folder.ts";
import { page, sectionOf } from "../helpers/documents.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
import { programTest } from "../helpers/programs.ts";

const PAGE = await page("docs/scripting.md");

/** Runs the programs of a section one after the other, each in a folder of its own; what they wrote. */
async function run(
  heading: string,
  look: (folder: ForeignFolder, output: ProgramOutput) => void | Promise<void> = () => {},
  prepare: (folder: ForeignFolder) => Record<string, string> = () => ({}),
): Promise<string[]> {
  const programs = guidePrograms(sectionOf(PAGE, heading));
  const written: string[] = [];
  for (const { text } of programs.filter(({ name }) => name === null)) {
    await using folder = new ForeignFolder();
    for (const { name, text } of programs) if (name !== null) folder.write(name, text);
    const output = await folder.run(text, { env: prepare(folder) });
    assert.deepEqual([output.code, output.stderr], [0, ""], heading);
    written.push(output.stdout);
    await look(folder, output);
  }
  return written;
}

Deno.test("the functions: backups in one repository and two, a list, a restore, and removals", async () => {
  assert.deepEqual(await run("The functions"), ["bak first\nbak \n1 elsewhere\nremember\nfirst 0 0\n"]);
});

Deno.test("handlers hear what is done, in sessions that match, and may forbid it", async () => {
  assert.deepEqual(await run("Events"), [
    "onBackup greeting true\nonRotateBackups 0\nonError the calendar refused (beforeDelete): nothing goes on a Friday\n1 left\n",
  ]);
});

Deno.test("a plugin times a backup", async () => {
  const [written] = await run("A plugin that times backups");
  assert.match(written!, /^timer: the backup of greeting took \d+\.\d s\n$/);
});

Deno.test("a plugin adds a kind of stores at run time", async () => {
  assert.deepEqual(await run("Extending at run time"), ["hello\n\n"]);
});

Deno.test("the helper in a scope backs up its directory, and as an object whatever it is told", async () => {
  assert.deepEqual(await run("The helper"), ["mydata\n", "mybackup \nanother once\n"]);
});

Deno.test("values are set, read, listed as backups, given by a URL and deleted", async () => {
  assert.deepEqual(await run("Values under keys"), [
    '{"my":"data"} a default\n[ "secret" ]\ntrue\nkv/mykey,kv/mysecret\nmysecret\n',
  ]);
});

/** Where Deno keeps packages, for programs that have another home. */
async function ownDenoDirectory(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return (JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string }).denoDir;
}

const SHOP = `CREATE DATABASE shop; USE shop; CREATE TABLE orders (id INT PRIMARY KEY, note TEXT) ENGINE=InnoDB;
  INSERT INTO orders SELECT seq, MD5(seq) FROM seq_1_to_5000; CREATE DATABASE wiki; CREATE TABLE wiki.pages (id INT);`;

programTest({
  name: "the script for MySQL backs up the databases of a server, which are restored from its dumps",
  needs: [...MARIADB_PROGRAMS, "mysql", "mysqldump"],
  async fn(programs) {
    await using server = await MariaDbServer.start(programs);
    await server.query(SHOP);
    const denoDirectory = await ownDenoDirectory();
    const written = await run("A script for MySQL and MariaDB", async (folder) => {
      const restore = `import { openAgent } from "@agent/agent";
        await using agent = await openAgent({ repository: "repository", passwordFile: "repository.password" });
        await agent.restore("myhost/mysql", { to: "restored" });`;
      assert.equal((await folder.run(restore)).code, 0);
      const dump = await Deno.readTextFile(folder.at("restored/shop.sql"));
      await server.query("CREATE DATABASE shop_copy");
      await server.query(dump, "shop_copy");
      assert.deepEqual(await server.checksums("shop_copy"), await server.checksums("shop"));
      assert.match(await Deno.readTextFile(folder.at("restored/wiki.sql")), /CREATE TABLE `pages`/);
    }, (folder) => {
      folder.write(".my.cnf", `[client]\nuser=root\nsocket=${server.socket}\n`);
      folder.write("repository.password", "correct horse battery staple\n");
      return { HOME: folder.path, DENO_DIR: denoDirectory };
    });
    assert.match(written.join(), /^myhost\/mysql \d files\n$/);
  },
});
