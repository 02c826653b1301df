/** The checked-in WebAssembly modules are what their sources assemble to. */
import assert from "node:assert/strict";
import { basename } from "node:path";

/** The build script, or nothing where its assembler can neither be found in the cache nor be fetched. */
async function loadBuild() {
  try {
    return await import("../../scripts/wasm/build.ts");
  } catch {
    return undefined;
  }
}

const build = await loadBuild();

Deno.test({
  name: "every WebAssembly module is built from its source" + (build ? "" : " (skipped: wabt cannot be loaded)"),
  ignore: build === undefined,
  fn: async () => {
    for (const source of build!.WASM_SOURCES) {
      const text = await Deno.readTextFile(build!.wasmFile(source, ".wat"));
      const checkedIn = await Deno.readTextFile(build!.wasmFile(source, "_wasm.ts"));
      assert.equal(await build!.wasmModuleText(basename(source), text), checkedIn, source);
    }
  },
});
