/** The project's own lint rules, loaded by `lint.plugins` of deno.json. */
/// <reference lib="deno.unstable" />
import { edge } from "./edge.ts";
import { layers } from "./layers.ts";

const plugin: Deno.lint.Plugin = { name: "agent", rules: { layers, edge } };

export default plugin;
