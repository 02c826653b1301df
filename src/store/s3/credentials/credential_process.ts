/**
 * Credentials that a program of the user prints (AWS SDKs and Tools Reference Guide, "Process credential provider").
 */
import type { Clock } from "../../../base/clock.ts";
import { messageOf, UsageError } from "../../../base/errors.ts";
import { withinTime } from "../../../base/time_limit.ts";
import { LentKeysError, readLentKeys } from "./lent_keys.ts";
import type { S3Credentials } from "../signing.ts";

/** How a program ended. */
interface ProcessOutcome {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/**
 * Runs a shell command line to its end, without input. Aborting kills the shell, but not necessarily what the shell
 * started.
 */
export type RunProcess = (line: string, signal: AbortSignal) => Promise<ProcessOutcome>;

/** A program that signs in somewhere takes seconds; one that asks a person would wait for ever. */
const WAIT_MS = 60_000;

/**
 * Runs a shell command line and reads the keys that it prints; `profile` names the profile in messages. If the program
 * fails, throws `UsageError` with the last line of its standard error, but never with its standard output.
 */
export async function processCredentials(
  line: string,
  profile: string,
  { runProcess, clock }: { readonly runProcess: RunProcess; readonly clock: Clock },
): Promise<S3Credentials> {
  const cannot = `${profile} has a credential_process that gives no credentials`;
  const { code, stdout, stderr } = await runInTime(line, cannot, { runProcess, clock });
  if (code !== 0) {
    throw new UsageError(`${cannot}: it ended with exit code ${code}${lastWords(stderr)}; run it by hand`);
  }
  try {
    return readLentKeys(new TextDecoder().decode(stdout));
  } catch (cause) {
    if (!(cause instanceof LentKeysError)) throw cause;
    throw new UsageError(`${cannot}: ${cause.message}; run it by hand, it has to print JSON of version 1`, { cause });
  }
}

async function runInTime(
  line: string,
  cannot: string,
  { runProcess, clock }: { readonly runProcess: RunProcess; readonly clock: Clock },
): Promise<ProcessOutcome> {
  const late = new UsageError(`${cannot}: it did not end within ${WAIT_MS / 1000} seconds; run it by hand`);
  try {
    // A process that the shell leaves running keeps the output open, so the shell's end alone does not end the wait.
    return await withinTime({ clock, ms: WAIT_MS, late }, (signal) => runProcess(line, signal));
  } catch (cause) {
    if (cause === late) throw late;
    throw new UsageError(`${cannot}: ${messageOf(cause)}; run it by hand`, { cause });
  }
}

function lastWords(stderr: Uint8Array): string {
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  const words = lines.at(-1)!.replace(/[\p{Cc}\s]+/gu, " ").trim().slice(0, 200);
  return words === "" ? "" : `, ${JSON.stringify(words)}`;
}
