/** Events for hooks, and what hooks need, for tests. */
import type { Clock } from "../../../src/base/clock.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Hook, HookEvent, HookMachine } from "../../../src/config/hooks/hook.ts";

export const SESSION = "0b9a7c0e-1f4e-4f55-9a53-5d1d4f6b2c11";

/** An event with what only its JSON has. */
export interface ToldEvent extends HookEvent {
  readonly result?: unknown;
}

/** An event after a backup of `prod/shop`, unless `parts` say otherwise. */
export function eventOf(parts: Partial<ToldEvent> = {}): ToldEvent {
  return {
    event: "onBackup",
    session: SESSION,
    series: "prod/shop",
    signal: new AbortController().signal,
    ...parts,
  };
}

/** A machine with the variables of this process, and what hooks said. */
interface TestMachine extends HookMachine<ToldEvent> {
  readonly said: () => string;
}

/** Makes one. */
export function testMachine(parts: Partial<HookMachine<ToldEvent>> = {}): TestMachine {
  let said = "";
  const decoder = new TextDecoder();
  return {
    clock: systemClock as Clock,
    environment: () => Deno.env.toObject(),
    secretVariables: [],
    say: (lines) => Promise.resolve(void (said += decoder.decode(lines, { stream: true }))),
    network: () => Promise.resolve({ userAgent: "agent/test" }),
    beforeProcessEnds: () => ({ [Symbol.dispose]() {} }),
    toJson: ({ signal: _, ...event }) => event,
    ...parts,
    said: () => said,
  };
}

/** A hook that runs a command, or calls a URL. */
export function hookOf(run: Hook["run"], timeoutMs = 60_000): Hook {
  return { name: "notify", run, timeoutMs };
}
