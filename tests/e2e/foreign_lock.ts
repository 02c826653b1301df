/** Locks of other processes, for those who meet them. */
import { encodeLock, type ProcessMark } from "../../src/format/lock.ts";
import { formatTimestamp } from "../../src/format/time.ts";
import type { Sandbox } from "../helpers/executable.ts";

/** Writes an exclusive lock as another process would. */
export async function writeLock(
  box: Sandbox,
  { host, pid, ageMs, process }: { host: string; pid: number; ageMs: number; process?: ProcessMark | undefined },
) {
  const { files } = await box.open();
  const time = formatTimestamp(new Date(Date.now() - ageMs));
  await files.save(
    "lock",
    encodeLock({ time, exclusive: true, hostname: host, username: "root", pid, ...process && { process } }),
  );
}
