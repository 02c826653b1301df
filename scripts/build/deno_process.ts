/** Runs other programs to their end. Deno is the one that runs the build; it need not be on PATH. */
import { basename } from "node:path";

interface RunOptions {
  readonly cwd: string;
  /** The program is stopped after this time. */
  readonly timeoutMs: number;
}

/** Runs `deno ARGS`. Throws an `Error` with one line of its error output if it fails or takes too long. */
export async function runDeno(args: string[], options: RunOptions): Promise<void> {
  await runProgram(Deno.execPath(), args, options);
}

/** Runs `program ARGS`. Throws as `runDeno` does. */
export async function runProgram(program: string, args: string[], { cwd, timeoutMs }: RunOptions): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  const command = new Deno.Command(program, { args, cwd, signal, env: { NO_COLOR: "1" }, stdin: "null" });
  const { success, stderr } = await command.output();
  if (success) return;
  const reason = signal.aborted
    ? `took longer than ${timeoutMs / 1000} s`
    : complaintOf(new TextDecoder().decode(stderr));
  throw new Error(`${basename(program)} ${args[0]}: ${reason}`);
}

/**
 * The reason of a failure, as one line from Deno's error report: the innermost cause that contains an address, else the
 * first line that says `error:`, else the first line.
 */
export function complaintOf(report: string): string {
  const lines = report.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.find((line) => /^\d+: .*https?:/.test(line)) ?? lines.find((line) => line.startsWith("error:")) ??
    lines[0] ?? "no message";
  return line.replace(/^(error|\d+): /, "");
}
