/**
 * Time and memory of a command, measured by GNU time. It waits for the command with wait4(2), and so reports what the
 * kernel counted for the command and all of its descendants that it waited for. CPU seconds are their sum. Peak memory
 * is that of the largest single process among them, which for all tools compared here is the tool itself.
 */
import { command, failure, type Invocation } from "./invocation.ts";

/** The resources that one run of a command used. */
export interface Usage {
  readonly wallSeconds: number;
  /** User and system time of the whole process tree. */
  readonly cpuSeconds: number;
  /** The largest resident set of any process. */
  readonly peakBytes: number;
}

const GNU_TIME = "/usr/bin/time";

/** Throws unless GNU time is installed. */
export async function requireGnuTime(): Promise<void> {
  const found = await Deno.stat(GNU_TIME).then(() => true, () => false);
  if (!found) throw new Error(`${GNU_TIME} is missing, which measures time and memory: apt-get install time`);
}

/** Runs the command with the file as its standard input and discards its output. Throws if it fails. */
export async function measureWithFile(invocation: Invocation, stdinPath: string, scratch: string): Promise<Usage> {
  const { argv, env } = timed(invocation, scratch);
  const shell = { argv: ["/bin/sh", "-c", 'exec "$@" < "$0"', stdinPath, ...argv], env };
  const { code, stderr } = await command(shell, { stdin: "null", stdout: "null" }).output();
  if (code !== 0) throw new Error(failure(invocation, code, new TextDecoder().decode(stderr)));
  return parseUsage(await Deno.readTextFile(usagePath(scratch)));
}

/** The same, with pieces of memory as its input. */
export async function measureWithPieces(
  invocation: Invocation,
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
  scratch: string,
): Promise<Usage> {
  const child = command(timed(invocation, scratch), { stdin: "piped", stdout: "null" }).spawn();
  const stderr = new Response(child.stderr).text();
  // A command that dies closes the pipe. Its exit code then says more than the broken pipe.
  const piped = ReadableStream.from(pieces).pipeTo(child.stdin).then(() => undefined, (error: unknown) => error);
  const { code } = await child.status;
  const pipeError = await piped;
  if (code !== 0) throw new Error(failure(invocation, code, await stderr), { cause: pipeError });
  if (pipeError !== undefined) throw pipeError;
  return parseUsage(await Deno.readTextFile(usagePath(scratch)));
}

function timed({ argv, env }: Invocation, scratch: string): Invocation {
  return { argv: [GNU_TIME, "-q", "-o", usagePath(scratch), "-f", "%e %U %S %M", ...argv], env };
}

function usagePath(scratch: string): string {
  return `${scratch}/usage`;
}

/** Reads GNU time's output for the format `%e %U %S %M`: seconds, seconds, seconds, KiB. */
export function parseUsage(text: string): Usage {
  const [wall, user, system, peakKib] = text.trim().split(" ").map(Number);
  if ([wall, user, system, peakKib].some((value) => value === undefined || !Number.isFinite(value))) {
    throw new SyntaxError(`Not what GNU time writes: "${text.trim()}"`);
  }
  return { wallSeconds: wall!, cpuSeconds: user! + system!, peakBytes: peakKib! * 1024 };
}
