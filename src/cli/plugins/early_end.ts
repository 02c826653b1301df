/** A plugin that ends the process: the command did not come to its end, and must not look as if it had succeeded. */
import { AgentError, ExitCode } from "../../base/errors.ts";

/** Turns exit code 0 into that of a failure, and tells it, if the process ends before the result is disposed of. */
export function failIfProcessEnds(tell: (error: AgentError) => void): Disposable {
  const onEnd = () => {
    if (Deno.exitCode !== ExitCode.done) return;
    Deno.exitCode = ExitCode.failed;
    tell(new AgentError("A plugin ended the process before the command had ended: correct or disable it"));
  };
  addEventListener("unload", onEnd);
  return { [Symbol.dispose]: () => removeEventListener("unload", onEnd) };
}
