/** Events of the command line: which command fires which, in which session, and what a veto leaves. */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { AgentError } from "../../src/base/errors.ts";
import { uuid4 } from "../../src/base/uuid.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { EngineRegistry } from "../../src/engine/engine_urls.ts";
import { type Action, ACTIONS, EVENT_NAMES, type EventName } from "../../src/config/event_names.ts";
import type { AgentEvent } from "../../src/library/events/event.ts";
import { eventJson } from "../../src/library/events/event_json.ts";
import { Events } from "../../src/library/events/events.ts";
import { TreeEngine } from "../engine/tree_engine.ts";
import { Collected, contextWith, runInProcess } from "../helpers/command_line.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { CHEAP_KDF, fakeWorld, seededRandom } from "../helpers/world.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DAY_MS = 86_400_000;

/** What `Scene.ready` copies. */
let made: Promise<Scene> | undefined;

/** What the tests read of an event as JSON. */
interface Heard {
  readonly event: EventName;
  readonly session: string;
  readonly series: string | null;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A repository, commands on it, and what its events tell. */
class Scene implements AsyncDisposable {
  readonly directory = new TestDirectory();
  readonly world = { ...fakeWorld("events of commands"), kdf: CHEAP_KDF };
  readonly problems: string[] = [];
  readonly events: Events;
  readonly env: Readonly<Record<string, string>>;
  /** What the tree of the URL `files:/` holds. */
  readonly tree = new TreeEngine({ etc: { passwd: new Uint8Array(10) } });
  #heard: Heard[] = [];

  private constructor() {
    const random = seededRandom("sessions");
    this.events = new Events({
      clock: this.world.clock,
      randomUuid: () => uuid4(random),
      onProblem: ({ message }) => this.problems.push(message),
    });
    this.env = {
      AGENT_REPOSITORY: this.directory.at("repo"),
      AGENT_PASSWORD_FILE: this.directory.at("password"),
      AGENT_ALSO_PASSWORD_FILE: this.directory.at("password"),
    };
    const hear = (event: AgentEvent) => void this.#heard.push(JSON.parse(JSON.stringify(eventJson(event))));
    for (const name of EVENT_NAMES) this.events.on(name, hear);
  }

  /** With so many backups of `prod/shop`, one each day. */
  static async with(backups: number): Promise<Scene> {
    const scene = new Scene();
    await scene.run("init --new-password-file DIR/password");
    for (let i = 0; i < backups; i++) await scene.put();
    scene.take();
    return scene;
  }

  /** With three backups of `prod/shop` and one of `etc/host`, which are made once for all tests. */
  static async ready(): Promise<Scene> {
    const from = await (made ??= Scene.#make());
    const scene = new Scene();
    for (const name of ["repo", "password"]) {
      await cp(from.directory.at(name), scene.directory.at(name), { recursive: true });
    }
    scene.world.clock.jump(from.world.clock.monotonicMs() - scene.world.clock.monotonicMs());
    return scene;
  }

  static async #make(): Promise<Scene> {
    const scene = await Scene.with(3);
    await scene.run("put etc/host files:/");
    return scene;
  }

  /** Runs `agent ARGS`, a day later. */
  async run(args: string, stdin = "") {
    this.world.clock.jump(DAY_MS);
    return await runInProcess(args.split(" ").map((word) => word.replace("DIR", this.directory.path)), {
      env: this.env,
      world: this.world,
      events: this.events,
      engines: this.tree.registry(),
      stdin: new TextEncoder().encode(stdin),
    });
  }

  async put(args = "put prod/shop") {
    return await this.run(args, `words ${this.world.clock.now().toISOString()}`);
  }

  /** The objects that a command writes. */
  async objects(args: string, stdin?: string): Promise<Record<string, unknown>[]> {
    return objectsOf(await this.run(`${args} --json`, stdin));
  }

  async ids(): Promise<unknown[]> {
    const listed = await this.objects("ls");
    return listed.map(({ id }) => id);
  }

  async locks(): Promise<unknown[]> {
    return await Array.fromAsync(Deno.readDir(this.directory.at("repo/locks")));
  }

