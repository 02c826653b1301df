/** How an error is reported: one line for people or one JSON object for programs, and the exit code. */
import {
  AgentError,
  BugError,
  type ExitCode,
  IntegrityError,
  InterruptedError,
  messageOf,
  OverdueError,
} from "../../base/errors.ts";
import { osCode } from "../../store/local/local_errors.ts";
import type { CliContext } from "../context.ts";
import { type DamagedSnapshot, damageWithAdvice } from "../../repository/snapshots.ts";
import { failureJson } from "./json/standard_error_json.ts";
import { shortenPaths } from "../terminal/terminal_text.ts";
import { writeJson, writeLine } from "../terminal/write.ts";

/** The form of the report. */
interface FailureStyle {
  readonly json: boolean;
  /** Adds the stacks of the error and all its causes. */
  readonly debug: boolean;
}

/**
 * Reports an error on standard error and returns its exit code. Never throws. Overdue backups are not reported to
 * people again, because the status on standard output already did; programs get one object for every exit code except
 * 0.
 */
export async function reportFailure(
  thrown: unknown,
  { stderr, signal }: CliContext,
  style: FailureStyle,
): Promise<ExitCode> {
  // An interruption may say what it left behind.
  const error = asAgentError(signal.aborted && !(thrown instanceof InterruptedError) ? signal.reason : thrown);
  if (style.json) {
    await writeJson(stderr, failureJson(error));
  } else if (!(error instanceof OverdueError)) {
    await writeLine(stderr, `agent: ${shortenPaths(error.message.replaceAll("\n", " "))}`);
  }
  if (style.debug) { for (const line of stackLines(error)) await writeLine(stderr, line); }
  return error.exitCode;
}

/** The error as one of our classes. Unknown errors are bugs, except errors of the operating system. */
function asAgentError(thrown: unknown): AgentError {
  if (thrown instanceof IntegrityError) return withWayOn(thrown);
  if (thrown instanceof AgentError) return thrown;
  if (isSystemError(thrown)) return new AgentError(messageOf(thrown), { cause: thrown });
  return new BugError(`This is a fault of the program, please report it with --debug: ${messageOf(thrown)}`, {
    cause: thrown,
  });
}

/**
 * Adds advice to an integrity error that has none: it names the damage, but only a check of the whole repository shows
 * what is affected.
 */
function withWayOn(error: IntegrityError): IntegrityError {
  if (/; |"agent |: the list above/.test(error.message)) return error;
  const wayOn = '"agent check --read-data" tells which backups that affects and what helps; an older one may be whole';
  return new IntegrityError(`${error.message}; ${wayOn}`, { cause: error });
}

/**
 * Whether this is an error of the operating system. Deno has classes for the frequent ones; others are plain errors
 * with a code or number.
 */
function isSystemError(thrown: unknown): boolean {
  if (Object.values(Deno.errors).some((type) => thrown instanceof type)) return true;
  return /^E[A-Z0-9]+$/.test(osCode(thrown) ?? "");
}

function* stackLines(error: unknown): Generator<string> {
  for (let current = error; current instanceof Error; current = current.cause) {
    yield* (current.stack ?? current.message).split("\n");
  }
}

/**
 * Throws the first unreadable snapshot's error, with advice, after the readable backups were reported. So the exit code
 * shows the damage.
 */
export function throwFirstDamage([first]: readonly DamagedSnapshot[]): void {
  if (first !== undefined) throw damageWithAdvice(first);
}
