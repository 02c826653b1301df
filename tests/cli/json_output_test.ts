/**
 * What `--json` says: each command's objects by their fields and types, as in `json_output.txt`, which is written anew with
 * `UPDATE_SCREENS=1`. A field that is renamed, moved or lost shows here.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as v from "valibot";
import { type Message, REMARKS, RESULTS } from "../../scripts/json/messages.ts";
import { encodeLock } from "../../src/format/lock.ts";
import { formatTimestamp } from "../../src/format/time.ts";
import type { EngineRegistry } from "../../src/engine/engine_urls.ts";
import { TwinDbBinlogStatus, TwinDbStatus } from "../../src/compat/twindb/status_file.ts";
import { twinDbBinlogCopy, twinDbCopy } from "../../src/compat/twindb/copy.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { withCache } from "../../src/store/cache/cached_store.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { bytesOf, fileOf } from "../conformance/stored_files.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { CHEAP_KDF, type FakeWorld, fakeWorld } from "../helpers/world.ts";
import { TreeEngine } from "../engine/tree_engine.ts";
import { ShelfEngine, streamItems } from "../ops/replay_fixture.ts";
import type { LocalFiles } from "../../src/cli/context.ts";
import { MadePaths } from "../helpers/made_paths.ts";

const GOLDEN = new URL("json_output.txt", import.meta.url);
/** Messages of servers, of networks and of commands that take long; other tests have them. */
const TOLD_ELSEWHERE = [
  "A table in a dump file",
  "Tables dumped or loaded",
  "Restored files",
  "A planned entry",
  "A restore on trial",
  "A mistake in the configuration file",
  "The configuration file checked",
  "The configuration file",
  "A value that counts",
  "An imported configuration",
  "A column of the catalogue",
  "An address that is served",
  "A plugin",
  "Progress",
  "A retry",
];
const HOUR_MS = 3_600_000;
/** Words that tell kinds of messages apart. */
const VERBATIM: ReadonlySet<string> = new Set(["message_type", "action", "command"]);

/** A value with what it is in the place of everything that another run would say otherwise. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    return [...new Map(value.map((item) => [JSON.stringify(shapeOf(item)), shapeOf(item)])).values()];
  }
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" ? "text" : value === null ? null : typeof value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, VERBATIM.has(name) ? field : shapeOf(field)]),
  );
}

/** Asserts that the object is one of the messages, with its fields in the order in which they are described. */
function assertMessage(object: Record<string, unknown>, messages: readonly Message[], told: Set<string>): void {
  const message = messages.find(({ schema }) => v.is(schema, object));
  assert.ok(message, `is none of ${messages.map(({ title }) => title).join(", ")}: ${JSON.stringify(object)}`);
  const described = Object.keys(message.schema.entries).filter((name) => name in object);
  assert.deepEqual(Object.keys(object), described, message.title);
  told.add(message.title);
}

/** The messages of `agent ARGS`. */
function messagesOf(args: string): Message[] {
  const words = new Set(args.split(" "));
  return RESULTS.filter(({ commands }) =>
    commands.some((command) => command.split(" ").every((word) => words.has(word)))
  );
}

/** Runs commands in a folder and writes down what each of them says. */
class Transcript {
  readonly #directory: string;
  readonly #world: FakeWorld;
  readonly #env: Readonly<Record<string, string>>;
  /** Titles of the messages that came. */
  readonly told = new Set<string>();
  text = "";
  /** The engine of the URL `shelf:`. */
  readonly engine = new ShelfEngine();

