/** The plugins of an agent: those of its configuration, and those that the program adds. */
import assert from "node:assert/strict";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { openAgent } from "../../../src/library/open_agent.ts";
import type { AgentOptions } from "../../../src/library/opening/agent_options.ts";
import type { Plugin, PluginContext } from "../../../src/library/plugins/plugin.ts";
import { builtInStores } from "../../../src/store/built_in.ts";
import { openMemoryStore } from "../../../src/store/memory_store.ts";
import { TrustedDirectory, trustedTest } from "../../helpers/trusted_directory.ts";
import { CHEAP_KDF, fakeWorld, PASSWORD } from "../../helpers/world.ts";
import { bytesOf, openTestAgent } from "../agent_fixture.ts";

/** The text of a plugin. */
function moduleOf(activate: string, deactivate = ""): string {
  return `export default { activate(context) { ${activate} }, deactivate() { ${deactivate} } };`;
}

/** A plugin object. */
function pluginOf(activate: (context: PluginContext) => void, deactivate = () => {}): Plugin {
  return { activate, deactivate };
}

/** A guard that takes streams that end with a full stop. */
function fullStop() {
  let last = 0;
  return {
    push: (bytes: Uint8Array) => void (last = bytes.at(-1) ?? last),
    finish: () => ({ complete: last === ".".charCodeAt(0), reason: "it has no full stop at its end" }),
  };
}

trustedTest("the plugins of the file are active until the agent is closed", async () => {
  using directory = new TrustedDirectory();
  const trace: string[] = [];
  Object.assign(globalThis, { agentPluginTrace: trace });
  directory.write(
    "plugins/timer.js",
    moduleOf(
      "context.events.on('onBackup', ({ series }) => agentPluginTrace.push(series, context.settings.unit)); " +
        "context.log.info('ready');",
      "agentPluginTrace.push('end');",
    ),
  );
  directory.write("plugins/bad.js", moduleOf("throw new Error('no disk');"));
  directory.write("plugins/idle.js", moduleOf(""));
  const config = directory.write(
    "agent.toml",
    `[plugins]
dir = "${directory.at("plugins")}"
enabled = ["bad", "timer"]
[plugins.timer]
unit = "seconds"
`,
  );
  const problems: string[] = [];
  const said: unknown[] = [];
  const options: AgentOptions = {
    repository: directory.at("repository"),
    config,
    password: PASSWORD,
    init: true,
    cacheDirectory: null,
    environment: {},
    onProblem: ({ message }) => void problems.push(message),
    onPluginLog: (line) => void said.push(line),
    world: { ...fakeWorld(), ...{ kdf: CHEAP_KDF } },
  };
  {
    await using agent = await openAgent(options);
    await agent.backup("prod/shop", bytesOf("orders"), { guard: "none" });
    assert.deepEqual((await agent.plugins()).map(({ name, state }) => [name, state]), [
      ["bad", "faulty"],
      ["timer", "enabled"],
      ["idle", "not enabled"],
    ]);
    assert.deepEqual(trace, ["prod/shop", "seconds"]);
  }
  assert.deepEqual(trace, ["prod/shop", "seconds", "end"]);
  assert.deepEqual(problems, ['The plugin "bad" is faulty and does nothing: no disk']);
  assert.deepEqual(said, [{ plugin: "timer", level: "info", message: "ready" }]);
});

Deno.test("a plugin that the program adds is active until the agent is closed", async () => {
  const trace: string[] = [];
  class Timer {
    activate({ events, settings }: PluginContext) {
      events.on("onBackup", ({ series }) => void trace.push(`${settings.unit} ${series}`));
    }
    deactivate() {
      trace.push("end");
    }
  }
  const { agent } = await openTestAgent();
  await agent.use(Timer, { settings: { unit: "seconds" } });
  await agent.backup("prod/shop", bytesOf("orders"), { guard: "none" });
  assert.deepEqual(await agent.plugins(), [
    { name: "Timer", origin: null, version: null, state: "enabled", reason: null },
  ]);
  await assert.rejects(agent.use(new Timer()), UsageError);
  await agent.use(new Timer(), { name: "second" });
  await agent.close();
  assert.deepEqual(trace, ["seconds prod/shop", "end", "end"]);
  await assert.rejects(agent.use(Timer, { name: "late" }), UsageError);
});

Deno.test("what a plugin registers is found by the agent, and left out of registries that are shared", async () => {
  const stores = builtInStores();
  const drawer = openMemoryStore();
  const plugin = pluginOf(({ registerStore, registerGuard, registerEngine }) => {
    registerStore("drawer", () => drawer);
    registerGuard("full-stop", fullStop);
    registerEngine("nil", {
      version: "1",
      replays: false,
      parameters: [],
      target: () => {
        throw new UsageError("nothing is written there");
      },
    });
  });
  for (const series of ["first", "second"]) {
    await using agent = await openAgent({
      repository: "drawer:top",
      password: PASSWORD,
      stores,
      cacheDirectory: null,
      environment: {},
      world: { ...fakeWorld(), ...{ kdf: CHEAP_KDF } },
    });
    await assert.rejects(agent.ls(), /Unknown kind of repository "drawer"/);
    await agent.use(plugin, { name: "drawers" });
    assert.deepEqual([agent.stores.schemes.includes("drawer"), agent.engines.schemes.includes("nil")], [true, true]);
    if (series === "first") {
      await using maker = await openTestAgent({ store: drawer }).then(({ agent }) => agent);
      assert.deepEqual(await maker.ls(), []);
    }
    const { manifest } = await agent.backup(series, bytesOf("The end."), { guard: "full-stop" });
    assert.equal(manifest.files[0]!.guard?.format, "full-stop");
    await assert.rejects(agent.backup(series, bytesOf("The"), { guard: "full-stop" }), /no full stop/);
    await assert.rejects(agent.backup(series, bytesOf("The"), { guard: "full" }), /No such guard: "full"/);
  }
  assert.equal(stores.schemes.includes("drawer"), false);
});

Deno.test("a plugin that is faulty is refused and takes nothing from others", async () => {
  await using agent = await openTestAgent().then(({ agent }) => agent);
  const guard = pluginOf(({ registerGuard }) => registerGuard("full-stop", fullStop));
  await agent.use(guard, { name: "one" });
  await assert.rejects(agent.use(guard, { name: "two" }), /the guard "full-stop" is the program's own/);
  await assert.rejects(
    agent.use(pluginOf(({ registerStore }) => registerStore("memory", openMemoryStore)), { name: "three" }),
    /the store "memory" is the program's own/,
  );
  await assert.rejects(
    agent.use({} as Plugin, { name: "four" }),
    /^AgentError: The plugin "four" is faulty .*activate/,
  );
  await agent.backup("prod/shop", bytesOf("The end."), { guard: "full-stop" });
  const states = (await agent.plugins()).map(({ name, state }) => `${name} ${state}`);
  assert.deepEqual(states, ["one enabled", "two faulty", "three faulty", "four faulty"]);
});

Deno.test("warnings of plugins are problems where nobody takes what they write", async () => {
  const { agent, problems } = await openTestAgent();
  await using _closing = agent;
  await agent.use(
    pluginOf(({ log }) => {
      log.info("ready");
      log.warn("slow");
    }),
    { name: "timer" },
  );
  assert.deepEqual(problems, ["timer: slow"]);
  await assert.rejects(
    agent.use(
      pluginOf(() => {
        throw new AgentError("no disk");
      }),
    ),
    /The plugin "plugin" is faulty and does nothing: no disk/,
  );
});
