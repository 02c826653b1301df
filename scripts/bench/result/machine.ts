/** The machine on which is measured, in one line: no number means anything without it. */

/** What numbers depend on. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  /** Whether the processor has instructions for SHA-256, which all tools use. */
  readonly hasShaInstructions: boolean;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** How many processes wanted to run at once during the last minute. */
  readonly load: number;
}

/** This machine. */
export async function thisMachine(): Promise<Machine> {
  return {
    cores: navigator.hardwareConcurrency,
    ...parseProcessor(await Deno.readTextFile("/proc/cpuinfo")),
    memoryBytes: Deno.systemMemoryInfo().total,
    kernel: Deno.osRelease(),
    load: Deno.loadavg()[0]!,
  };
}

/** Reads the text of /proc/cpuinfo, in which not every architecture names a model. */
export function parseProcessor(text: string): Pick<Machine, "processor" | "hasShaInstructions"> {
  const processor = /^model name\s*:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? "an unnamed processor";
  return { processor, hasShaInstructions: /^(flags|Features)\s*:.*\b(sha_ni|sha2)\b/m.test(text) };
}

/** The machine in words. More processes than cores make every second of wall time doubtful, which it says. */
export function describeMachine({ cores, processor, hasShaInstructions, memoryBytes, kernel, load }: Machine): string {
  const sha = hasShaInstructions ? "with SHA instructions" : "without SHA instructions";
  const busy = load > cores / 2 ? "; it is BUSY: trust CPU, not seconds" : "";
  const memory = `${(memoryBytes / 1e9).toFixed(0)} GB of memory`;
  return `${cores} cores of ${processor} ${sha}, ${memory}, Linux ${kernel}, load ${load.toFixed(1)}${busy}`;
}
