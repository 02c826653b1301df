/** Dumps that try to reach beyond the scratch server that they are restored into. */
import { deepEqual, match, rejects } from "node:assert/strict";
import { lstatSync } from "node:fs";
import { programTest } from "../../helpers/programs.ts";
import { MARIADB_DUMP, POSTGRESQL_DUMP, query, Scene } from "./verify_restore_scene.ts";

/** Whether anything is at a path. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A folder in which every user may write: what a server could reach. */
function openFolder(scene: Scene): string {
  const path = scene.directory.at("open");
  Deno.mkdirSync(path);
  Deno.chmodSync(path, 0o777);
  Deno.writeTextFileSync(`${path}/secret`, "secret\n");
  Deno.chmodSync(`${path}/secret`, 0o644);
  return path;
}

const TABLE = "CREATE TABLE t (a TEXT);";

programTest({
  name: "a dump of MariaDB runs no program, reads and writes no file, switches nothing on, and gets no more rights",
  needs: ["mariadbd", "mariadb-install-db", "mariadb"],
  timeout: 300_000,
  async fn() {
    await using scene = await Scene.make();
    const open = openFolder(scene);
    const [made, secret] = [`${open}/made`, `${open}/secret`];
    // What a dump may say, but has no effect.
    await scene.putText(MARIADB_DUMP(
      "CREATE TABLE t (a TEXT) DATA DIRECTORY='" + open + "';",
      "CREATE TABLE m (a TEXT) ENGINE=MyISAM DATA DIRECTORY='" + open + "';",
      `INSERT INTO t SELECT LOAD_FILE('${secret}');`,
      "CREATE DEFINER=root@localhost EVENT e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO t VALUES ('event');",
      "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.access', 18446744073709551615) WHERE User = 'root';",
    ));
    const mayNothing = query("SELECT COUNT(*) FROM t WHERE a IS NOT NULL", "=0");
    deepEqual((await scene.verify({ queries: [mayNothing] })).problems, []);
    deepEqual([...Deno.readDirSync(open)].map(({ name }) => name), ["secret"]);

    // What needs rights is no fault of the backup.
    const refused = [
      [`SET GLOBAL general_log_file = '${made}';`],
      ["CREATE DEFINER=root@localhost PROCEDURE p() SET GLOBAL event_scheduler = ON;", "CALL p();"],
      ["SHUTDOWN;"],
    ];
    for (const lines of refused) {
      await scene.putText(MARIADB_DUMP(TABLE, ...lines));
      await rejects(scene.verify(), { exitCode: 1, message: /could not be tried: .*denied.*give a dump such rights/ });
    }
    // What no dump holds makes it a bad one.
    const bad = [
      [`\\! touch ${made}`, /Unknown command/],
      [`tee ${made}`, /You have an error in your SQL syntax/],
      [`LOAD DATA LOCAL INFILE '${secret}' INTO TABLE t;`, /disabled the local infile capability/],
      [`LOAD DATA INFILE '${secret}' INTO TABLE t;`, /denied|secure-file-priv/],
      ["INSTALL SONAME 'ha_federatedx';", /Can't open shared library/],
    ] as const;
    for (const [line, message] of bad) {
      await scene.putText(MARIADB_DUMP(TABLE, line));
      const words = await scene.verify().then(({ problems }) => problems.join(), (error) => error.message);
      match(words, message);
    }
    deepEqual(isThere(made), false);
    deepEqual(scene.leftovers(), []);
  },
});

/** Whether this user may make networks, as some containers do not let it. */
async function mayMakeNetworks(): Promise<boolean> {
  const args = ["--net", ...Deno.uid() === 0 ? [] : ["--user", "--map-current-user"], "true"];
  return (await new Deno.Command("unshare", { args, stderr: "null" }).output()).success;
}

programTest({
  name:
    "a dump of PostgreSQL runs no command of the client, reaches no network, and programs only as the server's user",
  needs: ["initdb", "postgres", "psql", "unshare"],
  timeout: 180_000,
  async fn() {
    await using scene = await Scene.make();
    const made = `${openFolder(scene)}/made`;
    const commands = [`\\! touch ${made}`, `SELECT 1 \\g ${made}`];
    for (const command of commands) {
      await scene.putText(POSTGRESQL_DUMP(TABLE, command));
      await rejects(scene.verify(), {
        exitCode: 1,
        message: /could not be tried: .*backslash commands are restricted/,
      });
    }
    deepEqual(isThere(made), false);

    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let connections = 0;
    const listening = (async () => {
      for await (const connection of listener) {
        connections++;
        connection.close();
      }
    })();
    await scene.putText(POSTGRESQL_DUMP(
      `CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=${listener.addr.port}' PUBLICATION p;`,
    ));
    match((await scene.verify()).problems.join(), /could not connect to the publisher/);
    if (await mayMakeNetworks()) deepEqual(connections, 0);
    listener.close();
    await listening;

    // PostgreSQL lets those who restore dumps run programs.
    const program = "id -u; grep NoNewPrivs /proc/self/status | tr -d '\\t'; env | grep -c ATTACKED";
    Deno.env.set("ATTACKED", "secret");
    await scene.putText(POSTGRESQL_DUMP(TABLE, `COPY t FROM PROGRAM $$${program} || true$$;`));
    const queries = [query("SELECT string_agg(a, ',') FROM t", "~^[1-9][0-9]*,NoNewPrivs:1,0$")];
    deepEqual((await scene.verify({ queries })).problems, []);
    Deno.env.delete("ATTACKED");
    deepEqual(scene.leftovers(), []);
  },
});
