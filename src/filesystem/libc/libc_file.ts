/** Open files by the C library. */
import { Errno } from "../kernel_errors.ts";
import type { DataRange, ExtendedAttribute, OpenFile, OwnerChange, TimesChange } from "../open_file.ts";
import type { FileStatus } from "../status.ts";
import { Fallocate, Seek } from "./constants.ts";
import { closedError, Descriptor } from "./descriptor.ts";
import { foreign, type Libc } from "./libc.ts";

/** The most bytes of one call: its result has 32 bits. */
const CALL_BYTES = 1 << 30;

/** An open file. */
export class LibcFile implements OpenFile {
  readonly #libc: Libc;
  readonly #number: number;
  readonly #place: () => string;
  readonly #descriptor: Descriptor;
  #closed = false;

  /** Takes over the descriptor; `place` says for messages where it leads. */
  constructor(libc: Libc, number: number, place: () => string) {
    this.#libc = libc;
    this.#number = number;
    this.#place = place;
    this.#descriptor = new Descriptor(libc, number, place);
  }

  get path(): string {
    return this.#place();
  }

  status(): FileStatus {
    return this.#open.status();
  }

  read(buffer: Uint8Array, offset: number): number {
    this.#requireOpen();
    let length = 0;
    while (length < buffer.length) {
      const rest = foreign(buffer.subarray(length));
      const size = Math.min(rest.length, CALL_BYTES);
      const read = this.#libc.persist(() => this.#libc.calls.pread(this.#number, rest, size, offset + length));
      this.#require(read, "read");
      if (read === 0) break;
      length += read;
    }
    return length;
  }

  nextData(offset: number): DataRange | null {
    const start = this.#seek(offset, Seek.data);
    if (start >= 0) {
      const end = this.#seek(start, Seek.hole);
      this.#require(end, "find the holes of");
      return { offset: start, end };
    }
    if (this.#libc.errno === Errno.ENXIO) return null;
    if (this.#libc.errno !== Errno.EINVAL) throw this.#failure("find the holes of");
    const { size } = this.status();
    return offset < size ? { offset, end: size } : null;
  }

  attributes(): readonly ExtendedAttribute[] {
    return this.#open.attributes();
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#requireOpen();
    for (let written = 0; written < bytes.length;) {
      const rest = foreign(bytes.subarray(written));
      const size = Math.min(rest.length, CALL_BYTES);
      const step = this.#libc.calls.pwrite(this.#number, rest, size, offset + written);
      if (step < 0 && this.#libc.errno === Errno.EINTR) continue;
      this.#require(step, "write");
      written += step;
    }
  }

  resize(size: number): void {
    this.#requireOpen();
    const result = this.#libc.persist(() => this.#libc.calls.ftruncate(this.#number, size));
    this.#require(result, "change the size of");
  }

  punchHole(offset: number, length: number): boolean {
    this.#requireOpen();
    const mode = Fallocate.keepSize | Fallocate.punchHole;
    const result = this.#libc.persist(() => this.#libc.calls.fallocate(this.#number, mode, offset, length));
    if (result < 0 && (this.#libc.errno === Errno.ENOTSUP || this.#libc.errno === Errno.ENOSYS)) return false;
    this.#require(result, "make a hole in");
    return true;
  }

  sync(): void {
    this.#open.sync();
  }

  setOwner(owner: OwnerChange): void {
    this.#open.setOwner(owner);
  }

  setMode(mode: number): void {
    this.#open.setMode(mode);
  }

  setTimes(times: TimesChange): void {
    this.#open.setTimes(times);
  }

  setAttribute(attribute: ExtendedAttribute): void {
    this.#open.setAttribute(attribute);
  }

  removeAttribute(attributeName: string): void {
    this.#open.removeAttribute(attributeName);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Linux has freed the descriptor even if `close` fails, so it is never repeated.
    const result = this.#libc.calls.close(this.#number);
    if (result < 0 && this.#libc.errno !== Errno.EINTR) throw this.#failure("close");
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.calls.close(this.#number);
  }

  /** Number 64 bits wide: offsets go beyond 32. Negative if the call failed. */
  #seek(offset: number, whence: number): number {
    this.#requireOpen();
    return Number(this.#libc.calls.lseek(this.#number, offset, whence));
  }

  get #open(): Descriptor {
    this.#requireOpen();
    return this.#descriptor;
  }

  /** A closed number may belong to another file meanwhile. */
  #requireOpen(): void {
    if (this.#closed) throw closedError(this.path);
  }

  #require(result: number, operation: string): void {
    if (result < 0) throw this.#failure(operation);
  }

  #failure(operation: string): Error {
    return this.#libc.failure(operation, this.path);
  }
}
