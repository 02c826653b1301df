/** What commands tell the catalogue of this machine. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { ExitCode } from "../../../src/base/errors.ts";
import { runAgentHere } from "../../helpers/agent_here.ts";
import { sandbox } from "../../helpers/executable.ts";
import { sqlDump } from "../../helpers/world.ts";
import { KeptCatalogue } from "../../library/recording/kept_catalogue.ts";

runAgentHere();

/** A dump with one table of so many rows. */
function dumpOf(rows: number): string {
  return [
    "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)",
    "--",
    "",
    "--",
    "-- Table structure for table `orders`",
    "--",
    "",
    "CREATE TABLE `orders` (`id` int NOT NULL);",
    "",
    "--",
    "-- Dumping data for table `orders`",
    "--",
    "",
    ...Array.from({ length: rows }, (_, i) => `INSERT INTO \`orders\` VALUES (${i});`),
    "",
    "-- Dump completed on 2026-01-02  3:04:05",
    "",
  ].join("\n");
}

const STATES = "SELECT backup_id, is_deleted, has_details FROM backups ORDER BY backup";

Deno.test("each command tells the catalogue at once of the backups that it concerns", async () => {
  await using box = await sandbox();
  const kept = new KeptCatalogue(box);
  const { env } = kept;
  const made = async (time: string, dump: string, ...args: string[]) => {
    const [put] = await box.json(["put", "prod/shop", "--time", time, ...args], { stdin: dump, env });
    return put!;
  };
  const first = await made("2026-03-01T04:00:00Z", dumpOf(1), "--tag", "nightly");
  const second = await made("2026-03-02T04:00:00Z", dumpOf(2));
  await using repository = { ...await box.open(), [Symbol.asyncDispose]: () => Promise.resolve() };
  await kept.assertSays(repository);
  deepEqual(await kept.rows("SELECT DISTINCT name FROM tables"), [["orders"]]);
  deepEqual(await kept.rows("SELECT session, command, series, exit_code, error FROM runs"), [
    [first.session, "put", "prod/shop", 0, null],
    [second.session, "put", "prod/shop", 0, null],
  ]);

  await box.ok(["tag", "prod/shop@2026-03-01", "--add", "audit"], { env });
  await kept.assertSays(repository);
  await box.ok(["hold", "prod/shop"], { env });
  await kept.assertSays(repository);
  await box.ok(["release", "prod/shop"], { env });
  await box.ok(["rm", "prod/shop@2026-03-01"], { env });
  await kept.assertSays(repository);
  equal((await kept.rows("SELECT count(*) FROM backups WHERE is_deleted")).flat()[0], 5 - 1);

  await box.ok(["get", "prod/shop"], { env });
  await box.ok(["verify", "prod/shop"], { env });
  await box.ok(["get", "prod/shop", "--archive", "tar", "-o", box.join("shop.tar")], { env });
  deepEqual(await kept.rows("SELECT backup_id, command, is_whole FROM verified_restores ORDER BY id"), [
    [second.id, "get", 1],
    [second.id, "verify", 1],
    [second.id, "get", 1],
  ]);
  await box.ok(["check", "--read-data"], { env });
  deepEqual(await kept.rows("SELECT read_data, findings FROM checks"), [["all", 0]]);
  deepEqual(await kept.rows("SELECT DISTINCT series FROM runs WHERE command IN ('get', 'verify')"), [["prod/shop"]]);
  const runs = await kept.rows("SELECT command FROM runs ORDER BY run");
  deepEqual(runs.flat(), ["put", "put", "tag", "hold", "release", "rm", "get", "verify", "get", "check"]);
});

Deno.test("values are known as values, each version of a key and its removal", async () => {
  await using box = await sandbox();
  const kept = new KeptCatalogue(box);
  const { env } = kept;
  for (const value of ["1", "2"]) await box.ok(["kv", "set", "app/config", value], { env });
  await kept.assertSays(await box.open());
  const states = "SELECT series, kind, is_deleted, has_details FROM backups";
  deepEqual(await kept.rows(states), [["kv/app/config", "value", 0, 1], ["kv/app/config", "value", 0, 1]]);
  await box.ok(["kv", "ls"], { env });
  await box.ok(["kv", "rm", "app/config"], { env });
  deepEqual(await kept.rows(states), [["kv/app/config", "value", 1, 0], ["kv/app/config", "value", 1, 0]]);
  deepEqual((await kept.rows("SELECT command FROM runs ORDER BY run")).flat(), ["kv set", "kv set", "kv rm"]);
});

Deno.test("a failure is a run, with its reason; looking and dry runs are none", async () => {
  await using box = await sandbox();
  const kept = new KeptCatalogue(box);
  const { env } = kept;
  equal((await box.agent(["put", "prod/shop"], { env })).exitCode, ExitCode.source);
  await box.ok(["ls"], { env });
  await box.ok(["prune", "--dry-run"], { env });
  const [run, ...others] = await kept.rows("SELECT command, exit_code, error, series FROM runs");
  deepEqual(others, []);
  deepEqual(run!.slice(0, 2), ["put", ExitCode.source]);
  match(String(run![2]), /the stream is empty/);
  deepEqual(await kept.rows(STATES), []);
  const secret = { ...env, AGENT_PASSWORD_FILE: undefined, AGENT_PASSWORD: "topsecret" };
  equal((await box.agent(["get", "prod/shop"], { env: secret })).exitCode, ExitCode.wrongPassword);
  ok(!JSON.stringify(await kept.rows("SELECT * FROM runs")).includes("topsecret"));
});

Deno.test("a listing finds what others made and removed; a refresh reads their manifests", async () => {
  await using box = await sandbox();
  const kept = new KeptCatalogue(box);
  const { env } = kept;
  const id = await box.put("prod/shop", sqlDump(5, "1"));
  await box.ok(["ls"], { env });
  deepEqual(await kept.rows(STATES), [[id, 0, 0]]);
  const [refreshed] = await box.json(["catalogue", "refresh"], { env });
  deepEqual([refreshed!.backups, refreshed!.read, refreshed!.damaged], [1, 1, 0]);
  await kept.assertSays(await box.open());
  equal((await box.json(["catalogue", "refresh"], { env }))[0]!.read, 0, "it is known");
  await box.ok(["rm", "prod/shop@latest", "--allow-last"]);
  await box.ok(["status"], { env });
  deepEqual(await kept.rows(STATES), [[id, 1, 0]]);
  await box.ok(["catalogue", "rebuild"], { env });
  deepEqual(await kept.rows(STATES), []);
  equal(await box.ok(["catalogue", "path"], { env }), `${kept.path}\n`);
});

Deno.test("without a catalogue nothing is said, and the commands of the catalogue say why", async () => {
  await using box = await sandbox();
  const off = await box.agent(["catalogue", "refresh"]);
  equal(off.exitCode, ExitCode.failed);
  match(off.stderr, /AGENT_CATALOGUE is off/);
  const env = { AGENT_CATALOGUE: await box.file("notes.txt", "not a database, but notes of somebody") };
  const { stderr } = await box.agent(["put", "prod/shop", "--quiet"], { stdin: "x", env });
  equal(stderr, "");
  const foreign = await box.agent(["catalogue", "refresh"], { env });
  equal(foreign.exitCode, ExitCode.failed);
  match(foreign.stderr, /notes.txt/);
});