  /** What was heard since the last call. */
  take(): Heard[] {
    return this.#heard.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}

function objectsOf({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) {
  return [stdout, stderr].join("\n").split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
}

const namesOf = (heard: readonly Heard[]) => heard.map(({ event }) => event);

/** Commands on three backups of `prod/shop`, the action that they are, and how many backups are its result. */
const COMMANDS: Readonly<Record<string, readonly [action: Action, series: string | null, result: number | "one"]>> = {
  "put prod/shop": ["Backup", "prod/shop", "one"],
  "get prod/shop -o DIR/out": ["Restore", "prod/shop", "one"],
  "get prod/shop --archive tar -o DIR/out": ["Restore", "prod/shop", "one"],
  "get prod/shop --target DIR/out": ["Restore", "prod/shop", "one"],
  "get etc/host --target DIR/out": ["Restore", "etc/host", "one"],
  "rm prod/shop@2026-01-05": ["Delete", "prod/shop", "one"],
  "forget prod/shop@2026-01-04 prod/shop@2026-01-05": ["Delete", "prod/shop", 2],
  "forget --older-than 2d": ["DeleteOlderThan", null, 2],
  "forget prod/shop --older-than 1Y": ["DeleteOlderThan", "prod/shop", 0],
  "forget --series prod/shop --keep-last 1 --older-than 1d": ["RotateBackups", "prod/shop", 2],
  "forget --series prod/shop --series etc/host --keep-last 1": ["RotateBackups", null, 2],
  "rotate prod/shop --days 1 --weeks 0 --months 0 --years 0": ["RotateBackups", "prod/shop", 2],
  "rotate prod/shop": ["RotateBackups", "prod/shop", 0],
};

for (const [command, [action, series, result]] of Object.entries(COMMANDS)) {
  Deno.test(`agent ${command} is told before and after it, with its result, in the session that --json names`, async () => {
    await using scene = await Scene.ready();
    const objects = await scene.objects(command, "words");
    const heard = scene.take();
    assert.deepEqual(namesOf(heard), [`before${action}`, `on${action}`]);
    const told = objects.filter(({ message_type }) => message_type !== "warning");
    const sessions = new Set([...heard, ...told].map(({ session }) => session));
    assert.equal(sessions.size, 1, JSON.stringify([...sessions]));
    assert.match([...sessions].join(), UUID);
    assert.deepEqual(heard.map((event) => event.series), [series, series]);
    const come = heard[1]!.result;
    if (Array.isArray(come)) assert.equal(come.length, result);
    else assert.ok(result === "one" && told.some(({ id }) => id === (come as { id: string }).id));
    assert.deepEqual(scene.problems, []);
  });
}

Deno.test("a veto of a command leaves everything as it was", async (t) => {
  await using scene = await Scene.ready();
  const before = await scene.ids();
  const veto = () => Promise.reject(new Error("not on Fridays"));
  for (const action of ACTIONS) scene.events.on(`before${action}`, veto, { name: "the guard" });
  for (const [command, [action]] of Object.entries(COMMANDS)) {
    await t.step(command, async () => {
      const name = `before${action}`;
      const { exitCode, stdout, stderr } = await scene.run(command, "words");
      assert.equal(exitCode, 1);
      assert.equal(stdout, "");
      assert.match(stderr, new RegExp(`^agent: the guard refused \\(${name}\\): not on Fridays$`, "m"));
      const heard = scene.take();
      assert.deepEqual(namesOf(heard), [name, "onError"]);
      assert.equal(heard[1]!.error!.code, 1);
      assert.deepEqual(await scene.ids(), before);
      const left = (await Array.fromAsync(Deno.readDir(scene.directory.path))).map(({ name }) => name).sort();
      assert.deepEqual(left, ["password", "repo"]);
      assert.deepEqual(await scene.locks(), []);
    });
  }
});

Deno.test("nothing reaches standard output before a restore was told", async () => {
  await using scene = await Scene.ready();
  const undo = scene.events.on("beforeRestore", () => Promise.reject(new AgentError("not on Fridays")));
  const vetoed = await scene.run("get prod/shop");
  assert.deepEqual([vetoed.exitCode, vetoed.stdout], [1, ""]);
  undo();
  assert.match((await scene.run("get prod/shop")).stdout, /^words/);
});

Deno.test("dry runs tell nobody", async () => {
  await using scene = await Scene.ready();
  for (
    const command of [
      "get etc/host --target DIR/out --dry-run",
      "rm prod/shop@2026-01-04 -n",
      "forget --keep-last 1 -n",
      "rotate prod/shop --days 1 -n",
    ]
  ) {
    const objects = await scene.objects(command);
    const { session } = objects.findLast((object) => "session" in object)!;
    assert.match(String(session), UUID, command);
    assert.deepEqual(scene.take(), [], command);
  }
});

Deno.test("what fails before it begins is told by onError alone, and mistakes of options not at all", async () => {
  await using scene = await Scene.ready();
  for (
    const [command, code] of [
      ["put prod/shop", 3],
      ["get prod/other -o DIR/out", 2],
      ["rm prod/shop@2020-01-01", 2],
      ["rm etc/host@latest", 2],
    ] as const
  ) {
    const { exitCode } = await scene.run(command);
    const heard = scene.take();
    assert.equal(exitCode, code, command);
    const names = command.startsWith("put") ? ["beforeBackup", "onError"] : ["onError"];
    assert.deepEqual([namesOf(heard), heard.at(-1)!.error!.code], [names, code], command);
  }
  for (const command of ["put prod/shop --jobs 0", "rm prod/shop", "forget", "get prod/shop --raw"]) {
    assert.equal((await scene.run(command)).exitCode, 2);
    assert.deepEqual(scene.take(), [], command);
  }
});

Deno.test("a backup that lacks something is told, and then what it lacks", async () => {
  await using scene = await Scene.with(0);
  const { exitCode, stdout } = await scene.put("put prod/shop --also DIR/nowhere --json");
  assert.equal(exitCode, 6);
  const heard = scene.take();
  assert.deepEqual(namesOf(heard), ["beforeBackup", "onBackup", "onError"]);
  assert.equal((heard[1]!.result as { id: string }).id, JSON.parse(stdout).id);
  assert.equal(heard[2]!.error!.code, 6);
});

Deno.test("a removal that cannot be reported is told as done, and as failed", async () => {
  await using scene = await Scene.ready();
  const stdout = {
    isTerminal: false,
    columns: () => 80,
    write: () => Promise.reject(new AgentError("the disk is full")),
  };
  const { world, env, events } = scene;
  const code = await runCommandLine(["rotate", "prod/shop", "--days", "1", "--years", "0"], {
    ...contextWith({ stdout, stderr: new Collected(), world }),
    env: (name) => env[name],
    events: () => Promise.resolve(events),
  });
  assert.equal(code, 1);
  assert.deepEqual(namesOf(scene.take()), ["beforeRotateBackups", "onRotateBackups", "onError"]);
});

Deno.test("a handler that fails after a backup changes nothing but is reported", async () => {
  await using scene = await Scene.with(0);
  scene.events.on("onBackup", () => Promise.reject(new Error("no route to host")), { name: "the mailer" });
  const { exitCode } = await scene.put();
  assert.equal(exitCode, 0);
  assert.deepEqual(scene.problems, ["the mailer failed (onBackup), which changes nothing: no route to host"]);
  assert.equal((await scene.ids()).length, 1);
});

Deno.test("an interruption while a handler hangs leaves no backup and no lock", async () => {
  await using scene = await Scene.with(0);
  const interrupt = new AbortController();
  scene.events.on("beforeBackup", () => new Promise(() => interrupt.abort()));
  const { world, env, events } = scene;
  const code = await runCommandLine(["put", "prod/shop"], {
    ...contextWith({ stdout: new Collected(), stderr: new Collected(), world }),
    env: (name) => env[name],
    events: () => Promise.resolve(events),
    signal: interrupt.signal,
    commandLine: undefined,
  });
  assert.equal(code, 130);
  assert.deepEqual(namesOf(scene.take()), ["beforeBackup", "onError"]);
  assert.deepEqual(await scene.ids(), []);
  assert.deepEqual(await scene.locks(), []);
});

Deno.test("without subscribers --json names a session all the same, another one for each run", async () => {
  await using scene = await Scene.with(0);
  const sessions: string[] = [];
  for (const _ of [1, 2]) {
    const { stdout } = await runInProcess(["put", "prod/shop", "--json"], {
      env: scene.env,
      world: scene.world,
      engines: new EngineRegistry(),
      stdin: new TextEncoder().encode("words"),
    });
    sessions.push(JSON.parse(stdout).session);
  }
  for (const session of sessions) assert.match(session, UUID);
  assert.notEqual(sessions[0], sessions[1]);
  assert.deepEqual(scene.take(), []);
});

Deno.test.afterAll(async () => await (await made)?.[Symbol.asyncDispose]());
