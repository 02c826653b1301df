/** Lint rule `agent/layers`: a file below `src/` imports only what the table of floors allows. */
/// <reference lib="deno.unstable" />
import { importProblem } from "./floors.ts";
import { projectPath } from "./project_path.ts";

/**
 * Checks every way in which a module can name another: imports, re-exports, `import()`, import types, `import x =
 * require()`.
 */
export const layers: Deno.lint.Rule = {
  create(context) {
    const from = projectPath(context.filename);

    function check(source: Deno.lint.Node | null | undefined): void {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const to = resolveSpecifier(source.value, from);
      const message = to === undefined ? undefined : importProblem(from, to);
      if (message !== undefined) context.report({ node: source, message });
    }

    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.argument.type === "TSLiteralType" ? node.argument.literal : node.argument),
      TSExternalModuleReference: (node) => check(node.expression),
    };
  },
};

/** The imported file as a project path; undefined for packages and built-ins, which every floor may use. */
function resolveSpecifier(specifier: string, from: string): string | undefined {
  if (specifier === PACKAGE_NAME || specifier.startsWith(`${PACKAGE_NAME}/`)) return "src/mod.ts";
  if (specifier.startsWith("file:")) return projectPath(decodeURIComponent(new URL(specifier).pathname));
  if (specifier.startsWith("/")) return projectPath(specifier);
  if (!/^\.\.?\//.test(specifier)) return undefined;
  return new URL(specifier, `project:/${from}`).pathname.slice(1);
}

/** The project's own name is an import specifier, too. It means `src/mod.ts`. */
const PACKAGE_NAME = "@agent/agent";
