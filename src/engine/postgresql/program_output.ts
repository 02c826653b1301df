/** Runs a program to its end for what it prints. */
import { onAbort } from "../../base/abort.ts";
import type { ByteSource } from "../../base/byte_source.ts";
import { concatBytes } from "../../base/bytes.ts";
import { Child } from "../child.ts";

/** What is run. */
interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** What a program printed, and its last words on standard error if it failed. */
export interface ProgramResult {
  readonly output: string;
  /** Null if it succeeded. */
  readonly failure: readonly string[] | null;
}

/** What a program prints, whether it succeeds or not. Throws `AgentError` if it cannot be started. */
export async function outputOf(run: ProgramRun): Promise<string> {
  return (await runProgram(run)).output;
}

/** Runs a program. Throws `AgentError` if it cannot be started, and the reason of an aborted signal. */
export async function runProgram({ program, args, env, signal }: ProgramRun): Promise<ProgramResult> {
  signal?.throwIfAborted();
  const child = Child.start({ program, args, env, stdin: "null", ownGroup: true, stderr: {} });
  using _stopping = signal && onAbort(signal, () => void child.stop());
  try {
    const output = new TextDecoder().decode(await bytesOf(child.output));
    const { success } = await child.exit();
    signal?.throwIfAborted();
    return { output, failure: success ? null : child.lastLines };
  } finally {
    await child.stop();
  }
}

async function bytesOf(output: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = new Uint8Array(64 * 1024);
    const count = await output.read(piece);
    if (count === null) return concatBytes(pieces);
    pieces.push(piece.subarray(0, count));
  }
}
