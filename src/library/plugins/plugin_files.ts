/** The files of plugins: where that of a name is, which one counts, and what it exports. */
import { pathToFileURL } from "node:url";
import { AgentError, messageOf, systemReason, UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import type { Plugin } from "./plugin.ts";

/** Where plugins are, and what can run. */
export interface PluginPlace {
  /** An absolute path; null if no directory is known. */
  readonly directory: string | null;
  /** Whether plugins in TypeScript can be loaded: in a source tree, and not in the executable. */
  readonly runsTypeScript: boolean;
  /** The real path of a file or folder. Throws unless nobody but root and the user can change what is there. */
  readonly trustedPath: (path: string, kind: "file" | "folder") => Promise<string>;
}

/** A plugin, and what it says of itself. */
export interface LoadedPlugin {
  readonly plugin: Plugin;
  readonly version: string | null;
}

const JAVASCRIPT = ["js", "mjs"];
const TYPESCRIPT = "ts";
/** The file of a plugin: a name, and an ending. */
const FILE = /^([A-Za-z0-9_-]+)\.(js|mjs|ts)$/;

/** The files of plugins in the directory, by name, each list with the file that counts in front. */
export async function listPluginFiles({ directory, runsTypeScript }: PluginPlace): Promise<Map<string, string[]>> {
  const files = new Map<string, string[]>();
  if (directory === null) return files;
  const names = await namesIn(directory);
  // A plugin in TypeScript may lie beside the JavaScript that was made of it, which is for the executable.
  const endings = runsTypeScript ? [TYPESCRIPT, ...JAVASCRIPT] : [...JAVASCRIPT, TYPESCRIPT];
  for (const ending of endings) {
    for (const file of names) {
      const [, name, found] = FILE.exec(file) ?? [];
      if (name !== undefined && found === ending) files.set(name, [...files.get(name) ?? [], `${directory}/${file}`]);
    }
  }
  return files;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new AgentError(`Cannot read the directory of plugins "${directory}": ${systemReason(error)}`, {
      cause: error,
    });
  }
}

/** The file of the plugin of this name. Throws `UsageError` if there is none that can run here. */
export async function findPlugin(name: string, place: PluginPlace): Promise<string> {
  const { directory, runsTypeScript } = place;
  if (directory === null) throw new UsageError("no directory of plugins is known: set dir in [plugins]");
  const files = await listPluginFiles(place);
  const [file] = files.get(name) ?? [];
  if (file === undefined) {
    throw new UsageError(`there is no ${name}.js, .mjs or .ts in "${directory}"${didYouMean(name, files.keys())}`);
  }
  if (file.endsWith(`.${TYPESCRIPT}`) && !runsTypeScript) {
    throw new UsageError(
      `"${file}" is TypeScript, which only a source tree runs; make JavaScript of it: deno bundle -o ${name}.js ${name}.ts`,
    );
  }
  return file;
}

/** The real path of a plugin's file. Throws unless nobody but root and the user can change it. */
export async function trustPlugin(file: string, { directory, trustedPath }: PluginPlace): Promise<string> {
  await trustedPath(directory!, "folder");
  return await trustedPath(file, "file");
}

/** The plugin in a file. Throws an error whose message says what is wrong with it, and what its module throws. */
export async function loadPlugin(file: string): Promise<LoadedPlugin> {
  const { default: exported } = await import(pathToFileURL(file).href) as { readonly default?: unknown };
  return pluginOf(exported);
}

/**
 * The plugin that a module exports: an object, or what a class makes. Throws an error whose message says what is wrong
 * with `what` it is.
 */
export function pluginOf(exported: unknown, what = "its default export"): LoadedPlugin {
  const plugin = isPluginClass(exported) ? make(exported) : exported;
  if (!isObject(plugin) || typeof plugin.activate !== "function") {
    throw new UsageError(`${what} is ${nameOf(exported)}, not a class or an object with activate()`);
  }
  const { deactivate, version = isObject(exported) ? exported.version : undefined } = plugin;
  if (deactivate !== undefined && typeof deactivate !== "function") {
    throw new UsageError("its deactivate is not a function");
  }
  if (version !== undefined && typeof version !== "string") throw new UsageError("its version is not a text");
  return { plugin: plugin as unknown as Plugin, version: version ?? null };
}

function isPluginClass(exported: unknown): exported is new () => unknown {
  return typeof exported === "function" && isObject(exported.prototype) &&
    typeof exported.prototype.activate === "function";
}

function make(Class: new () => unknown): unknown {
  try {
    return new Class();
  } catch (error) {
    throw new AgentError(`it cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null || typeof value === "function";
}

function nameOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return typeof value === "function" ? "a function without activate" : `of the type ${typeof value}`;
}
