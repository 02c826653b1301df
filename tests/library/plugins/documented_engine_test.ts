/** The engine of docs/engines.md, as a plugin registers it: it passes the suite, from TypeScript and from JavaScript. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { blocksOf, ROOT } from "../../helpers/documents.ts";
import { documentedEnginePlugin } from "./documented_engine.ts";

/** What the fixture of the page gets its registries from, instead of the engine itself. */
const PLUGIN_ENGINES = `
import { activatePlugins, EngineRegistry, Events, systemClock } from "@agent/agent";

export async function registryOf(pass: (bytes: number) => Promise<void>): Promise<EngineRegistry> {
  const fail = ({ message }: Error) => { throw new Error(message); };
  const plugins = await activatePlugins({
    place: {
      directory: import.meta.dirname + "/plugins",
      runsTypeScript: Deno.env.get("RUNS_TYPESCRIPT") === "yes",
      trustedPath: (path) => Promise.resolve(path),
    },
    enabled: ["log"],
    conf: {},
    settings: { log: { pass } },
    events: new Events({ clock: systemClock, randomUuid: () => crypto.randomUUID() }),
    logFor: () => ({ info() {}, warn() {}, error() {} }),
    clock: systemClock,
    taken: { engine: [], store: [], guard: [], command: [] },
    onProblem: fail,
  }, new AbortController().signal);
  const registry = new EngineRegistry();
  plugins.addEngines(registry);
  return registry;
}
`;

/** The fixture of the page, with registries that a plugin fills. */
async function fixture(): Promise<string> {
  const [, text] = await blocksOf("engines.md", "ts");
  return [
    [`import { logEngine } from "./log_engine.ts";`, `import { registryOf } from "./plugin_engines.ts";`],
    [/ {2}const registryOf = [^]*?\n {2}};\n/, ""],
    [/(?<== )registryOf\(/g, "await registryOf("],
    ["EngineRegistry, ", ""],
  ].reduce((text, [from, to]) => {
    const replaced = text.replace(from as string, to as string);
    assert.notEqual(replaced, text, String(from));
    return replaced;
  }, text!);
}

for (const language of ["ts", "js"] as const) {
  Deno.test(`the documented engine passes the suite as a plugin in ${language}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const [settings] = await blocksOf("engines.md", "json");
      await Deno.mkdir(join(folder, "plugins"));
      const files = {
        "deno.json": settings!.replaceAll("/path/to/agent", ROOT),
        [`plugins/log.${language}`]: await documentedEnginePlugin(language),
        "plugin_engines.ts": PLUGIN_ENGINES,
        "log_engine_test.ts": await fixture(),
      };
      for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "--allow-all", "--no-check", "log_engine_test.ts"],
        cwd: folder,
        env: { NO_COLOR: "1", RUNS_TYPESCRIPT: language === "ts" ? "yes" : "no" },
      }).output();
      const decoder = new TextDecoder();
      assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
