/** The limit of memory: the least of all control groups a process is in, as far as it can see them. */
import assert from "node:assert/strict";
import { groupLimit, memoryLimit } from "../../../src/library/machine/memory_limit.ts";

/** Reads from these files; all others are not there. */
function reading(files: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  };
}

const NO_LIMIT_V1 = "9223372036854771712\n";

const MACHINES: readonly (readonly [what: string, files: Readonly<Record<string, string>>, bytes: number])[] = [
  ["no control groups, no /proc", {}, Infinity],
  ["version 2, no limit", { "/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/memory.max": "max\n" }, Infinity],
  ["version 2, the own group", { "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "1000\n" }, 1000],
  ["version 2, a group above is tighter", {
    "/proc/self/cgroup": "0::/system.slice/backup.service\n",
    "/sys/fs/cgroup/system.slice/backup.service/memory.max": "2000\n",
    "/sys/fs/cgroup/system.slice/memory.max": "1500\n",
  }, 1500],
  ["version 2, memory.high is lower", {
    "/proc/self/cgroup": "0::/a\n",
    "/sys/fs/cgroup/a/memory.max": "2000\n",
    "/sys/fs/cgroup/a/memory.high": "1200\n",
  }, 1200],
  ["version 2 in a container that sees its own group as the root", {
    "/proc/self/cgroup": "0::/\n",
    "/sys/fs/cgroup/memory.max": "3000\n",
  }, 3000],
  ["version 2 in a container that cannot see its path", {
    "/proc/self/cgroup": "0::/../../a\n",
    "/sys/fs/cgroup/memory.max": "3000\n",
  }, 3000],
  ["version 2 in a container whose path is the host's", {
    "/proc/self/cgroup": "0::/docker/0123\n",
    "/sys/fs/cgroup/memory.max": "3500\n",
  }, 3500],
  ["version 1", {
    "/proc/self/cgroup": "9:name=systemd:/x\n4:cpu,memory:/a\n0::/\n",
    "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "4000\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
  }, 4000],
  ["version 1 in a container whose path is the host's", {
    "/proc/self/cgroup": "4:memory:/docker/0123\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
  }, 5000],
  ["limits without /proc", { "/sys/fs/cgroup/memory.max": "6000\n" }, 6000],
  ["what is no number", { "/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/memory.max": "much\n" }, Infinity],
];

for (const [what, files, bytes] of MACHINES) {
  Deno.test(`the limit of control groups: ${what}`, () => {
    const limit = groupLimit(reading(files));
    assert.equal(limit > 2 ** 62 ? Infinity : limit, bytes);
  });
}

Deno.test("without control groups the limit is the machine's memory, with them the lower of the two", () => {
  const { total } = Deno.systemMemoryInfo();
  assert.equal(memoryLimit(reading({})), total);
  assert.equal(memoryLimit(reading({ "/sys/fs/cgroup/memory.max": "7000\n" })), 7000);
  assert.equal(memoryLimit(reading({ "/sys/fs/cgroup/memory.max": NO_LIMIT_V1 })), total);
});
