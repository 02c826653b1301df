/** Hooks: what the configuration has done when something happens to backups, and what that needs from outside. */
import type { Clock } from "../../base/clock.ts";
import type { NetworkOptions } from "../../store/http/client.ts";
import type { HookSettings } from "../configuration.ts";

/** What a hook does, and for how long at most. */
export type Hook = Pick<HookSettings, "name" | "run" | "timeoutMs">;

/** What happened, or is about to: what hooks are told of an event besides its JSON. */
export interface HookEvent {
  /** Its name; that of an action which a hook may still veto begins with `before`. */
  readonly event: string;
  /** A UUID, the same for all events of one action. */
  readonly session: string;
  /** The series that the action is about; null if it is about several, or none is known yet. */
  readonly series: string | null;
  /** Aborted when the action is interrupted. */
  readonly signal: AbortSignal;
}

/** What hooks need from the outside world. */
export interface HookMachine<Event extends HookEvent = HookEvent> {
  /** Measures their time. */
  readonly clock: Clock;
  /** The variables that commands inherit. Those that grant access to a repository are left out in any case. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** Further variables to leave out: those that the configuration names as secrets. */
  readonly secretVariables: readonly string[];
  /** Takes what commands print, in whole lines that begin with the hook's name. */
  readonly say: (lines: Uint8Array) => Promise<void>;
  /** How to reach servers. Only called for hooks with a URL. */
  readonly network: () => Promise<NetworkOptions>;
  /** Has this called if the process ends before its time, until the result is disposed of. */
  readonly beforeProcessEnds: (over: () => void) => Disposable;
  /** Aborted when this process is about to end; absent if it waits for hooks. */
  readonly ending?: AbortSignal;
  /** An event as a value for JSON. */
  readonly toJson: (event: Event) => unknown;
}
