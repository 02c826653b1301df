/** Signals of this process: the ones that ask a command to stop, and Ctrl-Z. */
import { ExitCode, InterruptedError } from "../../base/errors.ts";
import type { CliContext } from "../context.ts";
import type { TerminalLine } from "../terminal/terminal_line.ts";
import { hasJobControl } from "./process_table.ts";

/** After a signal the command has so long to tidy up. */
const TIDY_UP_MS = 1700;
/** What ended it is told by then, or nobody reads it. */
const LAST_WORDS_MS = 200;

/** What a command gets to know of signals, and may ask for. */
export type Interrupt = Required<Pick<CliContext, "signal" | "tooLate" | "extendTidyUp">>;

/**
 * Ctrl-Z takes the line away first: the shell writes its own where the cursor is. This process then stops as it would have
 * done by itself; when it goes on, the next step brings the line back.
 */
export function clearBeforeStops(line: TerminalLine): void {
  Deno.addSignalListener("SIGTSTP", async () => {
    await line.clear();
    if (hasJobControl()) Deno.kill(Deno.pid, "SIGSTOP");
  });
}

/**
 * SIGINT and SIGTERM ask the command to stop, and end the process when it does not; a second one ends it at once. The
 * progress line is hidden from the first one on. SIGHUP is passed over: a backup outlives its terminal, and restic sends it
 * to see whether a lock's holder is alive.
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
