/**
 * What the system reports about processes: which process table this one is in, and which processes are alive. Linux
 * reports all of it (proc(5), namespaces(7)); elsewhere a process is known only by its number.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import type { ProcessMark } from "../../format/lock.ts";

/** Distinguishes this process from all others with its number; undefined if the system does not report enough. */
export function ownProcessMark(): ProcessMark | undefined {
  const machineId = textOf("/etc/machine-id");
  const table = processTable(machineId);
  const started = startOf(Deno.pid);
  if (table === undefined || started === undefined) return undefined;
  return { table, started, ...machineId && { machine: digestOf("agent machine", machineId) } };
}

/**
 * Whether a process of this number is alive in this process's table. With `started`: whether that process is the one
 * that started then; if its start cannot be read, it counts as that process.
 */
export function processExists(pid: number, started?: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code !== "EPERM") return false;
  }
  return started === undefined || (startOf(pid) ?? started) === started;
}

/** Whether this process's job is in the foreground of its terminal; true if unknown. */
export function isInForeground(): boolean {
  const self = statOf("self");
  return self === undefined || self.terminalJob <= 0 || self.terminalJob === self.job;
}

/**
 * Whether someone could continue this process after a stop: a parent of its job within its session, such as a shell.
 * The system itself stops no other jobs (POSIX: orphaned process groups).
 */
export function hasJobControl(): boolean {
  const self = statOf("self");
  if (self === undefined) return false;
  let other = statOf(self.parent);
  while (other !== undefined && other.job === self.job && other.parent > 0) other = statOf(other.parent);
  return other !== undefined && other.session === self.session && other.job !== self.job;
}

/**
 * A process's parent, job (process group), session, and the job in the foreground of its terminal: fields 4 to 6, and
 * 8.
 */
function statOf(process: number | "self") {
  const fields = textOf(`/proc/${process}/stat`)?.split(") ").at(-1)?.split(" ").map(Number);
  if (fields === undefined || fields.length < 6) return undefined;
  const [, parent, job, session, , terminalJob] = fields;
  return { parent: parent!, job: job!, session: session!, terminalJob: terminalJob! };
}

/**
 * A name for the process table: the digest of machine, boot and namespaces. Clones share a machine id, and containers
 * share a boot; a namespace's number is reused only after all its processes are gone. Undefined if /proc shows another
 * table than that of this process, as in a namespace without its own /proc.
 */
function processTable(machineId: string | undefined): string | undefined {
  const boot = textOf("/proc/sys/kernel/random/boot_id");
  const namespace = linkOf("/proc/self/ns/pid");
  if (!boot || namespace === undefined || linkOf("/proc/self") !== String(Deno.pid)) return undefined;
  // Start times depend on the time namespace. Not every system has a machine id and time namespaces.
  return digestOf("agent process table", boot, namespace, machineId ?? "", linkOf("/proc/self/ns/time") ?? "");
}

/** A digest, because the system's own ids may be confidential (machine-id(5)). */
function digestOf(...lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

/**
 * When a process started, in clock ticks since boot: field 22 of its stat file. The process name ends before field 3.
 */
function startOf(pid: number): number | undefined {
  const fields = textOf(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ");
  const started = Number(fields?.[22 - 3]);
  return Number.isSafeInteger(started) ? started : undefined;
}

/** The trimmed text of a system file; undefined if it cannot be read. */
export function textOf(path: string): string | undefined {
  return unlessUnreadable(() => Deno.readTextFileSync(path).trim());
}

function linkOf(path: string): string | undefined {
  return unlessUnreadable(() => Deno.readLinkSync(path));
}

/** Undefined for anything that cannot be read: no permission, no such process, no such system. */
function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
