/** A cache directory around a store in memory, and files to put into it. */
import type { AgentError } from "../../../src/base/errors.ts";
import { withCache } from "../../../src/store/cache/cached_store.ts";
import type { CacheOptions } from "../../../src/store/cache/folder.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { openMemoryStore } from "../../../src/store/memory_store.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { bytesOf, fileOf } from "../../conformance/stored_files.ts";
import { seededRandom } from "../../helpers/world.ts";
import { filesBelow } from "../local_fixture.ts";
import { InstantClock } from "../instant_clock.ts";

export const REPOSITORY = "ab".repeat(32);

export const CONTENT = bytesOf(1000);
export const RANGE = { offset: 100, length: 200 };
/** What `RANGE` is of `CONTENT`. */
export const PART = CONTENT.subarray(100, 300);
export const SNAPSHOT = fileOf("snapshot", CONTENT);
export const PACK = fileOf("pack", CONTENT);

/** A cache directory of its own around one memory store; `session` opens it as one more process would. */
export async function cacheFixture(overrides: Partial<CacheOptions> = {}) {
  const parent = await Deno.makeTempDir({ prefix: "agent-cache-" });
  const directory = `${parent}/cache`;
  const clock = new InstantClock();
  const random = seededRandom(parent);
  const remote = openMemoryStore();
  const problems: AgentError[] = [];
  const onProblem = (problem: AgentError) => void problems.push(problem);
  return {
    directory,
    folder: `${directory}/${REPOSITORY}`,
    clock,
    remote,
    problems,
    session(inner: BlobStore = remote) {
      const counted = withFaults(inner, () => undefined);
      const options = { directory, repositoryId: REPOSITORY, limitBytes: 1e9, clock, random, onProblem, ...overrides };
      const store = withCache(counted, options);
      return { store, requests: () => counted.calls.map(({ method, kind }) => `${method} ${kind}`) };
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(parent, { recursive: true });
    },
  };
}

/** The paths of all copies below a folder. */
export async function keptFiles(folder: string): Promise<string[]> {
  return (await filesBelow(folder)).filter((path) => !/(^|\/)address$/.test(path)).sort();
}
