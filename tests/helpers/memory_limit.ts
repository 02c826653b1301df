/**
 * Runs the agent with little memory and no swap: in its own control group if the machine lets a test create one, or in
 * a systemd scope. Otherwise its peak is only measured, on a machine that has plenty of memory.
 */
import assert from "node:assert/strict";
import { EXECUTABLE, type Outcome, type Running, type RunOptions, type Sandbox } from "./executable.ts";

/** How a limit is enforced on this machine. */
type Enforcement = "group" | "scope" | "measured";

/** A memory limit for the processes that are started under it, one at a time. */
export class MemoryLimit implements Disposable {
  readonly enforcement: Enforcement;
  readonly #limitBytes: number;
  readonly #group: string | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#group = makeGroup(limitBytes);
    this.enforcement = this.#group !== undefined ? "group" : hasSystemd() ? "scope" : "measured";
  }

  /** Runs the agent to its end. `measuredBytes` is the most memory it may take if nothing enforces the limit. */
  async agent(
    box: Sandbox,
    args: readonly string[],
    measuredBytes: number,
    options: RunOptions = {},
  ): Promise<Outcome> {
    const [program, ...words] = [...this.command, ...args];
    await using running = box.startProgram(program!, words, options.env);
    await running.write(options.stdin ?? "");
    await running.closeInput();
    const { outcome, peakBytes } = await watched(running);
    if (this.enforcement === "measured") assert.ok(peakBytes <= measuredBytes, `took ${peakBytes} bytes`);
    return outcome;
  }

  /** The command that starts the agent under the limit; its arguments follow. */
  get command(): string[] {
    if (this.#group !== undefined) {
      return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', this.#group, EXECUTABLE];
    }
    if (this.enforcement === "measured") return [EXECUTABLE];
    const properties = ["-p", `MemoryMax=${this.#limitBytes}`, "-p", "MemorySwapMax=0"];
    return [
      "systemd-run",
      ...Deno.uid() === 0 ? [] : ["--user"],
      "--scope",
      "--quiet",
      ...properties,
      "--",
      EXECUTABLE,
    ];
  }

  [Symbol.dispose](): void {
    if (this.#group !== undefined) Deno.removeSync(this.#group);
  }
}

/** How a process ended, and its peak memory (VmHWM of proc(5)), in bytes. */
export async function watched(running: Running): Promise<{ outcome: Outcome; peakBytes: number }> {
  let peakBytes = 0;
  const watch = setInterval(() => peakBytes = Math.max(peakBytes, peakOf(running.pid)), 10);
  try {
    const outcome = await running.outcome();
    return { outcome, peakBytes };
  } finally {
    clearInterval(watch);
  }
}

const V2 = "/sys/fs/cgroup";
const V1 = "/sys/fs/cgroup/memory";

/** The folder of a new control group with that limit; undefined if none can be made. */
function makeGroup(limitBytes: number): string | undefined {
  const name = `agent-test-${Deno.pid}`;
  if (exists(`${V2}/cgroup.controllers`)) {
    attempt(() => Deno.writeTextFileSync(`${V2}/cgroup.subtree_control`, "+memory"));
    return groupIn(`${V2}/${name}`, { "memory.max": limitBytes, "memory.swap.max": 0 });
  }
  return groupIn(`${V1}/${name}`, {
    "memory.limit_in_bytes": limitBytes,
    "memory.memsw.limit_in_bytes": limitBytes,
  });
}

/**
 * Makes a control group with these limits. The second one forbids swap; on a kernel without swap its file is missing.
 */
function groupIn(folder: string, limits: Readonly<Record<string, number>>): string | undefined {
  if (!attempt(() => Deno.mkdirSync(folder))) return undefined;
  const [limit, ...others] = Object.entries(limits).map(([name, value]) => {
    return attempt(() => Deno.writeTextFileSync(`${folder}/${name}`, String(value), { create: false }));
  });
  const takes = attempt(() => Deno.statSync(`${folder}/cgroup.procs`));
  if (limit && takes && others.length > 0) return folder;
  Deno.removeSync(folder);
  return undefined;
}

function hasSystemd(): boolean {
  if (!exists("/run/systemd/system")) return false;
  const user = Deno.uid() === 0 ? [] : ["--user"];
  return attempt(() => {
    const args = [...user, "--scope", "--quiet", "-p", "MemoryMax=64M", "--", "true"];
    const { success } = new Deno.Command("systemd-run", { args, stdout: "null", stderr: "null" }).outputSync();
    assert.ok(success);
  });
}

/** The peak memory of a process, in bytes; 0 if it is gone. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // The process has ended.
  }
}

function exists(path: string): boolean {
  return attempt(() => Deno.statSync(path));
}

/** Whether the action succeeded. */
function attempt(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false; // An answer, not an error.
  }
}
