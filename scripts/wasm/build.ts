/**
 * Assembles `src/crypto/poly1305.wat` and writes it, base64, as the module `src/crypto/poly1305_wasm.ts`.
 *
 * Run as `deno run --allow-read --allow-write --allow-env scripts/wasm/build.ts`. The assembler (wabt, the toolkit of the
 * WebAssembly community group) is needed here only; its result is checked in.
 */
import { Buffer } from "node:buffer";
// deno-lint-ignore no-import-prefix -- needed by this script alone, so it stays out of the program's own map of imports
import loadAssembler from "npm:wabt@1.0.39";

const SOURCE = new URL("../../src/crypto/poly1305.wat", import.meta.url);
const TARGET = new URL("../../src/crypto/poly1305_wasm.ts", import.meta.url);
const LINE_LENGTH = 112;

/** The text of `poly1305_wasm.ts` for the text of `poly1305.wat`; throws where the assembler finds a mistake. */
export async function wasmModuleText(source: string): Promise<string> {
  const { parseWat } = await loadAssembler();
  const module = parseWat("poly1305.wat", source, { simd: true, bulk_memory: true, mutable_globals: true });
  module.validate();
  const { buffer } = module.toBinary({ write_debug_names: false });
  module.destroy();
  return moduleText(Buffer.from(buffer).toString("base64"));
}

function moduleText(base64: string): string {
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return [
    "/** The WebAssembly module of `poly1305.wat`, base64. Made by `scripts/wasm/build.ts`; not edited by hand. */",
    "export const POLY1305_WASM_BASE64 =",
    lines.map((line) => `  "${line}"`).join(" +\n") + ";",
    "",
  ].join("\n");
}

if (import.meta.main) {
  await Deno.writeTextFile(TARGET, await wasmModuleText(await Deno.readTextFile(SOURCE)));
}
