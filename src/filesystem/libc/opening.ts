/** Opening beneath a folder, so that no link leads elsewhere, whoever swaps folders for links meanwhile. */
import { Errno } from "../kernel_errors.ts";
import { splitPath } from "../names.ts";
import { Resolve } from "./constants.ts";
import type { Libc } from "./libc.ts";

/**
 * A kernel that sees a rename of a folder on the way gives `EAGAIN`. After this many times, each step is taken alone. A
 * step does not give it by itself; but a lock that the runtime takes behind the call may leave it as the thread's error
 * number, so a step is tried again, too.
 */
const RACES = 8;

/** Opens entries beneath folders. Results are descriptors, or negative with the error number in the library. */
export class Opener {
  readonly #libc: Libc;
  /** `struct open_how` of include/uapi/linux/openat2.h: flags, mode, resolve. */
  readonly #how = new BigUint64Array(3);
  #hasOpenat2: boolean;

  /** `hasOpenat2`: whether to try `openat2`, which kernels before 5.6 and some sandboxes lack. */
  constructor(libc: Libc, hasOpenat2 = true) {
    this.#libc = libc;
    this.#hasOpenat2 = hasOpenat2;
  }

  /** Opens names joined by `/`. Throws `BugError` if one of them is not allowed, as `..`. */
  open(folder: number, path: Uint8Array, flags: number): number {
    const names = splitPath(path);
    if (names.length === 1) return this.openName(folder, path, flags);
    if (this.#hasOpenat2) {
      const opened = this.#openAtOnce(folder, path, flags);
      if (opened !== null) return opened;
    }
    return this.#openStepwise(folder, names, flags);
  }

  /** Opens one name. It does not matter who swaps what: the kernel looks it up in the open folder, and refuses a link. */
  openName(folder: number, name: Uint8Array, flags: number, mode = 0): number {
    const { noFollow, closeOnExec } = this.#libc.machine.open;
    const text = this.#libc.text(name);
    for (let race = 0;;) {
      const opened = this.#libc.calls.openat(folder, text, flags | noFollow | closeOnExec, mode);
      if (opened >= 0) return opened;
      const { errno } = this.#libc;
      if (errno === Errno.EAGAIN) race++;
      if (race === RACES || errno !== Errno.EAGAIN && errno !== Errno.EINTR) return this.#failed(errno);
    }
  }

  /** `null` if the kernel cannot. */
  #openAtOnce(folder: number, path: Uint8Array, flags: number): number | null {
    const libc = this.#libc;
    const { noFollow, closeOnExec } = libc.machine.open;
    this.#how.set([BigInt(flags | noFollow | closeOnExec), 0n, BigInt(Resolve.beneath | Resolve.noSymlinks)]);
    const how = new Uint8Array(this.#how.buffer);
    for (let race = 0; race < RACES; race++) {
      const call = libc.machine.call.openat2;
      const opened = libc.persist(() => libc.calls.openat2ByNumber(call, folder, libc.text(path), how, how.length));
      if (opened >= 0) return opened;
      const { errno } = libc;
      // A sandbox may refuse the call as such with EPERM, as the owner's check of O_NOATIME does. Steps tell them apart.
      if (errno === Errno.EPERM) return null;
      if (errno === Errno.ENOSYS) {
        this.#hasOpenat2 = false;
        return null;
      }
      if (errno !== Errno.EAGAIN) return this.#failed(errno);
    }
    return null;
  }

  #openStepwise(folder: number, names: readonly Uint8Array[], flags: number): number {
    const { path, directory } = this.#libc.machine.open;
    let above = folder;
    for (const name of names.slice(0, -1)) {
      const next = this.openName(above, name, path | directory);
      const errno = next < 0 ? this.#libc.errno : 0;
      if (above !== folder) this.#libc.calls.close(above);
      if (next < 0) return this.#failed(errno);
      above = next;
    }
    const opened = this.openName(above, names.at(-1)!, flags);
    const errno = opened < 0 ? this.#libc.errno : 0;
    if (above !== folder) this.#libc.calls.close(above);
    return opened < 0 ? this.#failed(errno) : opened;
  }

  /** Puts back the error number, which another call may have changed. */
  #failed(errno: number): number {
    this.#libc.errno = errno;
    return -1;
  }
}
