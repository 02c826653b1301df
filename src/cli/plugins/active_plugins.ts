/** The plugins of a command: activated before it, deactivated after it however it ends. */
import type { AgentError } from "../../base/errors.ts";
import { uuid4 } from "../../base/uuid.ts";
import { ENGINE_NAMES } from "../../engine/engine_names.ts";
import type { EngineRegistry } from "../../engine/engine_urls.ts";
import { BUILT_IN_GUARDS } from "../../guard/guard.ts";
import type { PluginLog } from "../../library/plugins/plugin.ts";
import { BUILT_IN_STORES, builtInStores } from "../../store/built_in.ts";
import type { StoreRegistry } from "../../store/store_urls.ts";
import type { CliContext } from "../context.ts";
import { namedCommand } from "../options/program_options.ts";
import type { Output } from "../terminal/input_output.ts";
import { configuredPlugins } from "./configured_plugins.ts";
import { failIfProcessEnds } from "./early_end.ts";
import { catchStrayErrors } from "./stray_errors.ts";
import { failureJson } from "../report/json/standard_error_json.ts";
import { writeNote, writeWarning } from "../report/warning.ts";
import { UnwaitedWrites } from "../terminal/unwaited_writes.ts";

/** The command that lists plugins, and therefore looks at them even if none is enabled. */
const PLUGINS = "plugins";
/** What plugins have no part in, above all what has to work although the configuration is wrong. */
const WITHOUT_PLUGINS = ["version", "config", "configure", "completion", "man", "__complete"];

/** Options that do what the command `version` does. */
const VERSION = ["--version", "-V"];

/** How a command speaks, and which commands there are. */
interface Speech {
  readonly json: boolean;
  readonly quiet: boolean;
  /** The names that no command of a plugin may have. */
  readonly commands: readonly string[];
}

/**
 * Runs a command with the plugins that the configuration enables. Nothing of plugins is loaded if it enables none.
 * Throws what the command throws.
 */
export async function withPlugins<Result>(
  args: readonly string[],
  context: CliContext,
  speech: Speech,
  work: (context: CliContext) => Promise<Result>,
): Promise<Result> {
  const command = namedCommand(args);
  const isWithout = command === undefined
    ? args.some((arg) => VERSION.includes(arg))
    : WITHOUT_PLUGINS.includes(command);
  const setup = isWithout ? undefined : await configuredPlugins(args, context);
  if (setup === undefined || setup.enabled.length === 0 && command !== PLUGINS) return await work(context);
  const { Plugins } = await import("../../library/plugins/plugins.ts");
  const { Events } = await import("../../library/events/events.ts");
  const { stderr, signal, world: { clock, randomBytes } } = context;
  const voice = new Voice(speech, stderr);
  const onProblem = ({ message }: AgentError) => voice.warn(message);
  const taken = { engine: ENGINE_NAMES, store: BUILT_IN_STORES, guard: BUILT_IN_GUARDS, command: speech.commands };
  const logFor = (plugin: string) => voice.logOf(plugin);
  const heard = await context.events?.();
  const events = heard ?? new Events({ clock, randomUuid: () => uuid4(randomBytes), onProblem });
  const plugins = new Plugins({ ...setup, events, clock, taken, logFor, onProblem });
  using _strays = catchStrayErrors((stack) => plugins.ownerOfStray(stack), (plugin, { message }) => {
    voice.warn(`The plugin "${plugin}" failed where nothing waits for it: ${message}`);
  });
  using _end = failIfProcessEnds((error) => voice.lastWord(error));
  await plugins.activate(signal);
  try {
    return await work({
      ...context,
      plugins,
      events: () => Promise.resolve(events),
      engines: once(async (): Promise<EngineRegistry> => {
        const registry = await context.engines();
        plugins.addEngines(registry);
        return registry;
      }),
      stores: once((): Promise<StoreRegistry> => {
        const registry = builtInStores();
        plugins.addStores(registry);
        return Promise.resolve(registry);
      }),
    });
  } finally {
    await plugins.deactivate();
    await voice.heard();
  }
}

/** What is said of plugins, and what they say. It is said at once, and heard before the process ends. */
class Voice {
  readonly #speech: Speech;
  readonly #stderr: Output;
  readonly #writes = new UnwaitedWrites();

  constructor(speech: Speech, stderr: Output) {
    this.#speech = speech;
    this.#stderr = stderr;
  }

  warn(message: string): void {
    this.#writes.add(writeWarning(message, this.#speech, this.#stderr));
  }

  /** The log of a plugin, with its name in front. */
  logOf(plugin: string): PluginLog {
    const { json, quiet } = this.#speech;
    const warn = (message: string) => this.warn(`${plugin}: ${message}`);
    return {
      info: (message) => json || quiet ? undefined : this.#writes.add(writeNote(`${plugin}: ${message}`, this.#stderr)),
      warn,
      error: warn,
    };
  }

  /** Says why the process ends, which waits for nothing any more. */
  lastWord(error: AgentError): void {
    const line = this.#speech.json ? JSON.stringify(failureJson(error)) : `agent: ${error.message}`;
    Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  }

  /** Resolves when all was written. */
  async heard(): Promise<void> {
    await this.#writes.settled();
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}