  constructor(directory: string, world: FakeWorld) {
    this.#directory = directory;
    this.#world = world;
    this.#env = {
      AGENT_REPOSITORY: join(directory, "repo"),
      AGENT_PASSWORD_FILE: join(directory, "password"),
      AGENT_ALSO_PASSWORD_FILE: join(directory, "password"),
      AGENT_CACHE_DIR: join(directory, "cache"),
      AGENT_CATALOGUE: join(directory, "catalogue.sqlite"),
    };
  }

  /** Runs `agent ARGS --json`; `command` goes behind `--`. Gives its objects. */
  async run(
    args: string,
    command?: readonly string[],
    engines: EngineRegistry = this.engine.engines,
    files?: LocalFiles,
  ): Promise<Record<string, unknown>[]> {
    this.#world.clock.jump(HOUR_MS);
    const words = args.split(" ").map((word) => word.replace("DIR", this.#directory));
    const all = [...words, "--json", ...command ? ["--", ...command] : []];
    const { exitCode, stdout, stderr } = await runInProcess(all, {
      env: this.#env,
      world: this.#world,
      engines,
      ...files && { files },
    });
    const shown = args.replaceAll(/\b[0-9a-f]{8,64}\b/g, "ID");
    const objects = { out: objectsOf(stdout), err: objectsOf(stderr) };
    for (const object of objects.out) assertMessage(object, messagesOf(args), this.told);
    for (const object of objects.err) assertMessage(object, REMARKS, this.told);
    const lines = Object.entries(objects).flatMap(([name, of]) =>
      of.map((object) => `${name} ${JSON.stringify(shapeOf(object))}`)
    );
    this.text += [`$ agent ${shown}`, ...new Set(lines), `exit code ${exitCode}`, "", ""].join("\n");
    return objects.out;
  }
}

function objectsOf(text: string): Record<string, unknown>[] {
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

const print = (text: string) => ["printf", "%s\\n", text];
const manyBytes = (count: number) => ["sh", "-c", `seq 1 ${count}`];

/** Backups of every kind, what is asked and done about them. */
async function everyday(agent: Transcript, directory: string): Promise<void> {
  await agent.run("version");
  await agent.run("init --new-password-file DIR/password");
  await agent.run("put prod/shop --run-type daily --tag nightly --min-size 1 --full-backup daily", manyBytes(20000));
  await agent.run("put prod/shop --run-type hourly", manyBytes(1000));
  await agent.run("put prod/shop", ["false"]);
  await agent.run("put prod/wiki --host db2", print("words"));
  for (
    const command of ["ls", "ls prod/shpo", "show prod/shop", "show prod/shop --md5sums", "show prod/shop --sha256sums"]
  ) {
    await agent.run(command);
  }
  for (
    const command of [
      "chain prod/shop",
      "verify prod/shop",
      "verify prod/shop --chain",
      "get prod/shop --output DIR/restored",
      "get prod/shop --archive tar --output DIR/archive",
    ]
  ) {
    await agent.run(command);
  }
  for (const command of ["diff prod/shop", "diff prod/shop prod/wiki", "diff prod/wiki", "stats", "stats prod/wiki"]) {
    await agent.run(command);
  }
  await agent.run("status");
  await agent.run("status --expect prod/shop=26h --expect prod/wiki@db2=1h --expect prod/other=1d");
  const status = new TwinDbStatus("db1", [
    twinDbCopy({
      host: "db1",
      runType: "daily",
      name: "a.gz",
      backupStarted: 1,
      backupFinished: 2,
      config: new Map([["/etc/my.cnf", "[mysqld]"]]),
    }),
  ]);
  await Deno.writeTextFile(join(directory, "status"), status.serialize());
  await agent.run("status --import DIR/status --expect mysql=1d");
  const binlogs = new TwinDbBinlogStatus("db1", [twinDbBinlogCopy({ host: "db1", name: "binlog.1", createdAt: 1 })]);
  await Deno.writeTextFile(join(directory, "binlogs"), binlogs.serialize());
  await agent.run("status --import DIR/binlogs");
  await agent.run("tag prod/wiki --add a,b --dry-run");
  await agent.run("tag prod/wiki --add a,b");
  await agent.run("tag --all --remove a,b");
  await agent.run("tag prod/wiki --add hold");
  await agent.run("hold prod/wiki@latest");
  await agent.run("rm prod/wiki@latest");
  await agent.run("release prod/wiki@latest");
  await agent.run("forget --keep-last 1 --keep-within 1d --dry-run");
  await agent.run("rotate prod/shop --days 7 --dry-run");
  await agent.run("rm prod/wiki@latest --allow-last --dry-run");
  await agent.run(`forget --host db2 --keep-tag none --allow-last --prune`);
  await agent.run("prune --dry-run --max-unused 0");
  await agent.run("prune --max-unused 0");
  await agent.run("init -r DIR/also");
  await agent.run("put prod/both --also DIR/also", print("words"));
  await agent.run("put prod/both --also DIR/nowhere", print("more words"));
}

const INTO = "-r DIR/copies -p DIR/of-copies";
const FROM = "--from DIR/repo --from-password-file DIR/password";

/** Another repository, and copies in it. */
async function copies(agent: Transcript): Promise<void> {
  await agent.run(`init ${INTO.replace("-p", "--new-password-file")} --copy-chunker-params ${FROM}`);
  await agent.run(`copy ${INTO} ${FROM} --dry-run`);
  await agent.run(`copy ${INTO} ${FROM}`);
}

async function keysLocksAndCache(agent: Transcript, directory: string, world: FakeWorld): Promise<void> {
  await agent.run("key list");
  const [added] = await agent.run("key add --new-password-file DIR/second");
  await agent.run(`key remove ${added!.added}`);
  await agent.run("key passwd --new-password-file DIR/third");
  await Deno.rename(join(directory, "third"), join(directory, "password"));
  const password = (await Deno.readTextFile(join(directory, "password"))).trim();
  const store = openLocalStore(join(directory, "repo"), { random: world.randomBytes });
  const { files } = await openRepository(store, { password, randomBytes: world.randomBytes });
  const lock = { time: formatTimestamp(world.clock.now()), hostname: "db9", username: "root", pid: 1 };
  const process = { table: "db9", machine: "db9", started: 1 };
  await files.save("lock", encodeLock({ ...lock, process, exclusive: true }));
  await agent.run("prune");
  await agent.run("unlock --remove-all");
  const unlisted = bytesOf(1000);
  await store.put(fileOf("pack", unlisted), [unlisted]);
  await agent.run("prune --dry-run");
  await agent.run("prune");
  await store.close();
  const options = { directory: join(directory, "cache"), repositoryId: "ab".repeat(32), limitBytes: 1e6 };
  const cached = withCache(openMemoryStore(), { ...options, clock: world.clock, random: world.randomBytes });
  await cached.put(fileOf("snapshot", bytesOf(1000)), [bytesOf(1000)]);
  await agent.run("catalogue refresh");
  await agent.run("search shop --catalogue");
  await agent.run("cache");
  await agent.run("cache --prune");
  await agent.run("cache --clear");
}

/** Packs are damaged and go, and repairs save what is left. */
async function damage(agent: Transcript, directory: string): Promise<void> {
  await agent.run("check");
  await agent.run("check --read-data");
  const packs: string[] = [];
  for (const { path, size } of await packsBelow(join(directory, "repo/data"))) if (size > 20_000) packs.push(path);
  for (const path of packs) {
    const bytes = await Deno.readFile(path);
    bytes[100]! ^= 1;
    await Deno.chmod(path, 0o600);
    await Deno.writeFile(path, bytes);
  }
  await agent.run("verify prod/shop");
  await agent.run("check --read-data");
  await agent.run("init -r DIR/rest --new-password-file DIR/of-rest");
  await agent.run(`copy -r DIR/rest -p DIR/of-rest ${FROM}`);
  await agent.run("repair index --read-all-packs --dry-run");
  await agent.run("repair packs");
  await agent.run("repair snapshots --forget");
  await agent.run("ls");
  await agent.run("chain prod/shop");
}

/** Levels of an engine, and their replay, of which a part fails. */
async function replay(agent: Transcript): Promise<void> {
  for (const level of [0, 1]) {
    agent.engine.next = streamItems({ stream: bytesOf(100 + level) });
    await agent.run("put files shelf:here");
  }
  agent.engine.shelf.problems = ["a file: no such owner"];
  await agent.run("get files --target DIR/files");
}

/** A tree of files, in which one changes. */
async function trees(agent: Transcript): Promise<void> {
  const engine = new TreeEngine({ etc: { passwd: bytesOf(10), link: "passwd", "raw\udcff": bytesOf(1) } });
  for (const bytes of [bytesOf(20), bytesOf(30)]) {
    engine.tree = { ...engine.tree, changed: bytes };
    await agent.run("put etc/host files:/", undefined, engine.registry());
  }
  const files = {
    directory: "/",
    look: () => Promise.resolve(new MadePaths({ "/etc/passwd": "file" })),
    mountInfo: () => undefined,
    source: () => Promise.resolve(engine.registry().source("files:/")),
  };
  await agent.run("put etc/host /etc --dry-run", undefined, engine.registry(), files);
  for (const command of ["files etc/host", "files etc/host /etc/pasword", "find changed /etc/*", "find nothing"]) {
    await agent.run(command);
  }
  for (
    const command of [
      "diff etc/host",
      "diff etc/host --metadata",
      "show etc/host",
      "show etc/host --md5sums",
      "verify etc/host",
    ]
  ) {
    await agent.run(command);
  }
}

/** A dump, and one of its tables. */
async function tables(agent: Transcript): Promise<void> {
  const dump = "-- MySQL dump 10.13\n--\n-- Host: h    Database: shop\n" +
    "-- ------------------------------------------------------\n\n--\n-- Table structure for table `orders`\n--\n\n" +
    "CREATE TABLE `orders` (\n  `id` int\n);\n\n-- Dump completed\n";
  await agent.run("put dumps/shop", ["printf", "%s", dump]);
  for (const command of ["show dumps/shop --tables", "get dumps/shop --table orders -o DIR/orders.sql"]) {
    await agent.run(command);
  }
}

/** A URL, and the end of it. */
async function urls(agent: Transcript): Promise<void> {
  await agent.run("url dumps/shop --table orders --expires 60s");
  await agent.run("url dumps/shop --table items --expires 60s");
  await agent.run("gateway revoke");
}

/** Values under keys, which commands leave out that name no series. */
async function values(agent: Transcript): Promise<void> {
  await agent.run("kv set app/port 8080");
  await agent.run("kv set app/key --bytes --file DIR/password");
  for (const command of ["kv get app/port", "kv get app/key", "kv get app/absent --default 80", "kv ls"]) {
    await agent.run(command);
  }
  await agent.run("kv history app/port");
  for (const command of ["status --host db1", "stats --host db1", "forget --keep-last 9 --host db1 --dry-run"]) {
    await agent.run(command);
  }
  await agent.run("kv rm app/port");
}

async function packsBelow(folder: string): Promise<{ path: string; size: number }[]> {
  const packs: { path: string; size: number }[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) packs.push(...await packsBelow(path));
    else packs.push({ path, size: (await Deno.stat(path)).size });
  }
  return packs;
}

Deno.test("every command's JSON has the fields that it is to have", { timeout: 600_000 }, async () => {
  const directory = await Deno.makeTempDir({ prefix: "agent-json-" });
  try {
    const world: FakeWorld & { readonly kdf: typeof CHEAP_KDF } = { ...fakeWorld("json"), kdf: CHEAP_KDF };
    const agent = new Transcript(directory, world);
    await everyday(agent, directory);
    await copies(agent);
    await keysLocksAndCache(agent, directory, world);
    await damage(agent, directory);
    await replay(agent);
    await trees(agent);
    await tables(agent);
    await values(agent);
    await urls(agent);
    const titles = [...RESULTS, ...REMARKS].map(({ title }) => title);
    assert.deepEqual(titles.filter((title) => !agent.told.has(title)), TOLD_ELSEWHERE);
    if (Deno.env.get("UPDATE_SCREENS")) await Deno.writeTextFile(GOLDEN, agent.text);
    assert.equal(agent.text, await Deno.readTextFile(GOLDEN), "json_output.txt");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
