/**
 * What the system tells about processes: which table of them this one is in, and which of them are alive. Linux tells all
 * of it (proc(5), namespaces(7)); elsewhere a process is known by its number alone.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import type { ProcessMark } from "../../format/lock.ts";

/** What tells this process from all others of its number; undefined where the system does not say enough. */
export function ownProcessMark(): ProcessMark | undefined {
  const machineId = textOf("/etc/machine-id");
  const table = processTable(machineId);
  const started = startOf(Deno.pid);
  if (table === undefined || started === undefined) return undefined;
  return { table, started, ...machineId && { machine: digestOf("agent machine", machineId) } };
}

/**
 * Whether a process of this number is alive in this process's table. With `started`, whether it is the one that started
 * then: a process whose start cannot be read counts as that one.
 */
export function processExists(pid: number, started?: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code !== "EPERM") return false;
  }
  return started === undefined || (startOf(pid) ?? started) === started;
}

/** Whether the terminal this process runs on belongs to its job at the moment; also where nobody knows. */
export function isInForeground(): boolean {
  const self = statOf("self");
  return self === undefined || self.terminalJob <= 0 || self.terminalJob === self.job;
}

/**
 * Whether somebody is there who would let this process go on after a stop: a parent of its job within its session, such as
 * a shell. The system stops no other job, either (POSIX: orphaned process groups).
 */
export function hasJobControl(): boolean {
  const self = statOf("self");
  if (self === undefined) return false;
  let other = statOf(self.parent);
  while (other !== undefined && other.job === self.job && other.parent > 0) other = statOf(other.parent);
  return other !== undefined && other.session === self.session && other.job !== self.job;
}

/** A process's parent, job (process group) and session, and the job that its terminal belongs to: fields 4 to 6, and 8. */
function statOf(process: number | "self") {
  const fields = textOf(`/proc/${process}/stat`)?.split(") ").at(-1)?.split(" ").map(Number);
  if (fields === undefined || fields.length < 6) return undefined;
  const [, parent, job, session, , terminalJob] = fields;
  return { parent: parent!, job: job!, session: session!, terminalJob: terminalJob! };
}

/**
 * A name for the table: the digest of machine, boot and namespaces. A machine id alone is shared by clones, a boot by its
 * containers; the number of a namespace is used again only when all processes in it are gone. Undefined where /proc shows
 * another table than that of this process, as in a namespace that did not mount its own.
 */
function processTable(machineId: string | undefined): string | undefined {
  const boot = textOf("/proc/sys/kernel/random/boot_id");
  const namespace = linkOf("/proc/self/ns/pid");
  if (!boot || namespace === undefined || linkOf("/proc/self") !== String(Deno.pid)) return undefined;
  // Times of starts are told as this namespace counts them. Not every system has either of these two.
  return digestOf("agent process table", boot, namespace, machineId ?? "", linkOf("/proc/self/ns/time") ?? "");
}

/** What the system says of itself may be meant to be kept private (machine-id(5)): its digest tells as much. */
function digestOf(...lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

/** When a process started, in clock ticks since the boot: field 22 of its stat file, the third being behind its name. */
function startOf(pid: number): number | undefined {
  const fields = textOf(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ");
  const started = Number(fields?.[22 - 3]);
  return Number.isSafeInteger(started) ? started : undefined;
}

/** The text of a file that tells something about the system, without white space around it; undefined if unreadable. */
export function textOf(path: string): string | undefined {
  return unlessUnreadable(() => Deno.readTextFileSync(path).trim());
}

function linkOf(path: string): string | undefined {
  return unlessUnreadable(() => Deno.readLinkSync(path));
}

/** What cannot be read says nothing: no permission, no such process, no such system. */
function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
