/** Runs before each file of tests: what holds for all of them. */
import { recycleWorkers } from "./recycled_workers.ts";
import { limitTests } from "./time_limit.ts";

/** Some ten times what the slowest one takes; a test that is longer by what it is for says so itself (`timeout`). */
limitTests(5 * 60_000);

// Threads that start would be most of what tests of use cases take. The executable, in tests/e2e, starts its own.
const recycling = recycleWorkers();
globalThis.addEventListener("unload", () => recycling[Symbol.dispose]());
