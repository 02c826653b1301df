/**
 * Lint rule `agent/edge`: clock, randomness, environment, exit and console are used only at the edge of the program.
 * Everything else takes them as arguments, so that tests can set them.
 */
/// <reference lib="deno.unstable" />
import { projectPath } from "./project_path.ts";

/** Files that may use them: a path below `src/`, or a folder ending in `/`. */
const EDGE = ["src/base/clock.ts", "src/cli/", "src/library/machine/this_process.ts", "src/main.ts"];

/** The names that are refused elsewhere in `src/`, and what to do instead. */
const HINT_BY_NAME: Readonly<Record<string, string>> = {
  "Date.now": "take a Clock (src/base/clock.ts)",
  "Temporal.Now": "take a Clock (src/base/clock.ts)",
  "Math.random": "take the source of randomness as an argument",
  "Deno.env": "take the value as an argument; cli/ reads the environment",
  "Deno.exit": "throw an error of src/base/errors.ts; main.ts decides the exit code",
  "process.env": "take the value as an argument; cli/ reads the environment",
  "process.exit": "throw an error of src/base/errors.ts; main.ts decides the exit code",
  "console": "take a logger, or return the result; cli/ prints",
};

/** Finds the names by their spelling: `Date.now`, `globalThis.Date["now"]`, `const { now } = Date`, `new Date()`. */
export const edge: Deno.lint.Rule = {
  create(context) {
    const file = projectPath(context.filename);
    if (!file.startsWith("src/") || EDGE.some((path) => path === file || path.endsWith("/") && file.startsWith(path))) {
      return {};
    }

    function refuse(node: Deno.lint.Node, name: string, hint = HINT_BY_NAME[name]): void {
      if (hint !== undefined) context.report({ node, message: `${name} belongs to the edge of the program`, hint });
    }

    return {
      MemberExpression(node) {
        const name = dottedName(node);
        if (name?.startsWith("console.")) refuse(node, "console");
        else if (name !== undefined && name !== "console") refuse(node, name);
      },
      NewExpression(node) {
        if (node.arguments.length > 0 || dottedName(node.callee) !== "Date") return;
        refuse(node, "new Date()", HINT_BY_NAME["Date.now"]);
      },
      CallExpression(node) {
        if (dottedName(node.callee) === "Date") refuse(node, "Date()", HINT_BY_NAME["Date.now"]);
      },
      VariableDeclarator(node) {
        if (node.id.type !== "ObjectPattern" || node.init === null) return;
        const owner = dottedName(node.init);
        for (const property of owner === undefined ? [] : node.id.properties) {
          if (property.type === "Property" && property.key.type === "Identifier") {
            refuse(property.key, owner === "console" ? owner : `${owner}.${property.key.name}`);
          }
        }
      },
    };
  },
};

/** `a.b.c` for a chain of names, without a leading `globalThis`; undefined for any other expression. */
function dottedName(node: Deno.lint.Node): string | undefined {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression") return undefined;
  const owner = dottedName(node.object);
  const property = propertyName(node);
  if (owner === undefined || property === undefined) return undefined;
  return owner === "globalThis" ? property : `${owner}.${property}`;
}

function propertyName({ property, computed }: Deno.lint.MemberExpression): string | undefined {
  if (!computed) return property.type === "Identifier" ? property.name : undefined;
  return property.type === "Literal" && typeof property.value === "string" ? property.value : undefined;
}
