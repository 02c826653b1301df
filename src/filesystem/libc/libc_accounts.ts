/** Users, groups and privileges by the C library, which asks whatever the machine is set up to ask (nsswitch.conf). */
import type { Accounts } from "../accounts.ts";
import { Errno } from "../kernel_errors.ts";
import type { Libc } from "./libc.ts";

/** Room for a `struct passwd` or `struct group`, of which the name comes first. */
const RECORD_BYTES = 64;
/** Where the number stands in both, on 64-bit machines: behind the pointers to name and password. */
const ID_OFFSET = 16;
const FIRST_TEXT_BYTES = 4096;
/** A group with many thousands of members needs this much; beyond it, the name counts as not there. */
const MOST_TEXT_BYTES = 16 * 1024 * 1024;

/** The version of capabilities with 64 bits (include/uapi/linux/capability.h), and the bit of CAP_CHOWN. */
const CAPABILITY_VERSION = 0x20080522;
const CAP_CHOWN = 1 << 0;

type Lookup = (
  record: Uint8Array<ArrayBuffer>,
  text: Uint8Array<ArrayBuffer>,
  result: BigUint64Array<ArrayBuffer>,
) => number;

/** Accounts as the C library knows them. */
export class LibcAccounts implements Accounts {
  readonly #libc: Libc;
  readonly #userNames = new Map<number, string>();
  readonly #groupNames = new Map<number, string>();
  readonly #userIds = new Map<string, number | null>();
  readonly #groupIds = new Map<string, number | null>();
  readonly effectiveUserId: number;
  readonly mayChangeOwners: boolean;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.effectiveUserId = libc.calls.geteuid();
    this.mayChangeOwners = mayChangeOwners(libc, this.effectiveUserId);
  }

  userName(userId: number): string {
    return remembered(this.#userNames, userId, () => {
      const { getpwuid_r } = this.#libc.calls;
      return nameIn(look((record, text, found) => getpwuid_r(userId, record, text, text.length, bytesOf(found))));
    });
  }

  groupName(groupId: number): string {
    return remembered(this.#groupNames, groupId, () => {
      const { getgrgid_r } = this.#libc.calls;
      return nameIn(look((record, text, found) => getgrgid_r(groupId, record, text, text.length, bytesOf(found))));
    });
  }

  userId(name: string): number | null {
    return remembered(this.#userIds, name, () => {
      const { getpwnam_r } = this.#libc.calls;
      const wanted = cText(name);
      return wanted &&
        idIn(look((record, text, found) => getpwnam_r(wanted, record, text, text.length, bytesOf(found))));
    });
  }

  groupId(name: string): number | null {
    return remembered(this.#groupIds, name, () => {
      const { getgrnam_r } = this.#libc.calls;
      const wanted = cText(name);
      return wanted &&
        idIn(look((record, text, found) => getgrnam_r(wanted, record, text, text.length, bytesOf(found))));
    });
  }
}

/** The record that a lookup finds, or `null`. A directory service that does not answer knows nobody. */
function look(lookup: Lookup): { readonly record: DataView; readonly text: Uint8Array<ArrayBuffer> } | null {
  const record = new Uint8Array(RECORD_BYTES);
  const result = new BigUint64Array(1);
  for (let size = FIRST_TEXT_BYTES; size <= MOST_TEXT_BYTES; size *= 4) {
    const text = new Uint8Array(size);
    const errno = lookup(record, text, result);
    if (errno === Errno.ERANGE || errno === Errno.EINTR) continue;
    return errno === 0 && result[0] !== 0n ? { record: new DataView(record.buffer), text } : null;
  }
  return null;
}

/** The name in a record: its first field points into the text. */
function nameIn(found: ReturnType<typeof look>): string {
  if (found === null) return "";
  const start = found.record.getBigUint64(0, true) - Deno.UnsafePointer.value(Deno.UnsafePointer.of(found.text));
  const rest = found.text.subarray(Number(start));
  return new TextDecoder().decode(rest.subarray(0, rest.indexOf(0)));
}

function idIn(found: ReturnType<typeof look>): number | null {
  return found === null ? null : found.record.getUint32(ID_OFFSET, true);
}

/** `null` for what no account is called. */
function cText(name: string): Uint8Array<ArrayBuffer> | null {
  return name === "" || name.includes("\0") ? null : new TextEncoder().encode(`${name}\0`);
}

function bytesOf(numbers: BigUint64Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(numbers.buffer);
}

function remembered<Key, Value>(known: Map<Key, Value>, key: Key, find: () => Value): Value {
  let value = known.get(key);
  if (value === undefined) known.set(key, value = find());
  return value;
}

/** By the effective capabilities: two words each of effective, permitted and inheritable ones. */
function mayChangeOwners(libc: Libc, effectiveUserId: number): boolean {
  const header = new Uint32Array([CAPABILITY_VERSION, 0]);
  const sets = new Uint32Array(6);
  const { capget } = libc.calls;
  const failed = capget === null || capget(new Uint8Array(header.buffer), new Uint8Array(sets.buffer)) < 0;
  return failed ? effectiveUserId === 0 : (sets[0]! & CAP_CHOWN) !== 0;
}
