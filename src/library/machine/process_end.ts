/** The end of this process before its time: signals that ask for it, its own exit, and errors that nobody catches. */
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What is called. */
interface ProcessEnd {
  /** A signal asks the process to end, which goes on unless one comes again. Null leaves signals alone. */
  readonly asked: (() => void) | null;
  /** The process ends at once: only what is synchronous is still done. May be called again. */
  readonly over: () => void;
}

/** Calls those functions until the result is disposed of. Until then, this process does not end at its first signal. */
export function beforeProcessEnds({ asked, over }: ProcessEnd): Disposable {
  let isAsked = false;
  const listeners = (asked === null ? [] : SIGNALS).map((signal) => {
    const listener = () => {
      if (!isAsked) {
        isAsked = true;
        return asked?.();
      }
      over();
      undo();
      Deno.kill(Deno.pid, signal);
    };
    Deno.addSignalListener(signal, listener);
    return [signal, listener] as const;
  });
  // A program that catches all errors goes on.
  const uncaught = () => process.listenerCount("uncaughtException") === 0 && over();
  process.on("uncaughtExceptionMonitor", uncaught);
  globalThis.addEventListener("unload", over);
  const undo = () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    process.off("uncaughtExceptionMonitor", uncaught);
    globalThis.removeEventListener("unload", over);
  };
  return { [Symbol.dispose]: undo };
}

/** Warns whoever started this process of what the program itself does not want to hear: on standard error, by default. */
export function warnOfProcess(message: string): void {
  process.emitWarning(message);
}
