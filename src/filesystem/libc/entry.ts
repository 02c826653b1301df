/** What can be asked of and done to an entry of a folder by its name, without following it if it is a link. */
import { Errno, kernelError } from "../kernel_errors.ts";
import type { ExtendedAttribute, OwnerChange, TimesChange } from "../open_file.ts";
import {
  attributesOutOfReach,
  type AttributeTarget,
  deleteAttribute,
  hasNoAttributes,
  readAttributes,
  writeAttribute,
} from "./attributes.ts";
import { At, OWNER_OMIT } from "./constants.ts";
import { encodeTimes, statusInAnswer } from "./descriptor.ts";
import type { Libc } from "./libc.ts";
import type { Opener } from "./opening.ts";
import { callStatx } from "./statx.ts";

const encoder = new TextEncoder();

/** An entry of an open folder. */
export class Entry {
  readonly #libc: Libc;
  readonly #opener: Opener;
  readonly #hasProc: boolean;
  readonly #folder: number;
  readonly #name: Uint8Array;
  readonly #place: () => string;

  /** `folder`: its descriptor. */
  constructor(
    { libc, opener, hasProc }: { readonly libc: Libc; readonly opener: Opener; readonly hasProc: boolean },
    folder: number,
    name: Uint8Array,
    place: () => string,
  ) {
    this.#libc = libc;
    this.#opener = opener;
    this.#hasProc = hasProc;
    this.#folder = folder;
    this.#name = name;
    this.#place = place;
  }

  /** The extended attributes. */
  attributes(): readonly ExtendedAttribute[] {
    if (this.#hasProc && hasNoAttributes(this.#libc, procPrefix(this.#folder), this.#name)) return NO_ATTRIBUTES;
    return this.#withTarget([], (target) => readAttributes(this.#libc, target, this.#place));
  }

  /** Sets an attribute. */
  setAttribute(attribute: ExtendedAttribute): void {
    this.#withTarget(null, (target) => writeAttribute(this.#libc, target, attribute, this.#place));
  }

  /** Removes an attribute. */
  removeAttribute(name: string): void {
    this.#withTarget(null, (target) => deleteAttribute(this.#libc, target, name, this.#place));
  }

  /** Changes the owner. */
  setOwner({ userId, groupId }: OwnerChange): void {
    const [user, group] = [userId ?? OWNER_OMIT, groupId ?? OWNER_OMIT];
    const result = this.#libc.calls.fchownat(this.#folder, this.#text, user, group, At.symlinkNoFollow);
    this.#require(result, "change the owner of");
  }

  /** Sets the permission bits, by `fchmodat2` or, before Linux 6.6, by way of `/proc`. */
  setMode(mode: number): void {
    const bits = mode & 0o7777;
    const { calls, machine } = this.#libc;
    const number = machine.call.fchmodat2;
    const result = calls.fchmodat2ByNumber(number, this.#folder, this.#text, bits, At.symlinkNoFollow);
    if (result >= 0) return;
    // Some sandboxes refuse calls they do not know with EPERM; the other way tells whether that is the answer.
    if (this.#libc.errno !== Errno.ENOSYS && this.#libc.errno !== Errno.EPERM) this.#require(result, CHANGE_MODE);
    this.#setModeByProc(bits);
  }

  /** Sets the times. */
  setTimes(times: TimesChange): void {
    const { calls } = this.#libc;
    const result = calls.utimensat(this.#folder, this.#text, encodeTimes(times), At.symlinkNoFollow);
    this.#require(result, "set the times of");
  }

  /** A descriptor that only names the entry keeps it from being swapped between the look at its type and the change. */
  #setModeByProc(bits: number): void {
    const { path } = this.#libc.machine.open;
    this.#withDescriptor(path, (number) => {
      if (this.#typeOf(number) === "link") throw kernelError(Errno.ENOTSUP, CHANGE_MODE, this.#place());
      const byProc = encoder.encode(`/proc/self/fd/${number}`);
      this.#require(this.#libc.calls.chmod(this.#libc.text(byProc), bits), CHANGE_MODE);
    });
  }

  /**
   * Runs `use` with what leads to the attributes. For links without `/proc`, returns `ifNone`, or throws `ENOTSUP` if
   * that is `null`.
   */
  #withTarget<T>(ifNone: T | null, use: (target: AttributeTarget) => T): T {
    if (this.#hasProc) return use(this.#procPath);
    if (!callStatx(this.#libc, this.#folder, this.#name)) throw this.#libc.failure("read the status of", this.#place());
    const { type } = statusInAnswer(this.#libc, this.#place);
    if (type === "file" || type === "folder") return this.#withDescriptor(this.#libc.machine.open.nonBlock, use);
    if (ifNone === null) throw attributesOutOfReach(this.#place);
    return ifNone;
  }

  #withDescriptor<T>(flags: number, use: (number: number) => T): T {
    const number = this.#opener.openName(this.#folder, this.#name, flags);
    this.#require(number, "open");
    try {
      return use(number);
    } finally {
      this.#libc.calls.close(number);
    }
  }

  #typeOf(number: number): string {
    if (!callStatx(this.#libc, number, new Uint8Array(0))) {
      throw this.#libc.failure("read the status of", this.#place());
    }
    return statusInAnswer(this.#libc, this.#place).type;
  }

  get #procPath(): Uint8Array {
    const folder = procPrefix(this.#folder);
    const path = new Uint8Array(folder.length + this.#name.length);
    path.set(folder);
    path.set(this.#name, folder.length);
    return path;
  }

  get #text(): Uint8Array<ArrayBuffer> {
    return this.#libc.text(this.#name);
  }

  #require(result: number, operation: string): void {
    if (result < 0) throw this.#libc.failure(operation, this.#place());
  }
}

const NO_ATTRIBUTES: readonly ExtendedAttribute[] = [];

const CHANGE_MODE = "change the mode of";

let lastPrefix: { readonly folder: number; readonly bytes: Uint8Array } | undefined;

/** The path to what lies in a folder. Entries of one folder mostly follow each other. */
function procPrefix(folder: number): Uint8Array {
  if (lastPrefix?.folder !== folder) lastPrefix = { folder, bytes: encoder.encode(`/proc/self/fd/${folder}/`) };
  return lastPrefix.bytes;
}
