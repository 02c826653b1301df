/** A directory of plugins, and what activates them. */
import { join } from "node:path";
import type { AgentError } from "../../../src/base/errors.ts";
import { ENGINE_NAMES } from "../../../src/engine/engine_names.ts";
import { BUILT_IN_GUARDS } from "../../../src/guard/guard.ts";
import { Events } from "../../../src/library/events/events.ts";
import { activatePlugins, type PluginsOptions } from "../../../src/library/plugins/plugins.ts";
import { BUILT_IN_STORES } from "../../../src/store/built_in.ts";
import { eventually } from "../../helpers/executable.ts";
import { type FakeClock, fakeWorld } from "../../helpers/world.ts";

/** A directory of plugins; disposing of it removes it. */
export class PluginScene implements AsyncDisposable {
  readonly directory: string;
  readonly clock: FakeClock = fakeWorld().clock;
  /** What was said about plugins, in order. */
  readonly problems: string[] = [];
  /** What plugins said, in order. */
  readonly said: string[] = [];
  /** What plugins put into `globalThis.pluginTrace`. */
  readonly trace: string[] = [];
  readonly events: Events = new Events({
    clock: this.clock,
    randomUuid: () => "session-1",
    onProblem: ({ message }) => void this.problems.push(message),
  });

  constructor(directory: string) {
    this.directory = directory;
    (globalThis as unknown as { pluginTrace: string[] }).pluginTrace = this.trace;
  }

  /** Writes files of plugins by name: their texts. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(this.directory, name), text);
  }

  /** Activates these. */
  activate(enabled: readonly string[], options: Partial<PluginsOptions> = {}, signal = new AbortController().signal) {
    const say = (plugin: string, level: string) => (message: string) =>
      void this.said.push(`${plugin} ${level}: ${message}`);
    return activatePlugins({
      place: {
        directory: this.directory,
        runsTypeScript: true,
        trustedPath: (path) => Promise.resolve(path),
      },
      enabled,
      conf: { repository: "main" },
      settings: {},
      events: this.events,
      logFor: (plugin) => ({ info: say(plugin, "info"), warn: say(plugin, "warn"), error: say(plugin, "error") }),
      clock: this.clock,
      taken: { engine: ENGINE_NAMES, store: BUILT_IN_STORES, guard: BUILT_IN_GUARDS, command: ["put", "help"] },
      onProblem: ({ message }: AgentError) => void this.problems.push(message),
      ...options,
    }, signal);
  }

  /** Waits until a plugin has left a trace. */
  async traced(): Promise<void> {
    await eventually("a trace", () => this.trace.length > 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** An empty one. */
export async function pluginScene(): Promise<PluginScene> {
  return new PluginScene(await Deno.makeTempDir({ prefix: "agent-plugins-" }));
}
