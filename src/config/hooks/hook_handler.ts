/** A hook as a handler of events. */
import { interruption } from "../../base/abort.ts";
import { AgentError, messageOf, VetoError } from "../../base/errors.ts";
import { formatDuration } from "../../base/text/duration.ts";
import type { Hook, HookEvent, HookMachine } from "./hook.ts";
import { runHookCommand } from "./hook_command.ts";
import { postHook } from "./hook_request.ts";

/**
 * A handler that runs the hook, and resolves when it has succeeded. It throws `AgentError` if the hook fails or takes
 * too long, and `InterruptedError` if the event's signal is aborted, in each case once all that it started has ended.
 */
export function hookHandler<Event extends HookEvent>(
  hook: Hook,
  machine: HookMachine<Event>,
): (event: Event) => Promise<void> {
  return async (event) => {
    const { clock, ending } = machine;
    const late = new AbortController();
    const over = new AbortController();
    const reason = new AgentError(`it did not end within ${formatDuration(hook.timeoutMs)}`);
    clock.sleep(hook.timeoutMs, over.signal).then(() => late.abort(reason), () => {});
    try {
      const signals = [event.signal, late.signal, ...ending === undefined ? [] : [ending]];
      await run(hook, event, AbortSignal.any(signals), machine);
    } catch (error) {
      throw event.signal.aborted ? interruption(event.signal) : failure(hook, event, error);
    } finally {
      over.abort();
    }
  };
}

async function run<Event extends HookEvent>(
  hook: Hook,
  event: Event,
  signal: AbortSignal,
  machine: HookMachine<Event>,
): Promise<void> {
  const json = new TextEncoder().encode(`${JSON.stringify(machine.toJson(event))}\n`);
  const { name, run, timeoutMs } = hook;
  if ("command" in run) await runHookCommand({ name, command: run.command, event, input: json, signal }, machine);
  else await postHook({ url: run.url, content: json, timeoutMs, signal }, machine);
}

/** The error for a hook that failed. Only where it stops an action does the message have to say which hook it was. */
function failure({ name }: Hook, { event }: HookEvent, cause: unknown): AgentError {
  const message = messageOf(cause);
  if (!event.startsWith("before")) return new AgentError(message, { cause });
  return new VetoError(`The hook "${name}" refused (${event}): ${message}`, { cause });
}
