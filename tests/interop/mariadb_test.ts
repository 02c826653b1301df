/** The pipe that all this is for: a real database into the agent and back, and dumps that die halfway. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { EXECUTABLE, type JsonRow, type Running, sandbox } from "../helpers/executable.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../helpers/mariadb.ts";
import { programTest } from "../helpers/programs.ts";
import { assertRefused, guardOf, putOf, succeed } from "./pipes.ts";
import { killOnceItWrote } from "./process_tree.ts";
import { MAKE_SHOP, NEXT_DAY, SHOP_PERCENT } from "./shop_database.ts";

programTest({
  name: "MariaDB: a database of many megabytes through put and get, the next day, and dumps that die",
  needs: [...MARIADB_PROGRAMS, "mariadb-dump", "mariadb-backup", "mbstream", "zstd"],
  fn: async (programs, test) => {
    await using server = await MariaDbServer.start(programs);
    await using box = await sandbox();
    await server.query(MAKE_SHOP);
    const dumpArgs = [...server.connection, "--single-transaction", "--routines", "shop"];
    const dump = `${programs["mariadb-dump"]} ${dumpArgs.join(" ")}`;
    let first: JsonRow = {};

    await test.step("the first dump is whole and stored", async () => {
      first = await putOf(box, dump, "prod/shop");
      ok(Number(first.bytesRead) > 2 * 2 ** 20 * SHOP_PERCENT, `${first.bytesRead} bytes`);
      deepEqual([first.level, guardOf(first)], [0, { format: "mariadb-dump", complete: true }]);
    });

    await test.step("the next day's stores little", async () => {
      await server.query(NEXT_DAY, "shop");
      const second = await putOf(box, dump, "prod/shop");
      deepEqual([second.level, second.parent], [1, first.id]);
      const share = Number(second.bytesStored) / Number(first.bytesStored);
      ok(share < 0.05, `${(share * 100).toFixed(1)} % of the first`);
    });

    await test.step("a dump killed halfway is refused, in a pipe and as a command", async () => {
      const before = await box.json(["ls"]);
      for (const script of [`${dump} | "$AGENT" put prod/shop`, `exec "$AGENT" put prod/shop -- ${dump}`]) {
        await using running: Running = box.startProgram("bash", ["-c", script], { AGENT: EXECUTABLE });
        await running.closeInput();
        await killOnceItWrote(40_000 * SHOP_PERCENT, "mariadb-dump", running.pid);
        const { exitCode, stdout, stderr } = await running.outcome();
        deepEqual([exitCode, stdout], [ExitCode.source, ""], stderr);
        match(stderr, /nothing was committed/);
      }
      deepEqual(await box.json(["ls"]), before);
    });

    await test.step("a database that was lost is back, row for row", async () => {
      const before = await server.checksums("shop");
      equal(Object.keys(before).length, 4);
      await server.query("DROP DATABASE shop; CREATE DATABASE shop CHARACTER SET utf8mb4");
      await succeed(box, `"$AGENT" get prod/shop --quiet | ${programs.mariadb} ${server.connection.join(" ")} shop`);
      deepEqual(await server.checksums("shop"), before);
      deepEqual(await server.query("SELECT COUNT(*) > 1000 FROM owing", "shop"), [["1"]]);
      deepEqual(await server.query("INSERT INTO nothing VALUES (-5); SELECT id FROM nothing", "shop"), [["5"]]);
    });

    await server.query(MAKE_SMALL);
    const small = `${programs["mariadb-dump"]} ${server.connection.join(" ")} small`;
    for (const { tool, unpack, guard } of COMPRESSIONS) {
      await test.step(`a dump through ${tool}, whole and cut`, async () => {
        const series = `small/${tool}`;
        const summary = await putOf(box, `${small} | ${tool}`, series);
        deepEqual(guardOf(summary), { format: guard, complete: true });
        const lines = await succeed(box, `"$AGENT" get ${series} --quiet | ${unpack} | grep -c '^INSERT'`);
        ok(Number(lines) > 0);
        await assertRefused(box, `${small} | ${tool} | head -c 20000 | "$AGENT" put ${series}`);
        await assertRefused(box, `${small} | head -c 200000 | ${tool} | "$AGENT" put ${series}`);
      });
    }

    await test.step("a mariabackup stream, whole and cut; a server starts on what comes back", async () => {
      const options = `${server.connection.join(" ")} --backup --stream=xbstream --databases='mysql small'`;
      const stream = `${programs["mariadb-backup"]} ${options} --target-dir=${box.join("scratch")} 2>mariabackup.log`;
      deepEqual(guardOf(await putOf(box, stream, "physical")), { format: "xbstream", complete: true });
      await assertRefused(box, `"$AGENT" get physical | head -c 3000000 | "$AGENT" put physical`);
      const data = box.join("data");
      await succeed(box, `mkdir data && "$AGENT" get physical --quiet | ${programs.mbstream} -x -C data`);
      await succeed(box, `${programs["mariadb-backup"]} --no-defaults --prepare --target-dir=data 2>prepare.log`);
      await using restored = await MariaDbServer.start(programs, data);
      deepEqual(await restored.checksums("small"), await server.checksums("small"));
    });
  },
});

/** A table of some 2 MB, for what needs no large one. */
const MAKE_SMALL = `
CREATE DATABASE small; USE small;
CREATE TABLE facts (id INT PRIMARY KEY, text VARCHAR(200));
INSERT INTO facts SELECT seq, CONCAT('fact ', seq, ' ', SHA2(seq, 256)) FROM seq_1_to_20000;
`;

/** Compressors, how each is undone, and what a guard calls a dump in it. */
const COMPRESSIONS = [
  { tool: "gzip", unpack: "gzip -d", guard: "gzip+mariadb-dump" },
  { tool: "zstd", unpack: "zstd -d", guard: "zstd+mariadb-dump" },
] as const;
