/** A time limit for tests: a test that hangs fails under its name, and the run continues with the next one. */

/** The property in which Deno looks for a test's location if other code registers the test. */
const LOCATION = Symbol.for("Deno.test.location");

type TestFunction = Deno.TestDefinition["fn"];

/**
 * Gives each test registered by `Deno.test` a limit in milliseconds, unless it has its own `timeout`; 0 means no limit.
 * The limit is far beyond what the slowest machine needs, so it affects only tests that hang.
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

/**
 * The forms in which this project writes tests: a name and a function, with options between them, or a single
 * definition.
 */
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

/** `FILE:LINE:COLUMN` of the caller of `Deno.test`, which is below this function and the replacement on the stack. */
function callSite(): string | undefined {
  return /(file:.*:\d+:\d+)\)?$/.exec(new Error().stack?.split("\n")[3] ?? "")?.[1];
}
