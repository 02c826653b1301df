/** Lock files (restic design document, section Locks). */
import * as v from "valibot";
import { goJsonBytes } from "./go_json.ts";
import { decodeJson } from "./json_text.ts";
import { fields, integer, textOrZero, timestampOrZero, uint32OrZero } from "./schema.ts";
import type { Rfc3339 } from "./time.ts";

/** Who holds a lock, and since when. */
export interface Lock {
  /** When the lock was made or last refreshed. */
  readonly time: Rfc3339;
  /** Whether nobody else may hold any lock. */
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  /** 0 where the text leaves it out, as it does for root. */
  readonly uid?: number;
  /** As `uid`. */
  readonly gid?: number;
}

const schema = fields({
  time: timestampOrZero,
  exclusive: v.nullish(v.boolean(), false),
  hostname: textOrZero,
  username: textOrZero,
  pid: v.nullish(integer, 0),
  uid: uint32OrZero,
  gid: uint32OrZero,
});

/** The JSON text of a lock. */
export function encodeLock({ time, exclusive, hostname, username, pid, uid, gid }: Lock): Uint8Array<ArrayBuffer> {
  return goJsonBytes({ time, exclusive, hostname, username, pid, uid: uid || undefined, gid: gid || undefined });
}

/** Reads a lock, as lenient as Go. Throws `IntegrityError` naming `what`. */
export function decodeLock(bytes: Uint8Array, what: string): Lock & { readonly uid: number; readonly gid: number } {
  return decodeJson(schema, bytes, what);
}
