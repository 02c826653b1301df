// deno-lint-ignore-file no-console -- a script for people: its answer goes to standard output
/** Ends with exit code 1 where an export of the project is needed by nobody; run by `deno task ok`. */
import { join } from "node:path";
import { exportProblems, type ModuleNames, readNames } from "./exports.ts";
import { ROOT } from "./project_path.ts";

/** Project paths of the modules below a folder. */
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
console.log(`Checked the exports of ${modules.size} modules: ${problems.length} needed by nobody`);
Deno.exit(problems.length > 0 ? 1 : 0);
