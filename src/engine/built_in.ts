/** The engines that this program comes with, by scheme. */
import { EngineRegistry } from "./engine_urls.ts";
import { createTarEngine } from "./tar/tar_engine.ts";

/** A registry of the engines that this program comes with: `tar`. */
export function builtInEngines(): EngineRegistry {
  const registry = new EngineRegistry();
  registry.register("tar", createTarEngine());
  return registry;
}
