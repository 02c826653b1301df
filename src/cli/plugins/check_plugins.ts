/** Finds out whether the plugins that a configuration enables are there. None is loaded: what is wrong inside is not seen. */
import { AgentError, messageOf } from "../../base/errors.ts";
import type { Configuration, PluginTable } from "../../config/configuration.ts";
import type { Problem } from "../../config/problems.ts";
import { findPlugin, type PluginPlace, trustPlugin } from "../../library/plugins/plugin_files.ts";
import { pluginPlace } from "../../library/plugins/plugin_setup.ts";
import type { CliContext } from "../context.ts";

/** What is wrong with the files of the plugins that the file and its profiles enable. */
export async function pluginProblems(configuration: Configuration, context: CliContext): Promise<Problem[]> {
  const { plugins, profiles } = configuration;
  const { env, version: { form }, configurationMachine } = context;
  const tables: PluginTable[] = [plugins, ...[...profiles.values()].map((profile) => profile.plugins)];
  const found = tables.map(async ({ directory, lines }) => {
    const place = pluginPlace(directory ?? plugins.directory, { uid: configurationMachine?.uid ?? null, env, form });
    return await Promise.all([...lines].map(([name, line]) => problemOf(name, line, place)));
  });
  return (await Promise.all(found)).flat().filter((problem) => problem !== undefined);
}

async function problemOf(name: string, line: number, place: PluginPlace): Promise<Problem | undefined> {
  try {
    await trustPlugin(await findPlugin(name, place), place);
    return undefined;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { line, message: `The plugin "${name}" cannot be used: ${messageOf(error)}` };
  }
}
