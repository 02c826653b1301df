/** Runs before each file of tests: what holds for all of them. */
import { limitTests } from "./time_limit.ts";

/** Some ten times what the slowest one takes; a test that is longer by what it is for says so itself (`timeout`). */
limitTests(5 * 60_000);
