/** How an error is told: one line for people, or one JSON object for programs, and the exit code either way. */
import { AgentError, BugError, type ExitCode, IntegrityError, messageOf, OverdueError } from "../../base/errors.ts";
import { osCode } from "../../store/local/local_errors.ts";
import type { CliContext } from "../context.ts";
import { type DamagedSnapshot, damageWithAdvice } from "../../repository/snapshots.ts";
import { failureJson } from "./json/standard_error.ts";
import { writeJson, writeLine } from "../terminal/write.ts";

/** How to tell. */
interface FailureStyle {
  readonly json: boolean;
  /** Adds stacks, with those of all causes. */
  readonly debug: boolean;
}

/**
 * Writes what went wrong to stderr and gives the exit code for it. Never throws. That something is overdue is the result
 * that a status told on stdout, and is not told twice; programs get their one object for every exit code but 0.
 */
export async function reportFailure(
  thrown: unknown,
  { stderr, signal }: CliContext,
  style: FailureStyle,
): Promise<ExitCode> {
  const error = asAgentError(signal.aborted ? signal.reason : thrown);
  if (style.json) {
    await writeJson(stderr, failureJson(error));
  } else if (!(error instanceof OverdueError)) {
    await writeLine(stderr, `agent: ${error.message.replaceAll("\n", " ")}`);
  }
  if (style.debug) { for (const line of stackLines(error)) await writeLine(stderr, line); }
  return error.exitCode;
}

/** Anything that is not ours reached the top by mistake, except what the operating system says about a file. */
function asAgentError(thrown: unknown): AgentError {
  if (thrown instanceof IntegrityError) return withWayOn(thrown);
  if (thrown instanceof AgentError) return thrown;
  if (isSystemError(thrown)) return new AgentError(messageOf(thrown), { cause: thrown });
  return new BugError(`This is a fault of the program, please report it with --debug: ${messageOf(thrown)}`, {
    cause: thrown,
  });
}

/** Whoever finds damage deep down knows what is damaged, and only the whole repository can tell what that hits. */
function withWayOn(error: IntegrityError): IntegrityError {
  if (/; |"agent |: the list above/.test(error.message)) return error;
  return new IntegrityError(`${error.message}; "agent check --read-data" tells what that hits and what helps`, {
    cause: error,
  });
}

/** Deno has classes for the frequent ones; the others are plain errors with the system's code or number. */
function isSystemError(thrown: unknown): boolean {
  if (Object.values(Deno.errors).some((type) => thrown instanceof type)) return true;
  return /^E[A-Z0-9]+$/.test(osCode(thrown) ?? "");
}

function* stackLines(error: unknown): Generator<string> {
  for (let current = error; current instanceof Error; current = current.cause) {
    yield* (current.stack ?? current.message).split("\n");
  }
}

/** Throws the first damage there is, with what to do about it: other backups could be read, and the exit code tells of this. */
export function throwFirstDamage([first]: readonly DamagedSnapshot[]): void {
  if (first !== undefined) throw damageWithAdvice(first);
}
