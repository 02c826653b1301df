/** An event as hooks read it: one line of JSON. */
import type { HookEvent } from "./hook.ts";

/** The line, as bytes. `toJson` turns the result of an action into a value for JSON. */
export function eventJson(
  { event, session, series, result, error }: HookEvent,
  toJson: (result: unknown) => unknown,
): Uint8Array {
  const line = JSON.stringify({
    event,
    session,
    series,
    ...result !== undefined && { result: toJson(result) },
    ...error && { error: { code: error.exitCode, kind: error.code, message: error.message } },
  });
  return new TextEncoder().encode(`${line}\n`);
}
