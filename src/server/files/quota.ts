/** The limit on the bytes that a server stores: an upload takes up space as its parts arrive. */
import { formatSize } from "../../base/text/size.ts";
import { Refusal } from "../refusal.ts";

/** The space that one upload takes up. */
interface Reservation {
  /** Takes more. Throws `Refusal` with 507 if there is not enough. */
  grow(bytes: number): void;
  /** Ends a successful upload: its space stays taken. */
  settle(): void;
  /** Ends a failed upload: frees its space. Does nothing after `settle`. */
  release(): void;
}

/** Counts stored bytes and those of uploads under way, so that concurrent uploads never exceed the limit together. */
export class Quota {
  readonly #limitBytes: number;
  #takenBytes: number;

  /** `limitBytes`: Infinity for no limit. `storedBytes`: what is stored already, which may exceed the limit. */
  constructor(limitBytes: number, storedBytes: number) {
    this.#limitBytes = limitBytes;
    this.#takenBytes = storedBytes;
  }

  /** Stored bytes plus those received by uploads under way. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Throws `Refusal` with 507 unless there is room for that many bytes; does not take it. */
  checkRoom(bytes: number): void {
    if (this.#takenBytes + bytes <= this.#limitBytes) return;
    throw new Refusal(507, `The server's limit of ${formatSize(this.#limitBytes)} leaves no space for this file`);
  }

  /** Begins an upload, which has taken no space yet. */
  reserve(): Reservation {
    let reserved = 0;
    return {
      grow: (more) => {
        this.#take(more);
        reserved += more;
      },
      settle: () => {
        reserved = 0;
      },
      release: () => {
        this.#takenBytes -= reserved;
        reserved = 0;
      },
    };
  }

  /** Frees the space of bytes that were removed. */
  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }

  #take(bytes: number): void {
    this.checkRoom(bytes);
    this.#takenBytes += bytes;
  }
}
