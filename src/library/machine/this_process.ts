/**
 * The process that this program runs in, as the default for everything that a program does not say itself. The only file
 * of the library that reads the environment: a program of five lines has credentials, proxies and `PATH` there.
 */
import { systemClock } from "../../base/clock.ts";
import { memoryBudget } from "../../base/memory_budget.ts";
import { systemRandomBytes } from "../../crypto/random.ts";
import type { World } from "../../ops/access.ts";
import { ownIdentity } from "./identity.ts";
import { memoryLimit } from "./memory_limit.ts";
import { processExists } from "./process_table.ts";
import { versionInfo } from "./version.ts";

/** The world as this process has it. */
export function worldOfThisProcess(): World {
  return {
    clock: systemClock,
    identity: ownIdentity(),
    processExists,
    randomBytes: systemRandomBytes,
    ...memoryBudget({ limitBytes: memoryLimit(), cores: navigator.hardwareConcurrency }),
    programVersion: `agent ${versionInfo().version}`,
  };
}

/** The variables of this process. */
export function ownEnvironment(): Readonly<Record<string, string>> {
  return Deno.env.toObject();
}
