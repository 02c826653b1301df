/** The names that no plugin may take are those of the engines that the program comes with. */
import assert from "node:assert/strict";
import { builtInEngines } from "../../src/engine/built_in.ts";
import { ENGINE_NAMES } from "../../src/engine/engine_names.ts";

Deno.test("every scheme of the program's engines is reserved, and so are the names of those without a scheme", () => {
  const registry = builtInEngines({ environment: {} });
  const known = /known are (.*)$/.exec(unknown(registry))![1]!.split(", ").map((scheme) => scheme.replace(/:$/, ""));
  assert.deepEqual([...ENGINE_NAMES], [...known, "files", "stream"].sort());
});

/** What the registry says of a scheme that resembles none. */
function unknown(registry: ReturnType<typeof builtInEngines>): string {
  try {
    registry.source("no-such-engine-at-all:x");
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}
