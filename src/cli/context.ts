/** What a command gets from the process it runs in; everything a test may want to replace. */
import type { World } from "../ops/access.ts";
import type { Input, Output } from "./terminal/input_output.ts";
import type { TerminalLine } from "./terminal/terminal_line.ts";

/** The process around a command. */
export interface CliContext {
  /** A variable of the environment. Throws `UsageError` where it is not UTF-8. */
  readonly env: (name: string) => string | undefined;
  /** The same as bytes, whatever they are; absent where all variables are text. */
  readonly envBytes?: (name: string) => Uint8Array | undefined;
  /** The variables with secrets that children of this process do not get; absent where they get all. */
  readonly withheldSecrets?: readonly string[];
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Where progress shows; absent where standard error is no terminal. */
  readonly line?: TerminalLine;
  /** The terminal of standard error for what others write: as `stderr`, but byte by byte. */
  readonly terminal?: Output;
  /** Calls `tick` every so many milliseconds until the function that it gives is called; absent where time stands still. */
  readonly every?: (ms: number, tick: () => void) => () => void;
  readonly world: World;
  /** Aborted with an `InterruptedError` when the user or the system asks to stop. */
  readonly signal: AbortSignal;
  /** Rejects when the time to tidy up after such a request is over; absent where nothing ends the process. */
  readonly tooLate?: Promise<never>;
  /** Lets the command take so long after such a request before the process is ended; absent where nothing ends it. */
  readonly extendTidyUp?: (ms: number) => void;
  /** The arguments behind `--`: a command to run; undefined where there is no `--`. */
  readonly commandLine: readonly string[] | undefined;
  readonly version: VersionInfo;
  /** Asks for a secret on the terminal and gives the bytes that were typed; undefined where nobody answers. */
  readonly askSecret: (question: string) => Promise<Uint8Array | undefined>;
}

/** What `agent version` tells. */
export interface VersionInfo {
  readonly version: string;
  readonly commit: string | null;
  readonly deno: string;
  /** `compiled`, `self-extracting`, or `source` in a source tree. */
  readonly form: string;
}
