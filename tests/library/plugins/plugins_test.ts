/** Plugins: what they get, how long they live, and what becomes of those that throw, hang or have another form. */
import assert from "node:assert/strict";
import { type AgentError, InterruptedError, UsageError } from "../../../src/base/errors.ts";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import type { Plugins } from "../../../src/library/plugins/plugins.ts";
import { StoreRegistry } from "../../../src/store/store_urls.ts";
import { builtInStores } from "../../../src/store/built_in.ts";
import { eventually } from "../../helpers/executable.ts";
import { fakeWorld } from "../../helpers/world.ts";
import { pluginScene } from "./plugin_scene.ts";

const dependencies = { clock: fakeWorld().clock, random: fakeWorld().randomBytes };

/** The text of a plugin whose `activate` has this body. */
function activating(body: string): string {
  return `export default { activate(context) { ${body} } };`;
}

const STORE = (scheme: string, location = scheme) =>
  `context.registerStore("${scheme}", () => ({ location: "${location}" }));`;
const ENGINE = (scheme: string) =>
  `context.registerEngine("${scheme}", { version: "1", replays: false, parameters: [], source: () => ({ options: {} }) });`;

/** What it says when a store, an engine, a guard or a command is used. */
function refusals(plugins: Plugins) {
  const stores = builtInStores();
  plugins.addStores(stores);
  const engines = new EngineRegistry();
  plugins.addEngines(engines);
  return {
    store: (url: string) => stores.open(url, dependencies).then(() => "opened", ({ message }: AgentError) => message),
    engine(url: string) {
      try {
        return engines.source(url).name;
      } catch (error) {
        return (error as AgentError).message;
      }
    },
  };
}

Deno.test("a plugin sees the configuration, its settings and the events, and writes under its name", async () => {
  await using scene = await pluginScene();
  await scene.write({
    "timer.js": `export default class Timer {
      static version = "1.2";
      async activate({ name, conf, settings, log, events, library }) {
        log.info(JSON.stringify({ name, conf, settings }));
        events.on("onBackup", ({ result }) => log.warn("made " + JSON.stringify(result)));
        events.on("beforeDelete", () => { throw new library.UsageError("not on Fridays"); });
      }
      deactivate() { pluginTrace.push("deactivated"); }
    }`,
  });
  const settings = { timer: { every: 5 }, other: { secret: 1 } };
  const plugins = await scene.activate(["timer"], { settings });
  await scene.events.perform("Backup", { series: "s" }, () => Promise.resolve(), () => []);
  const deletion = scene.events.perform("Delete", { series: "s" }, ({ begin }) => begin(), () => []);
  await assert.rejects(deletion, (error) => error instanceof UsageError && error.message === "not on Fridays");
  assert.deepEqual(scene.said, [
    'timer info: {"name":"timer","conf":{"repository":"main"},"settings":{"every":5}}',
    "timer warn: made []",
  ]);
  assert.deepEqual(await plugins.list(), [
    { name: "timer", origin: `${scene.directory}/timer.js`, version: "1.2", state: "enabled", reason: null },
  ]);
  await plugins.deactivate();
  await plugins.deactivate();
  assert.deepEqual([scene.trace, scene.problems], [["deactivated"], []]);
  await scene.events.perform("Delete", { series: "s" }, ({ begin }) => begin(), () => []);
});

Deno.test("plugins are activated in the order of their names in the configuration, and deactivated in reverse", async () => {
  await using scene = await pluginScene();
  const text = (name: string) =>
    `export default { activate: () => void pluginTrace.push("+${name}"), deactivate: () => void pluginTrace.push("-${name}") }`;
  await scene.write({ "a.js": text("a"), "b.mjs": text("b"), "c.ts": `${text("c")} as { version?: string };` });
  await (await scene.activate(["b", "c", "a"])).deactivate();
  assert.deepEqual(scene.trace, ["+b", "+c", "+a", "-a", "-c", "-b"]);
});

Deno.test("what is not enabled is listed and not loaded", async () => {
  await using scene = await pluginScene();
  await scene.write({ "a.js": `pluginTrace.push("loaded");`, "b.js": activating(""), "notes.txt": "", ".b.js": "" });
  const plugins = await scene.activate(["b"]);
  assert.deepEqual((await plugins.list()).map(({ name, state, version }) => [name, state, version]), [
    ["b", "enabled", null],
    ["a", "not enabled", null],
  ]);
  assert.deepEqual(scene.trace, []);
});

