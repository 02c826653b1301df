/** What the configuration says of plugins. It is asked before the command line is parsed: plugins add commands to it. */
import { AgentError } from "../../base/errors.ts";
import { findConfiguration, ownConfigurationFolder } from "../../config/find_configuration.ts";
import { type Selection, selectProfile } from "../../config/selection.ts";
import type { PluginPlace } from "../../library/plugins/plugin_files.ts";
import type { PluginsOptions } from "../../library/plugins/plugins.ts";
import type { CliContext } from "../context.ts";

/** Which plugins are enabled, where they are, and what they see of the configuration. */
type ConfiguredPlugins = Pick<PluginsOptions, "place" | "enabled" | "conf" | "settings">;

/** Words that ask for help, which is shown although the configuration is wrong. */
const HELP = ["help", "--help", "-h"];

/** The plugins for a command line; undefined where no file is read. Throws what is wrong with the file. */
export async function configuredPlugins(
  args: readonly string[],
  context: CliContext,
): Promise<ConfiguredPlugins | undefined> {
  if (context.configurationMachine === undefined) return undefined;
  const selection = await selectionFor(args, context);
  const { directory, enabled, settings } = selection?.plugins ?? { directory: null, enabled: [], settings: {} };
  return {
    place: pluginPlace(directory, context),
    enabled,
    conf: selection?.conf ?? {},
    settings,
  };
}

/** Where plugins are if the file says that they are in `directory`; null for the usual place. */
export function pluginPlace(
  directory: string | null,
  { configurationMachine: machine, env, version }: CliContext,
): PluginPlace {
  const own = ownConfigurationFolder({ env });
  return {
    directory: directory ?? (own === undefined ? null : `${own}/plugins`),
    runsTypeScript: version.form === "source",
    async trustedPath(path, kind) {
      const { trustedPath } = await import("../../config/trusted_file.ts");
      return await trustedPath(path, { what: kind === "file" ? "plugin" : "directory of plugins", kind }, machine!);
    },
  };
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
