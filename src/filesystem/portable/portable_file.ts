/** Open files by `node:fs`. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  readSync,
  writeSync,
} from "node:fs";
import { BugError } from "../../base/errors.ts";
import { Errno, kernelError } from "../kernel_errors.ts";
import type { DataRange, ExtendedAttribute, OpenFile, OwnerChange, TimesChange } from "../open_file.ts";
import type { FileStatus } from "../status.ts";
import { attempt } from "./paths.ts";
import { statusOf } from "./portable_status.ts";

/** An open file. */
export class PortableFile implements OpenFile {
  readonly #number: number;
  readonly #place: () => string;
  #closed = false;

  /** Takes over the descriptor; `place` says for messages where it leads. */
  constructor(number: number, place: () => string) {
    this.#number = number;
    this.#place = place;
  }

  get path(): string {
    return this.#place();
  }

  status(): FileStatus {
    return this.#attempt("read the status of", (number) => statusOf(fstatSync(number, { bigint: true })));
  }

  read(buffer: Uint8Array, offset: number): number {
    return this.#attempt("read", (number) => {
      let length = 0;
      while (length < buffer.length) {
        const read = readSync(number, buffer, length, buffer.length - length, offset + length);
        if (read === 0) break;
        length += read;
      }
      return length;
    });
  }

  nextData(offset: number): DataRange | null {
    const { size } = this.status();
    return offset < size ? { offset, end: size } : null;
  }

  attributes(): readonly ExtendedAttribute[] {
    return [];
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#attempt("write", (number) => {
      for (let written = 0; written < bytes.length;) {
        written += writeSync(number, bytes, written, bytes.length - written, offset + written);
      }
    });
  }

  resize(size: number): void {
    this.#attempt("change the size of", (number) => ftruncateSync(number, size));
  }

  punchHole(): boolean {
    return false;
  }

  sync(): void {
    this.#attempt("write out", fsyncSync);
  }

  setOwner(owner: OwnerChange): void {
    const { userId, groupId } = this.status();
    const operation = "change the owner of";
    this.#attempt(operation, (number) => fchownSync(number, owner.userId ?? userId, owner.groupId ?? groupId));
  }

  setMode(mode: number): void {
    this.#attempt("change the mode of", (number) => fchmodSync(number, mode & 0o7777));
  }

  setTimes(times: TimesChange): void {
    const { accessed, modified } = datesOf(times, this.status());
    this.#attempt("set the times of", (number) => futimesSync(number, accessed, modified));
  }

  setAttribute({ name }: ExtendedAttribute): void {
    throw kernelError(Errno.ENOTSUP, `set the extended attribute ${name} of`, this.path);
  }

  removeAttribute(attributeName: string): void {
    throw kernelError(Errno.ENOTSUP, `remove the extended attribute ${attributeName} of`, this.path);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    attempt("close", this.#place, () => closeSync(this.#number));
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      closeSync(this.#number);
    } catch {
      // The contract hides it: a writer calls `close`.
    }
  }

  #attempt<T>(operation: string, call: (number: number) => T): T {
    if (this.#closed) throw new BugError(`"${this.path}" was used after it had been closed`);
    return attempt(operation, this.#place, () => call(this.#number));
  }
}

/**
 * Times as `node:fs` takes them, to the millisecond. Before 1970 it would set the time of the call instead, so such times
 * become 1970.
 */
export function datesOf(
  times: TimesChange,
  before: FileStatus,
): { readonly accessed: Date; readonly modified: Date } {
  const date = (ns: bigint) => new Date(Math.max(0, Number(ns / 1_000_000n)));
  return {
    accessed: date(times.accessedNs ?? before.accessedNs),
    modified: date(times.modifiedNs ?? before.modifiedNs),
  };
}
