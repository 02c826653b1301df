/** The command line uses nothing that the library has not: what commands take from the use cases, mod.ts exports. */
import assert from "node:assert/strict";
import { dirname, join, normalize, resolve } from "node:path";
import { Agent } from "../../src/library/agent.ts";
import { modulesIn } from "../helpers/modules.ts";

const ROOT = resolve(import.meta.dirname!, "../..");

/** The names that an import statement or a re-export takes from a module, without those of types. */
function valuesIn(names: string): string[] {
  return names.split(",").map((name) => name.trim()).filter((name) => name !== "" && !name.startsWith("type "))
    .map((name) => name.split(" as ")[0]!.trim());
}

/** What a module takes from others, by their paths: values, which exist when the program runs. */
function takenFrom(module: string, source: string, word: "import" | "export"): [path: string, name: string][] {
  const statements = source.matchAll(new RegExp(`^${word} \\{([^}]*)\\} from "(\\.[^"]+)";`, "gm"));
  return [...statements].flatMap(([, names, specifier]) => {
    const path = normalize(join(dirname(module), specifier!));
    return valuesIn(names!).map((name): [string, string] => [path, name]);
  });
}

/**
 * What commands use to tell more or in another form, and what does the same for programs: an export, or a method of
 * `Agent`. What these take and give is made of the inside of the use cases.
 */
const SAME_FOR_PROGRAMS: Readonly<Record<string, string>> = {
  LOOK_AGAIN_MS: "revokeUrls",
  digestLines: "digests",
  describeTables: "listTables",
  filesFor: "withBackup",
  firstFiles: "files",
  listBackedUp: "listTables",
  listTables: "listTables",
  loadTables: "restore",
  makeFolders: "restore",
  openFound: "withBackup",
  openOutputFile: "restore",
  openTables: "restore",
  raiseGeneration: "revokeUrls",
  restoreFiles: "withBackup",
  totalBytesOf: "sizeOf",
  totalOf: "show",
  withFoundBackup: "withBackup",
};

Deno.test("every value that the command line takes from the use cases is exported by the library", async () => {
  const exported = new Set(
    takenFrom("src/mod.ts", await Deno.readTextFile(join(ROOT, "src/mod.ts")), "export").map(([, name]) => name),
  );
  const used = new Set<string>();
  const lacking: string[] = [];
  for await (const module of modulesIn(join(ROOT, "src/cli"))) {
    const path = module.startsWith("src/") ? module : join("src/cli", module);
    for (const [from, name] of takenFrom(path, await Deno.readTextFile(join(ROOT, path)), "import")) {
      if (!from.startsWith("src/ops/")) continue;
      used.add(name);
      const same = SAME_FOR_PROGRAMS[name];
      const isThere = same !== undefined && (exported.has(same) || same in Agent.prototype);
      if (!exported.has(name) && !isThere) lacking.push(`${name} (${from}, for ${path})`);
    }
  }
  assert.ok(used.size > 30, "the imports are found");
  assert.deepEqual(lacking, []);
  const unused = Object.keys(SAME_FOR_PROGRAMS).filter((name) => !used.has(name) || exported.has(name));
  assert.deepEqual(unused, [], "no exception is kept without need");
});
