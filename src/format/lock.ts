/** Lock files (restic design document, section Locks). */
import * as v from "valibot";
import { goJsonBytes } from "./json/go_json.ts";
import { decodeJson } from "./json/json_text.ts";
import { count, fields, integer, textOrZero, timestampOrZero, uint32OrZero } from "./json/schema.ts";
import type { Rfc3339 } from "./time.ts";

/** Tells a process from all others with the same number, on other systems or at other times. */
export interface ProcessMark {
  /** Identifies the process table to which the number belongs. No two systems, boots or containers have the same. */
  readonly table: string;
  /** Identifies the machine, and with it the clock, across restarts; absent if the machine has no name. */
  readonly machine?: string;
  /** When the process started, in a unit that depends on the table. */
  readonly started: number;
}

/** The holder of a lock, and its time. */
export interface Lock {
  /** When the lock was made or last refreshed. */
  readonly time: Rfc3339;
  /** Whether nobody else may hold any lock. */
  readonly exclusive: boolean;
  /** The host of its process. */
  readonly hostname: string;
  /** The user that its process runs as. */
  readonly username: string;
  /** The number of its process. */
  readonly pid: number;
  /** The user's number; 0 if the text leaves it out, as it does for root. */
  readonly uid?: number;
  /** The group's number, with the same rule. */
  readonly gid?: number;
  /**
   * Stored under the key `agent`, which restic ignores. Absent in restic's locks, and if the system does not provide
   * it.
   */
  readonly process?: ProcessMark;
}

const agentFields = v.pipe(
  fields({ processTable: v.string(), processStarted: count, machine: v.optional(v.string()) }),
  v.transform(({ processTable, processStarted, machine }): ProcessMark => ({
    table: processTable,
    started: processStarted,
    ...machine !== undefined && { machine },
  })),
);

const schema = v.pipe(
  fields({
    time: timestampOrZero,
    exclusive: v.nullish(v.boolean(), false),
    hostname: textOrZero,
    username: textOrZero,
    pid: v.nullish(integer, 0),
    uid: uint32OrZero,
    gid: uint32OrZero,
    // Any other value under this key is not ours, and says nothing about the process.
    agent: v.fallback(v.optional(agentFields), undefined),
  }),
  v.transform(({ agent, ...lock }) => ({ ...lock, ...agent && { process: agent } })),
);

/** The JSON text of a lock. */
export function encodeLock(lock: Lock): Uint8Array<ArrayBuffer> {
  const { time, exclusive, hostname, username, pid, uid, gid, process } = lock;
  const { table: processTable, started: processStarted, machine } = process ?? {};
  const agent = process && { processTable, processStarted, machine };
  return goJsonBytes({ time, exclusive, hostname, username, pid, uid: uid || undefined, gid: gid || undefined, agent });
}

/** Reads a lock, as lenient as Go. Throws `IntegrityError` naming `what`. */
export function decodeLock(bytes: Uint8Array, what: string): Lock & { readonly uid: number; readonly gid: number } {
  return decodeJson(schema, bytes, what);
}
