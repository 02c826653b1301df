/** Runs before each file of tests, and sets up what applies to all of them. */
import { recycleWorkers } from "./recycled_workers.ts";
import { limitTests } from "./time_limit.ts";

/** Some ten times what the slowest test takes. A test that needs longer sets its own `timeout`. */
limitTests(5 * 60_000);

// No test may write to the catalogue of the person who runs it.
Deno.env.set("AGENT_CATALOGUE", "off");

// It is for this process alone (run.ts), not for programs that tests start.
Deno.env.delete("GLIBC_TUNABLES");

// Starting threads would take most of the time of use case tests. The executable in tests/e2e starts its own.
const recycling = recycleWorkers();
globalThis.addEventListener("unload", () => recycling[Symbol.dispose]());
