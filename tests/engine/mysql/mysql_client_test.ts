/** Questions to a real MariaDB server: values, users, passwords, and what is said if it does not answer. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { AgentError, SourceError } from "../../../src/base/errors.ts";
import type { ClientMachine } from "../../../src/engine/client/machine.ts";
import { parseEngineUrl } from "../../../src/engine/engine_urls.ts";
import { type MysqlAddress, parseMysqlUrl } from "../../../src/engine/mysql/mysql_address.ts";
import { MysqlClient, type QueryOptions, quotedName, quotedText } from "../../../src/engine/mysql/mysql_client.ts";
import { databasesNamed, listDatabases, listTables } from "../../../src/engine/mysql/server_facts.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../../helpers/mariadb.ts";
import { programTest } from "../../helpers/programs.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

/** A password of everything that URLs, shells and option files have a meaning for. */
const PASSWORD = `p@ss:w/o#r;d "'\\n %41?&=é`;

function addressOf(url: string) {
  return parseMysqlUrl(parseEngineUrl(url)!).address;
}

/** Runs statements as a client of their own. */
async function runQuery(
  address: MysqlAddress,
  sql: string,
  { machine, ...options }: QueryOptions & { readonly machine: ClientMachine },
): Promise<string[][]> {
  await using client = await MysqlClient.prepare(address, machine);
  return await client.query(sql, options);
}

programTest({
  name: "a server answers questions of the user and with the password of the URL, whatever ~/.my.cnf has",
  needs: MARIADB_PROGRAMS,
  async fn(programs) {
    await using server = await MariaDbServer.start(programs);
    await using directory = new TestDirectory();
    const environment = { ...Deno.env.toObject(), HOME: directory.path };
    const machine = { environment, temporaryFolder: directory.path };
    const place = `localhost/?socket=${encodeURIComponent(server.socket)}`;
    const odd = "Bü'ch`er.\\ \t\n\"x";
    await server.query(`
      CREATE USER asker@localhost IDENTIFIED BY ${quotedText(PASSWORD)}; GRANT ALL ON *.* TO asker@localhost;
      CREATE DATABASE ${quotedName(odd)} CHARACTER SET latin1 COLLATE latin1_german2_ci;
      CREATE TABLE ${quotedName(odd)}.${quotedName("a.b`c")} (id INT PRIMARY KEY);
      CREATE VIEW ${quotedName(odd)}.v AS SELECT 1; CREATE SEQUENCE ${quotedName(odd)}.s;`);

    const url = `mysql://asker:${encodeURIComponent(PASSWORD)}@${place}`;
    deepEqual(await runQuery(addressOf(url), "SELECT 1, 'a\\nb\\t\\\\c', ''; SELECT NULL;", { machine }), [
      ["1", "a\nb\t\\c", ""],
      ["NULL"],
    ]);
    await Deno.writeTextFile(`${directory.path}/.my.cnf`, "[client]\nuser=asker\npassword=wrong\n");
    equal((await runQuery(addressOf(url), "SELECT CURRENT_USER()", { machine }))[0]![0], "asker@localhost");
    const wrong = runQuery(addressOf(`mysql://${place}`), "SELECT 1", { machine });
    await rejects(wrong, (error) => {
      ok(error instanceof AgentError);
      match(error.message, /^The server at the socket .* refuses the user: Access denied for user 'asker'@'localhost'/);
      return true;
    });
    await Deno.writeTextFile(
      `${directory.path}/.my.cnf`,
      `[client]\nuser=asker\npassword='${PASSWORD.replaceAll("\\", "\\\\").replace("'", "\\'")}'\n`,
    );
    equal(
      (await runQuery(addressOf(`mysql://${place}`), "SELECT CURRENT_USER()", { machine }))[0]![0],
      "asker@localhost",
    );

    await using client = await MysqlClient.prepare(addressOf(url), machine);
    const known = await listDatabases(client);
    deepEqual(known, [{ name: odd, characterSet: "latin1", collation: "latin1_german2_ci" }, ...known.slice(1)]);
    deepEqual((await listTables(client, odd)).map(({ name, kind }) => [name, kind]), [
      ["a.b`c", "table"],
      ["s", "sequence"],
      ["v", "view"],
    ]);
    const shops = [{ name: "shop", characterSet: "", collation: "" }];
    let message = "";
    try {
      databasesNamed(["shpo"], shops, client);
    } catch (error) {
      message = (error as Error).message;
    }
    match(message, /^There is no database "shpo" on the server at the socket .*; did you mean "shop"\?$/);
    await rejects(client.query("SELEKT 1"), /^AgentError: The server at the socket \S+ refuses: You have an error/);
    const abort = AbortSignal.abort(new Error("stop"));
    await rejects(client.query("SELECT 1", { signal: abort }), /stop/);
  },
});

programTest({
  name: "a server is reached by TCP where the URL has a port, and by one option file where it names that",
  needs: MARIADB_PROGRAMS,
  async fn(programs) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const tcp = ["--skip-networking=0", "--bind-address=127.0.0.1", `--port=${port}`, "--skip-name-resolve"];
    await using server = await MariaDbServer.start(programs, undefined, tcp);
    await using directory = new TestDirectory();
    const machine = { environment: { ...Deno.env.toObject(), HOME: directory.path }, temporaryFolder: directory.path };
    await server.query(
      "CREATE USER asker@'127.0.0.1' IDENTIFIED BY 'pw'; CREATE USER other@localhost IDENTIFIED BY 'pw2'",
    );
    const asked = "SELECT CURRENT_USER()";
    for (const host of ["127.0.0.1", "localhost"]) {
      const rows = await runQuery(addressOf(`mariadb://asker:pw@${host}:${port}/`), asked, { machine });
      deepEqual(rows, [["asker@127.0.0.1"]], host);
    }
    directory.write("their.cnf", `[client]\nsocket=${server.socket}\nuser=other\npassword=pw2\n`);
    directory.write(".my.cnf", "[client]\nuser=nobody\npassword=wrong\n");
    const file = `defaults-file=${directory.at("their.cnf")}`;
    deepEqual(await runQuery(addressOf(`mysql:///?${file}`), asked, { machine }), [["other@localhost"]]);
    directory.write("their.cnf", `[client]\nsocket=${server.socket}\nuser=other\npassword=wrong\n`);
    deepEqual(await runQuery(addressOf(`mysql://:pw2@/?${file}`), asked, { machine }), [["other@localhost"]]);
  },
});

programTest({
  name: "a server that is not there, and a machine without client programs, are said so",
  needs: ["mariadb"],
  async fn() {
    await using directory = new TestDirectory();
    const environment = { ...Deno.env.toObject(), HOME: directory.path };
    const nowhere = addressOf(`mysql://root:SECRET@h/?socket=${directory.path}/none`);
    await rejects(
      runQuery(nowhere, "SELECT 1", { machine: { environment, temporaryFolder: directory.path } }),
      (error) =>
        error instanceof AgentError &&
        /^Cannot reach the server at the socket .*none: Can't connect to local/.test(error.message),
    );
    await rejects(
      runQuery(nowhere, "SELECT 1", { machine: { environment: { PATH: directory.path } } }),
      (error) => error instanceof SourceError && /no mariadb or mysql .* package mariadb-client/.test(error.message),
    );
    deepEqual((await Array.fromAsync(Deno.readDir(directory.path))).map(({ name }) => name), []);
  },
});
