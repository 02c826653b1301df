/** What the configuration says of plugins. It is asked before the command line is parsed: plugins add commands to it. */
import { AgentError } from "../../base/errors.ts";
import { findConfiguration } from "../../config/find_configuration.ts";
import { type Selection, selectProfile } from "../../config/selection.ts";
import { type PluginSetup, pluginSetup } from "../../library/plugins/plugin_setup.ts";
import type { CliContext } from "../context.ts";

/** Words that ask for help, which is shown although the configuration is wrong. */
const HELP = ["help", "--help", "-h"];

/** The plugins for a command line; undefined where no file is read. Throws what is wrong with the file. */
export async function configuredPlugins(
  args: readonly string[],
  context: CliContext,
): Promise<PluginSetup | undefined> {
  const { configurationMachine: machine, env, version } = context;
  if (machine === undefined) return undefined;
  return pluginSetup(await selectionFor(args, context), { ...machine, env, form: version.form });
}

/** The file with its profile; undefined if there is none, or if it is wrong and only help is asked for. */
async function selectionFor(
  args: readonly string[],
  { configurationMachine: machine, env }: CliContext,
): Promise<Selection | undefined> {
  try {
    const configuration = await findConfiguration(valueOf("--config", args), { ...machine!, env });
    return configuration &&
      selectProfile(configuration, valueOf("--profile", args) ?? (env("AGENT_PROFILE") || undefined));
  } catch (error) {
    if (error instanceof AgentError && args.some((arg) => HELP.includes(arg))) return undefined;
    throw error;
  }
}

/** The last value that a command line gives to an option; undefined if it gives none. */
function valueOf(option: string, args: readonly string[]): string | undefined {
  const values = args.flatMap((arg, i) => {
    if (arg.startsWith(`${option}=`)) return [arg.slice(option.length + 1)];
    const next = args[i + 1];
    return arg === option && next !== undefined ? [next] : [];
  });
  return values.at(-1);
}
