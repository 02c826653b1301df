/** The hooks of a configuration as handlers of an agent's events. */
import type { HookSettings } from "../../config/configuration.ts";
import type { HookMachine } from "../../config/hooks/hook.ts";
import { hookHandler } from "../../config/hooks/hook_handler.ts";
import type { EventName } from "../../config/event_names.ts";
import type { AgentEvent } from "./event.ts";
import { eventJson } from "./event_json.ts";
import type { Events } from "./events.ts";

/** How much longer than its own limit a hook may take to be ended by force, before it is named as one that hangs. */
const ENDING_MS = 10_000;

/**
 * Subscribes hooks in their order. Disposal undoes that, and waits until all that hooks started has ended: nobody else
 * waits for those whose action was interrupted.
 */
export function subscribeHooks(
  events: Events,
  hooks: readonly Pick<HookSettings, "name" | "events" | "run" | "timeoutMs">[],
  outside: Omit<HookMachine, "toJson">,
): AsyncDisposable {
  const running = new Set<Promise<void>>();
  const machine: HookMachine<AgentEvent> = { ...outside, toJson: eventJson };
  const undo = hooks.flatMap((hook) => {
    const handle = hookHandler(hook, machine);
    const how = { name: `the hook "${hook.name}"`, timeoutMs: hook.timeoutMs + ENDING_MS };
    return hook.events.map((event) => events.on(event as EventName, (told) => tracked(handle(told), running), how));
  });
  return {
    async [Symbol.asyncDispose]() {
      for (const end of undo) end();
      await Promise.allSettled(running);
    },
  };
}

function tracked(run: Promise<void>, running: Set<Promise<void>>): Promise<void> {
  running.add(run);
  run.catch(() => {}).finally(() => running.delete(run));
  return run;
}
