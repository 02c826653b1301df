/** Signals of this process: those that ask a command to stop, and Ctrl-Z. */
import { ExitCode, InterruptedError } from "../../base/errors.ts";
import type { CliContext } from "../context.ts";
import type { TerminalLine } from "../terminal/terminal_line.ts";
import { hasJobControl } from "../../library/machine/process_table.ts";

/** How long a command may tidy up after a signal. */
const TIDY_UP_MS = 1700;
/** How long the last error message may take after that. */
const LAST_WORDS_MS = 200;

/** What a command learns about signals, and how it can ask for more time. */
export type Interrupt = Required<Pick<CliContext, "signal" | "tooLate" | "extendTidyUp">>;

/**
 * On Ctrl-Z, removes the progress line before the shell writes at the cursor, and then stops the process as usual.
 * After it continues, the next step of progress draws the line again.
 */
export function clearBeforeStops(line: TerminalLine): void {
  Deno.addSignalListener("SIGTSTP", async () => {
    await line.clear();
    if (hasJobControl()) Deno.kill(Deno.pid, "SIGSTOP");
  });
}

/**
 * SIGINT and SIGTERM ask the command to stop, and end the process if it does not; a second signal ends it at once. The
 * first one hides the progress line. SIGHUP is ignored: a backup outlives its terminal, and restic sends SIGHUP to see
 * whether a lock's holder is alive.
 */
export function interruptOnSignals(line: TerminalLine | undefined): Interrupt {
  const controller = new AbortController();
  const tooLate = Promise.withResolvers<never>();
  tooLate.promise.catch(() => {});
  let tidyUpMs = TIDY_UP_MS;
  const onSignal = () => {
    if (controller.signal.aborted) Deno.exit(ExitCode.interrupted);
    controller.abort(new InterruptedError());
    void line?.hide();
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
