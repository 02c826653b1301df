/** Commands that print a password. */
import { systemReason, UsageError } from "../base/errors.ts";
import { trimWhiteSpace } from "./decode.ts";

/** Exit codes of a shell that could not start a program (POSIX, Shell Command Language, 2.8.2). */
const UNSTARTED: ReadonlyMap<number, string> = new Map([
  [126, "it may not be executed"],
  [127, "there is no such program"],
]);

/**
 * The output of a command without the white space around it, used as a password as in restic. A byte order mark is
 * kept, as in restic. Throws `UsageError` if the command cannot be started, fails, or prints nothing. `withheld` names
 * the variables that the command did not get and may have needed.
 */
export async function passwordOfCommand(command: string, withheld: readonly string[]): Promise<Uint8Array> {
  const { success, code, signal, stdout } = await outputOf(command);
  const hint = withheld.length === 0 ? "" : `; it does not get ${withheld.join(", ")} unless --pass-secrets is given`;
  if (signal !== null) throw new UsageError(`The password command was ended by ${signal}${hint}`);
  const unstarted = UNSTARTED.get(code);
  if (unstarted !== undefined) throw new UsageError(`The password command cannot be started: ${unstarted}`);
  if (!success) throw new UsageError(`The password command exited with ${code}${hint}`);
  const password = trimWhiteSpace(stdout);
  if (password.length > 0) return password;
  const what = stdout.length === 0 ? "nothing" : "nothing but white space";
  throw new UsageError(`The password command printed ${what}: it has to print the password on standard output${hint}`);
}

/**
 * Runs the command. restic starts the program directly, and a shell's built-in `printf` or `echo` may print other bytes
 * than the program. So words that both parse alike are started directly; a shell runs everything else, and names that
 * are not programs.
 */
async function outputOf(command: string): Promise<Deno.CommandOutput> {
  const words = plainWords(command);
  try {
    if (words !== undefined) return await run(words);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw unstartable(error);
  }
  try {
    return await run(["/bin/sh", "-c", command]);
  } catch (error) {
    throw unstartable(error);
  }
}

function run([program, ...args]: readonly string[]): Promise<Deno.CommandOutput> {
  // Standard input is reserved for the stream to be backed up.
  return new Deno.Command(program!, { args, stdin: "null", stdout: "piped", stderr: "inherit" }).output();
}

function unstartable(error: unknown): UsageError {
  return new UsageError(`The password command cannot be started: ${systemReason(error)}`, { cause: error });
}

const PLAIN = /[\w@%+:,./-]+/;
/** A backslash before the closing quote ends the word for a shell, but not for restic. */
const SINGLE_QUOTED = /'[^']*[^'\\]'/;
const DOUBLE_QUOTED = /"[^"\\$`]+"/;
const WORD = new RegExp(`(?:${PLAIN.source}|${SINGLE_QUOTED.source}|${DOUBLE_QUOTED.source})(?=[ \\t]|$)`, "y");

/** The words of a command that restic and a shell parse alike; undefined for other commands. */
export function plainWords(command: string): string[] | undefined {
  const text = command.trim();
  const words: string[] = [];
  for (let at = 0; at < text.length;) {
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[0];
    if (word === undefined) return undefined;
    words.push(/^['"]/.test(word) ? word.slice(1, -1) : word);
    at += word.length;
    while (text[at] === " " || text[at] === "\t") at++;
  }
  return words.length > 0 ? words : undefined;
}
