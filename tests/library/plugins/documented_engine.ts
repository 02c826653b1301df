/** The engine of docs/engines.md as a plugin, made of the page as docs/plugins.md tells. */
import assert from "node:assert/strict";
import { stripTypeScriptTypes } from "node:module";
import { blocksOf } from "../../helpers/documents.ts";

const IMPORT = `import * as library from "@agent/agent";\n`;

/** The text of the plugin \`log\`, in TypeScript or in JavaScript. */
export async function documentedEnginePlugin(language: "ts" | "js"): Promise<string> {
  const [engine] = await blocksOf("engines.md", "ts");
  assert.ok(engine!.includes(IMPORT), "the engine imports the library");
  if (language === "ts") return engine! + activating("");
  return `/** @type {any} */ let library;\n${stripTypeScriptTypes(engine!.replace(IMPORT, ""))}` +
    activating("library = context.library; ");
}

/** Its settings may have what the suite stops and counts with. */
function activating(first: string): string {
  return `
export default {
  version: "1",
  activate(context) {
    ${first}context.registerEngine("log", logEngine(context.settings.pass));
  },
};
`;
}
