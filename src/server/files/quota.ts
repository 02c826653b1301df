/** The limit of bytes that a server holds: each part of an upload takes its space when it has come. */
import { formatSize } from "../../base/text/size.ts";
import { Refusal } from "../refusal.ts";

/** Space that one upload takes. */
interface Reservation {
  /** Takes more. Throws `Refusal` with 507 where there is not enough. */
  grow(bytes: number): void;
  /** The upload is stored: what it took stays taken. */
  settle(): void;
  /** The upload failed: all is free again. Does nothing after `settle`. */
  release(): void;
}

/** How much is stored and has come of uploads. Uploads at the same time never exceed the limit together. */
export class Quota {
  readonly #limitBytes: number;
  #takenBytes: number;

  /** `limitBytes`: Infinity for none. `storedBytes`: what is there already, which may be more than the limit. */
  constructor(limitBytes: number, storedBytes: number) {
    this.#limitBytes = limitBytes;
    this.#takenBytes = storedBytes;
  }

  /** Bytes that are stored, or have come of uploads under way. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Makes sure that there is room for so many bytes, without taking it. Throws `Refusal` with 507 where there is not. */
  checkRoom(bytes: number): void {
    if (this.#takenBytes + bytes <= this.#limitBytes) return;
    throw new Refusal(507, `The server's limit of ${formatSize(this.#limitBytes)} leaves no space for this file`);
  }

  /** Begins an upload, which has taken nothing yet. */
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

  /** Stored bytes are gone. */
  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }

  #take(bytes: number): void {
    this.checkRoom(bytes);
    this.#takenBytes += bytes;
  }
}
