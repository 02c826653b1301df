/** The engines that this program comes with, by scheme. */
import type { ClientMachine } from "./client/machine.ts";
import { EngineRegistry } from "./engine_urls.ts";
import { createTarEngine } from "./tar/tar_engine.ts";

/** A registry of the engines that this program comes with: `tar`. */
export function builtInEngines(_machine: ClientMachine): EngineRegistry {
  const registry = new EngineRegistry();
  registry.register("tar", createTarEngine());
  return registry;
}
