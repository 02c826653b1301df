// deno-lint-ignore-file no-console -- a script for people, which prints to standard output
/** Fails with exit code 1 if the project has an unnecessary export. Run by `deno task ok`. */
import { join } from "node:path";
import { exportProblems, type ModuleNames, readNames } from "./exports.ts";
import { ROOT } from "./project_path.ts";

/** The project paths of the modules below a folder. */
async function* modulesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* modulesIn(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

const modules = new Map<string, ModuleNames>();
for (const folder of ["src", "scripts", "tests"]) {
  for await (const path of modulesIn(folder)) {
    modules.set(path, readNames(path, await Deno.readTextFile(join(ROOT, path))));
  }
}
const problems = exportProblems(modules);
for (const problem of problems) console.log(problem);
console.log(`Checked the exports of ${modules.size} modules: ${problems.length} unnecessary`);
Deno.exit(problems.length > 0 ? 1 : 0);
