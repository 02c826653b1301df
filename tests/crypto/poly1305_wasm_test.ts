/** The checked-in module is what its source assembles to. */
import assert from "node:assert/strict";

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
  name: "poly1305_wasm.ts is built from poly1305.wat" + (build ? "" : " (skipped: wabt cannot be loaded)"),
  ignore: build === undefined,
  fn: async () => {
    const source = await Deno.readTextFile(new URL("../../src/crypto/poly1305.wat", import.meta.url));
    const checkedIn = await Deno.readTextFile(new URL("../../src/crypto/poly1305_wasm.ts", import.meta.url));
    assert.equal(await build!.wasmModuleText(source), checkedIn);
  },
});
