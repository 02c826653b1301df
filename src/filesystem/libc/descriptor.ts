/** What can be asked of and done to an open descriptor, be it of a file or of a folder. */
import { BugError } from "../../base/errors.ts";
import { Errno, kernelError } from "../kernel_errors.ts";
import type { ExtendedAttribute, OwnerChange, TimesChange } from "../open_file.ts";
import type { FileStatus } from "../status.ts";
import { deleteAttribute, readAttributes, writeAttribute } from "./attributes.ts";
import { OWNER_OMIT, UTIME_OMIT } from "./constants.ts";
import type { Libc } from "./libc.ts";
import { callStatx, decodeStatus } from "./statx.ts";

const NO_NAME = new Uint8Array(0);
const NANOSECONDS = 1_000_000_000n;

/** A descriptor and where it leads, for messages. */
export class Descriptor {
  readonly #libc: Libc;
  readonly #number: number;
  readonly #place: () => string;

  constructor(libc: Libc, number: number, place: () => string) {
    this.#libc = libc;
    this.#number = number;
    this.#place = place;
  }

  /** The status of what is open. */
  status(): FileStatus {
    const found = callStatx(this.#libc, this.#number, NO_NAME);
    if (!found) throw this.#libc.failure("read the status of", this.#place());
    return statusInAnswer(this.#libc, this.#place);
  }

  /** Its extended attributes. */
  attributes(): readonly ExtendedAttribute[] {
    return readAttributes(this.#libc, this.#number, this.#place);
  }

  /** Sets an attribute. */
  setAttribute(attribute: ExtendedAttribute): void {
    writeAttribute(this.#libc, this.#number, attribute, this.#place);
  }

  /** Removes an attribute. */
  removeAttribute(name: string): void {
    deleteAttribute(this.#libc, this.#number, name, this.#place);
  }

  /** Changes the owner. */
  setOwner({ userId, groupId }: OwnerChange): void {
    const result = this.#libc.calls.fchown(this.#number, userId ?? OWNER_OMIT, groupId ?? OWNER_OMIT);
    this.#require(result, "change the owner of");
  }

  /** Sets the permission bits. */
  setMode(mode: number): void {
    this.#require(this.#libc.calls.fchmod(this.#number, mode & 0o7777), "change the mode of");
  }

  /** Sets the times. */
  setTimes(times: TimesChange): void {
    this.#require(this.#libc.calls.futimens(this.#number, encodeTimes(times)), "set the times of");
  }

  /** Waits until all is on the disk. */
  sync(): void {
    this.#require(this.#libc.persist(() => this.#libc.calls.fsync(this.#number)), "write out");
  }

  #require(result: number, operation: string): void {
    if (result < 0) throw this.#libc.failure(operation, this.#place());
  }
}

/** The status in the answer of `statx`. Throws `ENOTSUP` for an entry of an unknown type. */
export function statusInAnswer(libc: Libc, place: () => string): FileStatus {
  const status = decodeStatus(libc.statusBuffer);
  if (status === null) throw kernelError(Errno.ENOTSUP, "tell the type of", place());
  return status;
}

/**
 * Two `struct timespec` for `utimensat`: seconds and nanoseconds, 8 bytes each, of the access and of the change. They are
 * valid until the next call.
 */
export function encodeTimes({ accessedNs, modifiedNs }: TimesChange): Uint8Array<ArrayBuffer> {
  encodeTime(modifiedNs, 2);
  if (accessedNs === modifiedNs) TIMES.copyWithin(0, 2, 4);
  else encodeTime(accessedNs, 0);
  return TIMES_BYTES;
}

function encodeTime(time: bigint | null, at: number): void {
  if (time === null) {
    TIMES[at] = 0n;
    TIMES[at + 1] = UTIME_OMIT;
    return;
  }
  const [seconds, rest] = [time / NANOSECONDS, time % NANOSECONDS];
  // Nanoseconds count forward from the second, before 1970 as well.
  TIMES[at] = rest < 0n ? seconds - 1n : seconds;
  TIMES[at + 1] = rest < 0n ? rest + NANOSECONDS : rest;
}

const TIMES = new BigInt64Array(4);
const TIMES_BYTES = new Uint8Array(TIMES.buffer);

/** The error of a use after closing. */
export function closedError(path: string): BugError {
  return new BugError(`"${path}" was used after it had been closed`);
}
