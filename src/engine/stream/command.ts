/** Sources that read the output of a command. The output is good only if the command exits with 0. */
import type { JudgedSource } from "../../base/byte_source.ts";
import { messageOf, SourceError } from "../../base/errors.ts";
import { Child, type ChildRequest, hasTerminal } from "../child.ts";

/** Options of a command. */
export interface CommandOptions {
  /**
   * Receives the command's standard error piece by piece. Without this function, the command inherits the standard
   * error of this process, which may be a terminal.
   */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
  /** Variables that the command does not get but may need; the error names them if the command fails. */
  readonly withheld?: readonly string[];
  /** What the command reads: `inherit`, the default, is the standard input of this process; `null` is empty. */
  readonly stdin?: "inherit" | "null";
}

/** Options of a command for the shell that runs beside others. */
export interface ShellOptions {
  /** The name of the stream, for errors. */
  readonly stream: string;
  /**
   * Receives whole lines of the command's standard error. Without this function, only the error of a failed command
   * quotes the last ones.
   */
  readonly onStderr?: ((bytes: Uint8Array) => Promise<void>) | undefined;
  /** Variables that the command does not get but may need; the error names them if the command fails. */
  readonly withheld?: readonly string[];
}

/**
 * Starts a command. Its standard input is this process's own unless `stdin` says otherwise, and so is its standard error
 * unless `onStderr` is given.
 * Throws `SourceError` if the command cannot be started.
 *
 * `cancel` ends the command, by force if it ignores SIGTERM. If this process has no terminal, as in a nightly job, that
 * ends everything that the command started as well. On a terminal the command stays in the terminal's session, so that
 * it can ask for a password (`mysqldump -p`), and Ctrl-C reaches what it started; what is left breaks off at the closed
 * pipe.
 */
export function commandSource(
  argv: readonly string[],
  { onStderr, withheld = [], stdin = "inherit" }: CommandOptions = {},
): JudgedSource {
  const [program, ...args] = argv;
  const child = start({
    program: program!,
    args,
    stdin,
    ownGroup: !hasTerminal(),
    stderr: onStderr === undefined ? "inherit" : { take: onStderr },
  });
  return outputOf(child, { what: `The command "${program}"`, withheld, quotes: false });
}

/**
 * Starts a command as `sh -c COMMAND`, beside others: with an empty standard input, and without a terminal. `cancel`
 * ends it with everything that it started. Throws `SourceError` if there is no shell. Errors quote the name of its
 * program alone, since its arguments may contain a password.
 */
export function shellSource(command: string, { stream, onStderr, withheld = [] }: ShellOptions): JudgedSource {
  const child = start({
    program: "sh",
    args: ["-c", command],
    stdin: "null",
    ownGroup: true,
    stderr: { take: onStderr, wholeLines: true },
  });
  return outputOf(child, { what: `The command of ${stream}${nameInShell(command)}`, withheld, quotes: true });
}

interface Named {
  /** The beginning of the message if it fails. */
  readonly what: string;
  readonly withheld: readonly string[];
  /** Whether the message quotes what it said last. */
  readonly quotes: boolean;
}

function outputOf(child: Child, { what, withheld, quotes }: Named): JudgedSource {
  let isCancelled = false;
  return {
    read: (target) => child.output.read(target),
    cancel() {
      isCancelled = true;
      return child.stop();
    },
    async ended() {
      // Its output may have been cut, even if it succeeded.
      if (isCancelled) throw new SourceError(`${what} was stopped; nothing was committed`);
      const { success, code, signal } = await child.exit();
      if (success) return;
      const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
      const said = quotes ? quoted(child.lastLines) : "";
      const hint = withheld.length === 0
        ? ""
        : `; it does not get ${withheld.join(", ")} unless --pass-secrets is given`;
      throw new SourceError(`${what} ${how}${said}; nothing was committed${hint}`);
    },
  };
}

function start(request: ChildRequest): Child {
  try {
    return Child.start(request);
  } catch (error) {
    const { program, args } = request;
    const hint = args.length === 0 && /\s/.test(program) ? "; write the command and its arguments without quotes" : "";
    const reason = messageOf(error).replace("Cannot start", "Cannot start the command");
    throw new SourceError(`${reason}${hint}`, { cause: error });
  }
}

function quoted(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `: ${lines.join(" / ")}`;
}

/**
 * The program of a command for the shell, in parentheses. Nothing if the command begins in another way: a variable that
 * it sets may be a password.
 */
export function nameInShell(command: string): string {
  const name = /^\s*([\w./+-]{1,40})(?:\s|$)/.exec(command)?.[1];
  return name === undefined ? "" : ` (${name} …)`;
}
