/** What real servers dump: whole it is accepted, cut anywhere it is refused. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../helpers/postgres.ts";
import { programTest } from "../helpers/programs.ts";
import { assertNoPrefixIsWhole, judge, noise } from "./judging.ts";

const CUTS = 200;
/** What redis-cli leaves behind a dump that it pipes. */
const MARK_BYTES = 40;
const STARTUP_MS = 30_000;

async function outputOf(program: string, args: string[], options: Deno.CommandOptions = {}): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command(program, { ...options, args }).output();
  assert.ok(success, `${program} ${args.join(" ").slice(0, 100)}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/** Accepts the whole and refuses it cut at random places, once in each of `CUTS` parts, and just before its end. */
async function assertWholeAlone(
  bytes: Uint8Array,
  format: string,
  reason: RegExp,
  spared: number[] = [],
): Promise<void> {
  const verdict = await judge(bytes);
  assert.deepEqual([verdict.format, verdict.complete], [format, true], verdict.reason);
  assert.match(verdict.reason, reason);
  const random = Array.from(noise(CUTS, bytes.length), (byte, i) => Math.floor(bytes.length * (i + byte / 256) / CUTS));
  const cuts = [...random, bytes.length - 1].filter((cut) => !spared.includes(cut));
  await assertNoPrefixIsWhole(bytes, bytes.length, "auto", cuts);
}

/** Starts a server in a folder of its own, waits until `isReady`, and ends it after `use`. */
async function withServer(
  program: string,
  argsIn: (folder: string) => string[],
  isReady: (folder: string) => Promise<boolean>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "agent-server-" });
  const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
  const server = new Deno.Command(program, { args: argsIn(folder), cwd: folder, ...quiet }).spawn();
  try {
    const deadline = performance.now() + STARTUP_MS;
    while (!await isReady(folder)) {
      assert.ok(performance.now() < deadline, `${program} did not start`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await use(folder);
  } finally {
    server.kill("SIGTERM");
    await server.status;
    await Deno.remove(folder, { recursive: true });
  }
}

for (const checksum of ["yes", "no"]) {
  programTest({
    name: `dumps of Redis, rdbchecksum ${checksum}: through a pipe, into a file, and by the server itself`,
    needs: ["redis-server", "redis-cli"],
    async fn({ "redis-server": server, "redis-cli": client }) {
      const cli = (folder: string, ...args: string[]) =>
        new Deno.Command(client, { args: ["-s", join(folder, "socket"), ...args], stderr: "null" }).output();
      const args = (
        folder: string,
      ) => [
        "--port",
        "0",
        "--unixsocket",
        join(folder, "socket"),
        "--save",
        "",
        "--repl-diskless-sync-delay",
        "0",
        "--rdbchecksum",
        checksum,
      ];
      const isReady = async (folder: string) => (await cli(folder, "ping")).success;
      await withServer(server, args, isReady, async (folder) => {
        const fill =
          "for i=1,500 do redis.call('set', 'key'..i, string.rep('v'..i, i)); redis.call('zadd', 'z', i, i); " +
          "redis.call('hset', 'h', i, i); redis.call('rpush', 'l', 'item'..i); redis.call('sadd', 's', 'm'..i) end";
        assert.ok((await cli(folder, "eval", fill, "0")).success);
        const ending = checksum === "yes" ? /ends with its checksum/ : /without a checksum.*not judged/;
        const piped = (await cli(folder, "--rdb", "-")).stdout;
        assert.match((await judge(piped)).reason, /and the mark of a replication stream/);
        await assertWholeAlone(piped, "redis-rdb", ending, [piped.length - MARK_BYTES]);
        assert.ok((await cli(folder, "--rdb", join(folder, "copy.rdb"))).success);
        await assertWholeAlone(await Deno.readFile(join(folder, "copy.rdb")), "redis-rdb", ending);
        while (new TextDecoder().decode((await cli(folder, "save")).stdout).trim() !== "OK");
        await assertWholeAlone(await Deno.readFile(join(folder, "dump.rdb")), "redis-rdb", ending);
      });
    },
  });
}

programTest({
  name: "a snapshot of etcd, and the database file under it, which has no checksum",
  needs: ["etcd", "etcdctl"],
  async fn({ etcd, etcdctl }) {
    const url = "unix://client:0";
    const peers = ["--listen-peer-urls", "unix://peer:0", "--initial-advertise-peer-urls", "unix://peer:0"];
    const clients = ["--listen-client-urls", url, "--advertise-client-urls", url];
    const args = ["--data-dir", "data", ...clients, ...peers, "--initial-cluster", "default=unix://peer:0"];
    const ctl = (folder: string, ...words: string[]) =>
      new Deno.Command(etcdctl, {
        args: [`--endpoints=${url}`, ...words],
        cwd: folder,
        env: { ETCDCTL_API: "3" },
        stderr: "null",
      }).output();
    const isReady = async (folder: string) => (await ctl(folder, "endpoint", "health")).success;
    await withServer(etcd, () => args, isReady, async (folder) => {
      for (let i = 0; i < 5; i++) assert.ok((await ctl(folder, "put", `key${i}`, "value".repeat(2000))).success);
      assert.ok((await ctl(folder, "snapshot", "save", "snapshot.db")).success);
      await assertWholeAlone(await Deno.readFile(join(folder, "snapshot.db")), "etcd", /ends with the SHA-256/);
      const copied = await judge(await Deno.readFile(join(folder, "data/member/snap/db")));
      assert.deepEqual([copied.format, copied.complete], ["etcd", false]);
      assert.match(copied.reason, /use etcdctl snapshot save/);
    });
  },
});

programTest({
  name: "binary copies of PostgreSQL, alone and compressed",
  needs: [...POSTGRES_PROGRAMS, "sh", "xz", "lz4", "gzip"],
  async fn({ psql, sh, ...programs }) {
    await using server = await PostgresServer.start({ psql, ...programs });
    await server.query(
      "CREATE TABLE t AS SELECT i AS id, repeat('row ' || i, i % 50) AS words, NULLIF(i % 3, 0) AS some, " +
        "decode(repeat('ff', i % 40), 'hex') AS bytes FROM generate_series(1, 3000) AS i; " +
        "CREATE TABLE empty (id int); CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES",
    );
    const copy = (table: string, filter = "cat") => {
      const args = ["--no-psqlrc", ...server.connection, "-c", `COPY ${table} TO STDOUT WITH BINARY`, "postgres"];
      return outputOf(sh, ["-c", `"$0" "$@" | ${filter}`, psql, ...args]);
    };
    await assertWholeAlone(await copy("t"), "pg_copy", /^ends after 3000 rows$/);
    await assertWholeAlone(await copy("empty"), "pg_copy", /^ends after 0 rows$/);
    await assertWholeAlone(await copy("bare"), "pg_copy", /^ends after 1 row$/);
    await assertWholeAlone(await copy("t", "gzip"), "gzip+pg_copy", /inside: ends after 3000 rows$/);
    await assertWholeAlone(await copy("t", "xz"), "xz", /its content is not judged/);
    await assertWholeAlone(await copy("t", "lz4"), "lz4", /its content is not judged/);
  },
});

programTest({
  name: "dumps of MariaDB, compressed by what a guard does not look into",
  needs: [...MARIADB_PROGRAMS, "mariadb-dump", "sh", "xz", "bzip2", "lz4"],
  async fn({ "mariadb-dump": dump, sh, ...programs }) {
    await using server = await MariaDbServer.start(programs);
    await server.query("CREATE DATABASE shop; USE shop; CREATE TABLE t SELECT seq, REPEAT(seq, 20) FROM seq_1_to_5000");
    for (const tool of ["xz", "bzip2", "lz4"]) {
      const bytes = await outputOf(sh, ["-c", `"$0" "$@" | ${tool}`, dump, ...server.connection, "shop"]);
      await assertWholeAlone(bytes, tool, /its content is not judged/);
    }
  },
});