Deno.test("in the executable a plugin is JavaScript, and one in TypeScript says what to do", async () => {
  await using scene = await pluginScene();
  const traced = (what: string) => activating(`pluginTrace.push("${what}")`);
  await scene.write({ "both.ts": traced("TypeScript"), "both.js": traced("JavaScript"), "typed.ts": traced("typed") });
  const place = {
    directory: scene.directory,
    runsTypeScript: false,
    trustedPath: (path: string) => Promise.resolve(path),
  };
  await scene.activate(["both", "typed"], { place });
  await scene.activate(["both", "typed"]);
  assert.deepEqual(scene.trace, ["JavaScript", "TypeScript", "typed"]);
  assert.deepEqual(scene.problems, [
    `The plugin "typed" is faulty and does nothing: "${scene.directory}/typed.ts" is TypeScript, which only a source tree ` +
    "runs; make JavaScript of it: deno bundle -o typed.js typed.ts",
  ]);
});

const FAULTY: Readonly<Record<string, readonly [string, RegExp]>> = {
  "is not JavaScript": ["let let", /Unexpected|let is disallowed/],
  "throws when it is loaded": ["throw new Error('no\\n  network')", /: no network$/],
  "throws what is no error": ["throw 'nothing'", /: nothing$/],
  "exports nothing": ["", /its default export is missing, not a class or an object with activate\(\)$/],
  "exports null": ["export default null", /its default export is null, not/],
  "exports a text": ["export default 'x'", /its default export is of the type string, not/],
  "exports a function": ["export default () => {}", /its default export is a function without activate, not/],
  "exports a class that does nothing": ["export default class {}", /a function without activate, not/],
  "exports an object that does nothing": ["export default {}", /of the type object, not/],
  "cannot be made": [
    "export default class { constructor() { throw new Error('no') } activate() {} }",
    /it cannot be made: no$/,
  ],
  "has an end of another form": [
    "export default { activate() {}, deactivate: true }",
    /its deactivate is not a function$/,
  ],
  "has a version of another form": ["export default { activate() {}, version: 1 }", /its version is not a text$/],
  "throws when it is activated": [activating("throw new Error('no disk')"), /: no disk$/],
  "rejects when it is activated": [activating("return Promise.reject(new TypeError('no disk'))"), /: no disk$/],
  "subscribes to an unknown event": [
    activating("context.events.on('onBackups', () => {})"),
    /There is no event "onBackups"; did you mean "onBackup"\?$/,
  ],
  "takes a built-in store": [activating(STORE("s3")), /the store "s3" is the program's own: choose another name$/],
  "takes a built-in engine": [activating(ENGINE("tar")), /the engine "tar" is the program's own/],
  "takes a built-in guard": [
    activating("context.registerGuard('gzip', () => ({}))"),
    /Not a name for a guard: "gzip"; it is a guard of this program$/,
  ],
  "takes a built-in command": [
    activating("context.registerCommand({ name: 'put', description: 'x', run() {} })"),
    /the command "put" is the program's own/,
  ],
  "registers a store twice": [activating(STORE("two") + STORE("two")), /it registers the store "two" twice$/],
  "has a scheme that is none": [activating(STORE("Two")), /not a scheme: "Two"; write at least two lower-case/],
  "has a scheme of one letter": [activating(STORE("c")), /not a scheme: "c"/],
  "registers a store that is none": [
    activating("context.registerStore('two', {})"),
    /the store "two" is not a function that opens one$/,
  ],
  "registers an engine that is none": [
    activating("context.registerEngine('two', {})"),
    /the engine "two" has no version/,
  ],
  "registers an engine that does nothing": [
    activating("context.registerEngine('two', { version: '1', replays: false, parameters: [] })"),
    /the engine "two" has neither source\(\) nor target\(\)$/,
  ],
  "registers a guard that is none": [
    activating("context.registerGuard('two', {})"),
    /the guard "two" is not a function that makes a judge$/,
  ],
  "registers a command that is none": [
    activating("context.registerCommand({ name: 'two', run() {} })"),
    /Not a command: its description is wrong: /,
  ],
  "goes on after a failed registration": [activating(`try { ${STORE("s3")} } catch {}`), /the store "s3" is/],
};

for (const [what, [text, reason]] of Object.entries(FAULTY)) {
  Deno.test(`a plugin that ${what} is named, and the others are active`, async () => {
    await using scene = await pluginScene();
    await scene.write({ "bad.js": text, "good.js": activating(STORE("good")) });
    const plugins = await scene.activate(["bad", "good"]);
    assert.match(scene.problems.join("\n"), /^The plugin "bad" is faulty and does nothing: [^\n]+$/);
    assert.match(scene.problems.join("\n"), reason);
    assert.deepEqual((await plugins.list()).map(({ state }) => state), ["faulty", "enabled"]);
    assert.equal(await refusals(plugins).store("good:x"), "opened");
  });
}

Deno.test("a plugin without a file is named, with the nearest", async () => {
  await using scene = await pluginScene();
  await scene.write({ "timer.js": activating("") });
  await scene.activate(["timr"]);
  const place = { directory: null, runsTypeScript: true, trustedPath: (path: string) => Promise.resolve(path) };
  await scene.activate(["timer"], { place });
  await scene.activate(["timer"], { place: { ...place, directory: `${scene.directory}/missing` } });
  assert.deepEqual(scene.problems, [
    `The plugin "timr" is faulty and does nothing: there is no timr.js, .mjs or .ts in "${scene.directory}"; did you mean ` +
    '"timer"?',
    'The plugin "timer" is faulty and does nothing: no directory of plugins is known: set dir in [plugins]',
    `The plugin "timer" is faulty and does nothing: there is no directory of plugins "${scene.directory}/missing"`,
  ]);
});

Deno.test("a plugin that somebody else may change is not loaded", async () => {
  await using scene = await pluginScene();
  await scene.write({ "timer.js": `pluginTrace.push("loaded"); export default { activate() {} };` });
  for (const refused of ["folder", "file"]) {
    const trustedPath = (path: string, kind: string) =>
      kind === refused ? Promise.reject(new UsageError(`Refusing the ${kind}`)) : Promise.resolve(path);
    await scene.activate(["timer"], { place: { directory: scene.directory, runsTypeScript: true, trustedPath } });
  }
  assert.deepEqual(scene.trace, []);
  assert.match(scene.problems.join(), /does nothing: Refusing the folder,.*does nothing: Refusing the file$/);
});

/** Not really never: a module that still waits when the tests end is an error of the runtime. */
const NEVER = "await new Promise((resolve) => void (globalThis.endModule = resolve));";

for (
  const [what, text] of [
    ["whose module never ends", `pluginTrace.push("begun"); ${NEVER} export default {};`],
    ["that never becomes active", activating(`pluginTrace.push("begun"); return new Promise(() => {});`)],
  ] as const
) {
  Deno.test(`a plugin ${what} is named after a time limit, and the others are active`, async () => {
    await using scene = await pluginScene();
    await scene.write({ "slow.js": text, "good.js": activating("") });
    const activated = scene.activate(["slow", "good"]);
    await scene.traced();
    await scene.clock.advance(10_000);
    const plugins = await activated;
    assert.deepEqual(scene.problems, [
      'The plugin "slow" is faulty and does nothing: it was not ready within 10 s',
    ]);
    assert.deepEqual((await plugins.list()).map(({ state }) => state), ["faulty", "enabled"]);
    (globalThis as { endModule?: () => void }).endModule?.();
  });
}

Deno.test("a plugin that becomes ready too late registers and hears nothing", async () => {
  await using scene = await pluginScene();
  await scene.write({
    "late.js": `export default { async activate(context) {
      context.events.on("onBackup", () => void pluginTrace.push("heard"));
      const late = new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      pluginTrace.push("begun");
      await late;
      await new Promise((resolve) => setTimeout(resolve));
      pluginTrace.push("late");
      for (const act of [() => { ${STORE("late")} }, () => context.events.on("onDelete", () => {})]) {
        try { act(); } catch (error) { pluginTrace.push(error.message); }
      }
    }, deactivate: () => void pluginTrace.push("deactivated") };`,
  });
  const activated = scene.activate(["late"]);
  await scene.traced();
  await scene.clock.advance(10_000);
  const plugins = await activated;
  await eventually("its end", () => scene.trace.length === 4);
  await scene.events.perform("Backup", { series: "s" }, () => Promise.resolve(), () => []);
  await plugins.deactivate();
  assert.deepEqual(scene.trace, [
    "begun",
    "late",
    'The plugin "late" may register only while activate() runs',
    'The plugin "late" is not active',
  ]);
});

Deno.test("an interruption ends the activation, and deactivates what is active", async () => {
  await using scene = await pluginScene();
  await scene.write({
    "good.js": `export default { activate() {}, deactivate: () => void pluginTrace.push("deactivated") };`,
    "slow.js": activating(`pluginTrace.push("begun"); return new Promise(() => {});`),
  });
  const interrupt = new AbortController();
  const activated = scene.activate(["good", "slow"], {}, interrupt.signal);
  await scene.traced();
  interrupt.abort(new InterruptedError());
  await assert.rejects(activated, InterruptedError);
  assert.deepEqual([scene.trace, scene.problems], [["begun", "deactivated"], []]);
});

Deno.test("a plugin that fails or hangs at its end is named, and the others end", async () => {
  await using scene = await pluginScene();
  await scene.write({
    "first.js": `export default { activate() {}, deactivate: () => void pluginTrace.push("first ended") };`,
    "hangs.js":
      `export default { activate() {}, deactivate: () => { pluginTrace.push("hangs"); return new Promise(() => {}); } };`,
    "throws.js": `export default { activate() {}, deactivate: () => { throw new Error("no end"); } };`,
  });
  const plugins = await scene.activate(["first", "hangs", "throws"]);
  const ended = plugins.deactivate();
  await scene.traced();
  await scene.clock.advance(5000);
  await ended;
  assert.deepEqual(scene.trace, ["hangs", "first ended"]);
  assert.deepEqual(scene.problems, [
    'The plugin "throws" failed at its end: no end',
    'The plugin "hangs" failed at its end: it did not end within 5.0 s',
  ]);
});

Deno.test("what a plugin registers can be used, and what a faulty one registered names it", async () => {
  await using scene = await pluginScene();
  await scene.write({
    "good.js": activating(`${STORE("shard")} ${ENGINE("log")} context.registerGuard("letter", () => ({}));`),
    "bad.js": activating(`${STORE("lost")} ${ENGINE("gone")} throw new Error("no disk");`),
  });
  const plugins = await scene.activate(["good", "bad"]);
  const { store, engine } = refusals(plugins);
  assert.deepEqual([await store("shard:/x"), engine("log:/x")], ["opened", "log"]);
  assert.deepEqual(plugins.guards.map(({ name }) => name), ["letter"]);
  const because = 'the plugin "bad", which is faulty: no disk';
  assert.equal(await store("lost:/x"), `The store "lost" is that of ${because}`);
  assert.equal(engine("gone:/x"), `The engine "gone" is that of ${because}`);
  assert.match(
    await store("other:/x"),
    new RegExp(`^Unknown kind of repository "other".*; it may be that of ${because}$`),
  );
  assert.match(engine("other:/x"), new RegExp(`^Unknown kind of source "other".*; it may be that of ${because}$`));
  assert.match(
    plugins.explain("guard", "x", new UsageError("No such guard")).message,
    /^No such guard; it may be that/,
  );
});

Deno.test("without faulty plugins an unknown name is what it always was", async () => {
  await using scene = await pluginScene();
  await scene.write({ "good.js": activating(STORE("shard")) });
  const { store } = refusals(await scene.activate(["good"]));
  assert.match(await store("shrad:/x"), /^Unknown kind of repository "shrad"; did you mean "shard"\?; use/);
});

Deno.test("a scheme that two plugins register is nobody's, and both are named", async () => {
  await using scene = await pluginScene();
  await scene.write({
    "a.js": activating(STORE("shard") + STORE("other")),
    "b.js": activating(STORE("shard")),
    "c.js": activating(STORE("shard")),
  });
  const plugins = await scene.activate(["a", "b"]);
  const both = 'the store "shard" is registered by both plugins "a" and "b": enable one of them';
  assert.deepEqual(scene.problems, [`The plugin "b" is faulty and does nothing: ${both}`]);
  const { store } = refusals(plugins);
  assert.equal(await store("shard:/x"), both.replace("the", "The"));
  assert.equal(await store("other:/x"), "opened");
  const three = await scene.activate(["a", "b", "c"]);
  assert.equal(await refusals(three).store("shard:/x"), both.replace("the", "The"));
});

Deno.test("a store on another machine is retried and worth a cache", async () => {
  await using scene = await pluginScene();
  await scene.write({
    "far.js": activating(`const { TemporaryError } = context.library; let calls = 0;
      context.registerStore("far", () => ({ location: "far", connections: 1, uploads: 1,
        size() { if (++calls < 3) throw new TemporaryError("again"); return calls; } }), { isRemote: true });`),
  });
  const stores = new StoreRegistry();
  (await scene.activate(["far"])).addStores(stores);
  const store = await stores.open("far:x", dependencies);
  assert.equal(await store.size({ kind: "config", name: "config" }), 3);
  assert.equal(stores.isRemote("far:x"), true);
});
