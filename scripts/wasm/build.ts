/**
 * Assembles the WebAssembly sources, and writes each as a base64 module beside it: `poly1305.wat` as
 * `poly1305_wasm.ts`.
 *
 * Run as `deno run --allow-read --allow-write --allow-env scripts/wasm/build.ts`. The assembler (wabt, the toolkit of
 * the WebAssembly community group) is needed only here; its results are checked in.
 */
import { Buffer } from "node:buffer";
import { basename } from "node:path";
// deno-lint-ignore no-import-prefix -- only this script needs it, so it stays out of the program's import map
import loadAssembler from "npm:wabt@1.0.39";

/** The sources below `src/`, without their file extension. */
export const WASM_SOURCES = [
  "crypto/md5/md5",
  "crypto/poly1305",
  "crypto/scrypt/romix",
  "guard/sql/byte_search",
] as const;
const LINE_LENGTH = 112;

/** The URL of a source below `src/`, or of the module made from it. */
export function wasmFile(source: string, ending: ".wat" | "_wasm.ts"): URL {
  return new URL(`../../src/${source}${ending}`, import.meta.url);
}

/** The text of the module for a source with this name and text. Throws if the assembler finds a mistake. */
export async function wasmModuleText(name: string, text: string): Promise<string> {
  const { parseWat } = await loadAssembler();
  const module = parseWat(`${name}.wat`, text, { simd: true, bulk_memory: true, mutable_globals: true });
  module.validate();
  const { buffer } = module.toBinary({ write_debug_names: false });
  module.destroy();
  return moduleText(name, Buffer.from(buffer).toString("base64"));
}

function moduleText(name: string, base64: string): string {
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return [
    `/** The WebAssembly module of \`${name}.wat\`, base64. Made by \`scripts/wasm/build.ts\`; not edited by hand. */`,
    `export const ${name.toUpperCase()}_WASM_BASE64 =`,
    lines.map((line) => `  "${line}"`).join(" +\n") + ";",
    "",
  ].join("\n");
}

if (import.meta.main) {
  for (const source of WASM_SOURCES) {
    const text = await wasmModuleText(basename(source), await Deno.readTextFile(wasmFile(source, ".wat")));
    await Deno.writeTextFile(wasmFile(source, "_wasm.ts"), text);
  }
}
