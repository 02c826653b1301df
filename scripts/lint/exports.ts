/** Finds unused exports: reads what each module exports and imports, and compares. */
// deno-lint-ignore no-import-prefix -- only this script needs it, so it stays out of the program's import map
import { type EcmaScriptModule, parseSync } from "npm:oxc-parser@0.159.0";

/**
 * Modules whose exports are used outside this project: by users of the library, and by Deno, which loads lint rules.
 */
const FACES: ReadonlySet<string> = new Set(["src/mod.ts", "scripts/lint/plugin.ts"]);

/** Stands for every export of a module: a namespace import or `import()` does not say which ones are used. */
const ALL = "*";

/** One name that a module exports. */
interface Export {
  readonly name: string;
  readonly line: number;
  /** Whether the module uses it itself. */
  readonly isUsedInside: boolean;
}

/** The names that a module exports and imports. */
export interface ModuleNames {
  readonly exports: readonly Export[];
  /** `from` is the project path of the other module. Modules outside the project are left out. */
  readonly imports: readonly { readonly from: string; readonly name: string }[];
}

/** Reads the names from the source text of the module at that project path. Throws if the text is not TypeScript. */
export function readNames(path: string, text: string): ModuleNames {
  const { module, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]!.message}`);
  const code = comments.reduceRight((rest, { start, end }) => rest.slice(0, start) + rest.slice(end), text);
  const exports = module.staticExports.flatMap(({ entries }) => entries)
    .filter(({ exportName }) => exportName.kind !== "None")
    .map(({ exportName, start }) => {
      const name = nameOf(exportName);
      return { name, line: text.slice(0, start).split("\n").length, isUsedInside: occurs(name, code) > 1 };
    });
  const imports = takenNames(module, text)
    .filter(({ specifier }) => /^\.{1,2}\//.test(specifier))
    .map(({ specifier, name }) => ({ from: new URL(specifier, `project:/${path}`).pathname.slice(1), name }));
  return { exports, imports };
}

/** The names that a module imports or re-exports. */
function takenNames({ staticImports, staticExports, dynamicImports }: EcmaScriptModule, text: string) {
  return [
    ...staticImports.flatMap(({ moduleRequest: { value: specifier }, entries }) =>
      entries.map(({ importName }) => ({ specifier, name: nameOf(importName) }))
    ),
    ...staticExports.flatMap(({ entries }) => entries).flatMap(({ moduleRequest, importName }) =>
      moduleRequest === null ? [] : [{ specifier: moduleRequest.value, name: nameOf(importName) }]
    ),
    ...dynamicImports.map(({ moduleRequest: { start, end } }) => ({
      specifier: text.slice(start + 1, end - 1),
      name: ALL,
    })),
  ];
}

/** How often a name occurs in code, including its declaration. */
function occurs(name: string, code: string): number {
  return code.matchAll(new RegExp(`(?<!\\w)${RegExp.escape(name)}(?!\\w)`, "g")).toArray().length;
}

function nameOf({ kind, name }: { readonly kind: string; readonly name?: string | null }): string {
  return kind === "Name" ? name! : kind === "Default" ? "default" : ALL;
}

/**
 * One sentence for each unnecessary export, with its place. An export is necessary if another module imports it. If
 * only tests import it, its own module must use it, too: a decision may be exported so that a test can check it, but
 * nothing is shipped for tests alone.
 */
export function exportProblems(modules: ReadonlyMap<string, ModuleNames>): string[] {
  const importers = importersByExport(modules);
  return [...modules].filter(([path]) => !FACES.has(path)).flatMap(([path, { exports }]) =>
    exports.flatMap((one) => {
      const users = [ALL, one.name].flatMap((taken) => importers.get(`${path}#${taken}`) ?? []);
      const problem = problemOf(path, one, users);
      return problem === undefined ? [] : [`${path}:${one.line}: "${one.name}" ${problem}`];
    })
  );
}

function problemOf(path: string, { isUsedInside }: Export, users: readonly string[]): string | undefined {
  if (users.length === 0) {
    return `is imported nowhere: ${isUsedInside ? 'take away the word "export"' : "nothing uses it, so remove it"}`;
  }
  if (!path.startsWith("src/") || isUsedInside || !users.every((user) => user.startsWith("tests/"))) return undefined;
  const tests = users.join(", ");
  return `is there for tests alone (${tests}): only what its own module uses, too, may be exported for tests`;
}

function importersByExport(modules: ReadonlyMap<string, ModuleNames>): ReadonlyMap<string, readonly string[]> {
  const importers = new Map<string, string[]>();
  for (const [path, { imports }] of modules) {
    for (const { from, name } of imports) {
      const key = `${from}#${name}`;
      importers.set(key, [...importers.get(key) ?? [], path]);
    }
  }
  return importers;
}
