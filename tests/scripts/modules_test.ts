/** How the modules of `src/` hang together: without cycles, and few enough in a folder to be seen at a glance. */
import assert from "node:assert/strict";
import { dirname, join, normalize, resolve } from "node:path";
import { modulesIn } from "../helpers/modules.ts";

const ROOT = resolve(import.meta.dirname!, "../..");
const MOST_FILES = 16;

/** These have a file for each thing that the program offers, however many those are. */
const LISTS: ReadonlySet<string> = new Set(["src/cli/commands"]);

/** The modules that each module names, for its types alone included. */
async function importsByModule(): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  for await (const module of modulesIn(join(ROOT, "src"))) {
    const source = await Deno.readTextFile(join(ROOT, module));
    const specifiers = source.matchAll(/(?:\bfrom|\bimport)[\s(]*"(\.{1,2}\/[^"]+)"/g);
    imports.set(module, [...specifiers].map(([, specifier]) => normalize(join(dirname(module), specifier!))));
  }
  return imports;
}

/** A way from a module back to itself; undefined where there is none. */
function findCycle(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const way: string[] = [];
  const follow = (module: string): string[] | undefined => {
    if (way.includes(module)) return [...way.slice(way.indexOf(module)), module];
    if (finished.has(module)) return undefined;
    way.push(module);
    for (const imported of imports.get(module) ?? []) {
      const cycle = follow(imported);
      if (cycle !== undefined) return cycle;
    }
    way.pop();
    finished.add(module);
    return undefined;
  };
  for (const module of imports.keys()) {
    const cycle = follow(module);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

Deno.test("no module imports itself by way of others, type imports included", async () => {
  const imports = await importsByModule();
  assert.ok(imports.size > 300 && [...imports.values()].flat().length > 1000, "the modules are found");
  assert.deepEqual(findCycle(imports), undefined);
});

Deno.test("a cycle is found", () => {
  const imports = new Map([["a", ["b", "c"]], ["b", []], ["c", ["d"]], ["d", ["b", "c"]]]);
  assert.deepEqual(findCycle(imports), ["c", "d", "c"]);
});

Deno.test("no folder has more files than can be seen at a glance", async () => {
  const folders = Map.groupBy((await importsByModule()).keys(), (module) => dirname(module));
  const crowded = [...folders].filter(([folder, { length }]) => length > MOST_FILES && !LISTS.has(folder));
  assert.deepEqual(crowded.map(([folder]) => folder), []);
});

/** The modules that are loaded with a module, itself included: those that it imports for more than types. */
async function loadedWith(module: string, loaded = new Set<string>()): Promise<Set<string>> {
  if (loaded.has(module)) return loaded;
  loaded.add(module);
  const source = await Deno.readTextFile(join(ROOT, module));
  for (const [, specifier] of source.matchAll(/^(?:import|export) (?!type\b)[^;]*? from "(\.{1,2}\/[^"]+)";/gm)) {
    await loadedWith(normalize(join(dirname(module), specifier!)), loaded);
  }
  return loaded;
}

Deno.test("the code of events is not loaded before somebody subscribes", async () => {
  for (const module of ["main", ...["put", "get", "rm", "forget", "rotate"].map((name) => `cli/commands/${name}`)]) {
    const loaded = await loadedWith(`src/${module}.ts`);
    assert.ok(loaded.has("src/base/errors.ts"), "what is loaded is found");
    assert.ok(!loaded.has("src/library/events/events.ts"), module);
  }
});

Deno.test("no code of the catalogue is loaded before a command has done its work", async () => {
  const commands = ["put", "get", "ls", "search", "complete"];
  for (const module of ["main", ...commands.map((name) => `cli/commands/${name}`)]) {
    const loaded = [...await loadedWith(`src/${module}.ts`)];
    const early = loaded.filter((name) => name.startsWith("src/catalogue/") && !name.endsWith("/catalogue_place.ts"));
    assert.deepEqual(early, [], module);
    assert.ok(!loaded.some((name) => name.includes("sqlite")), module);
  }
});

Deno.test("what a put needs only under its lock is loaded while the lock settles", async () => {
  const loaded = await loadedWith("src/cli/commands/put.ts");
  assert.ok(loaded.has("src/ops/put.ts"), "what is loaded is found");
  assert.deepEqual([...loaded].filter((name) => /\/session\/session\.ts$|\/put_also\.ts$/.test(name)), []);
});

Deno.test("no common command loads node:fs, which would be a tenth of its start", async () => {
  for (const module of ["main", ...["put", "get", "ls", "version"].map((name) => `cli/commands/${name}`)]) {
    for (const name of await loadedWith(`src/${module}.ts`)) {
      assert.doesNotMatch(await Deno.readTextFile(join(ROOT, name)), /^import (?!type\b)[^;]* from "node:fs/m, name);
    }
  }
});
