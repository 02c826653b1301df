/** The one place that touches the real process: arguments, environment, terminal, signals, exit. */
import { hostname, userInfo } from "node:os";
import { systemClock } from "../base/clock.ts";
import { AgentError, ExitCode, InterruptedError, type LockedError } from "../base/errors.ts";
import { memoryBudget } from "../base/memory_budget.ts";
import { systemRandomBytes } from "../crypto/random.ts";
import { askSecret } from "./ask_secret.ts";
import type { CliContext, Output, VersionInfo } from "./context.ts";
import { systemReason } from "./failure.ts";
import { memoryLimit } from "./memory_limit.ts";
import { printable, writeLine } from "./output.ts";
import { ownProcessMark, processExists } from "./process_table.ts";
import { asksForJson, asksForQuiet, runCommandLine } from "./program.ts";
import { writeWarning } from "./warning.ts";

/** After a signal the command has so long to tidy up. */
const TIDY_UP_MS = 1700;
/** What ended it is told by then, or nobody reads it. */
const LAST_WORDS_MS = 200;
const USUAL_COLUMNS = 80;

/** Runs the command line of this process and ends it. */
export async function main(): Promise<never> {
  const interrupt = interruptOnSignals();
  const code = await runCommandLine(Deno.args, processContext(interrupt));
  Deno.exit(code);
}

function processContext(interrupt: Interrupt): CliContext {
  const version = versionInfo();
  const stderr = standardError();
  const json = asksForJson(Deno.args);
  const isWatched = stderr.isTerminal && !asksForQuiet(Deno.args);
  return {
    env: (name) => Deno.env.get(name),
    stdin: { isTerminal: Deno.stdin.isTerminal(), read: (target) => Deno.stdin.read(target) },
    stdout: standardOutput(),
    stderr,
    world: {
      clock: systemClock,
      identity: identity(),
      processExists,
      randomBytes: systemRandomBytes,
      ...memoryBudget({ limitBytes: memoryLimit(), cores: navigator.hardwareConcurrency }),
      programVersion: `agent ${version.version}`,
      onProblem: ({ message }) => void writeWarning(message, { json }, stderr),
      ...isWatched && { onWait: (locked: LockedError) => void writeLine(stderr, waitingText(locked)) },
    },
    signal: interrupt.signal,
    tooLate: interrupt.tooLate,
    extendTidyUp: interrupt.extendTidyUp,
    commandLine: undefined,
    version,
    askSecret,
  };
}

/** Who is waited for; what the message advises to do is being done. */
function waitingText({ message }: LockedError): string {
  return `agent: waiting: ${printable(message.split("; ")[0]!)}`;
}

function standardOutput(): Output {
  const output = outputOf(Deno.stdout);
  return {
    ...output,
    async write(bytes) {
      try {
        await output.write(bytes);
      } catch (error) {
        const closed = error instanceof Deno.errors.BrokenPipe;
        const what = closed ? "was closed before everything was written" : `cannot be written: ${systemReason(error)}`;
        throw new AgentError(`Standard output ${what}`, { cause: error });
      }
    },
  };
}

/** Words for people: where nobody is left to read them (a terminal that is gone, a full disk) the work goes on. */
function standardError(): Output {
  const output = outputOf(Deno.stderr);
  return { ...output, write: (bytes) => output.write(bytes).catch(() => {}) };
}

function outputOf(stream: typeof Deno.stdout): Output {
  const isTerminal = stream.isTerminal();
  return {
    isTerminal,
    // A terminal that nobody told its size says 0.
    columns: () => (isTerminal && Deno.consoleSize().columns) || USUAL_COLUMNS,
    async write(bytes) {
      for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
    },
  };
}

function identity() {
  const { username, uid, gid } = userInfo();
  const mark = ownProcessMark();
  return { hostname: hostname(), username, pid: Deno.pid, uid, gid, ...mark && { process: mark } };
}

type Interrupt = Required<Pick<CliContext, "signal" | "tooLate" | "extendTidyUp">>;

/**
 * SIGINT and SIGTERM ask the command to stop, and end the process when it does not; a second one ends it at once. SIGHUP
 * is passed over: a backup outlives its terminal, and restic sends it to see whether a lock's holder is alive.
 */
function interruptOnSignals(): Interrupt {
  const controller = new AbortController();
  const tooLate = Promise.withResolvers<never>();
  tooLate.promise.catch(() => {});
  let tidyUpMs = TIDY_UP_MS;
  const onSignal = () => {
    if (controller.signal.aborted) Deno.exit(ExitCode.interrupted);
    controller.abort(new InterruptedError());
    Deno.unrefTimer(setTimeout(() => tooLate.reject(controller.signal.reason), tidyUpMs));
    Deno.unrefTimer(setTimeout(() => Deno.exit(ExitCode.interrupted), tidyUpMs + LAST_WORDS_MS));
  };
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  Deno.addSignalListener("SIGHUP", () => {});
  return {
    signal: controller.signal,
    tooLate: tooLate.promise,
    extendTidyUp(ms) {
      tidyUpMs = ms;
    },
  };
}

/** What the build says about itself; a source tree has nothing to say. */
function versionInfo(): VersionInfo {
  const build = (globalThis as { AGENT_BUILD?: { form: string; version: string; commit?: string } }).AGENT_BUILD;
  return {
    version: build?.version ?? "0.0.0-source",
    commit: build?.commit ?? null,
    deno: Deno.version.deno,
    form: build?.form ?? "source",
  };
}
