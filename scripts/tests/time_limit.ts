/** A limit for how long a test may take: one that hangs fails and is named, and the run goes on with the next one. */

/** Where Deno looks for the place that a test was written at, where something else registers it. */
const LOCATION = Symbol.for("Deno.test.location");

type TestFunction = Deno.TestDefinition["fn"];

/**
 * Makes `Deno.test` give each test that says no `timeout` of its own a limit, in milliseconds; 0 is none. A limit makes nothing pass
 * or fail that comes to an end: it is far beyond what the slowest machine needs.
 */
export function limitTests(limitMs: number): void {
  const { test } = Deno;
  const limited = (
    first: string | Deno.TestDefinition,
    second?: Partial<Deno.TestDefinition> | TestFunction,
    third?: TestFunction,
  ) => {
    const { fn, ...definition } = definitionOf(first, second, third);
    const located = (context: Deno.TestContext) => fn(context);
    test({
      ...definition,
      timeout: definition.timeout ?? limitMs,
      fn: Object.assign(located, { [LOCATION]: callSite() }),
    });
  };
  Object.defineProperty(Deno, "test", { value: Object.assign(limited, test), configurable: true, enumerable: true });
}

/** The forms in which this project's tests are written: a name and a function, with options between, or all in one. */
function definitionOf(
  first: string | Deno.TestDefinition,
  second?: Partial<Deno.TestDefinition> | TestFunction,
  third?: TestFunction,
): Deno.TestDefinition {
  if (typeof first === "object") return first;
  if (typeof second === "function") return { name: first, fn: second };
  if (typeof first === "string" && third !== undefined) return { ...second, name: first, fn: third };
  throw new TypeError("Call Deno.test with a name and a function, or with a definition");
}

/** `FILE:LINE:COLUMN` of whoever called `Deno.test`: behind this function and the one in its place. */
function callSite(): string | undefined {
  return /(file:.*:\d+:\d+)\)?$/.exec(new Error().stack?.split("\n")[3] ?? "")?.[1];
}
