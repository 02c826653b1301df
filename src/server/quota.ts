/** The limit of bytes that a server holds: whoever wants to store has to have the space set aside first. */
import { formatSize } from "../base/size.ts";
import { Refusal } from "./refusal.ts";

/** Space set aside for one upload. */
export interface Reservation {
  /** Sets more aside. Throws `Refusal` with 507 where there is not enough. */
  grow(bytes: number): void;
  /** The upload is stored: what was set aside stays taken. */
  settle(): void;
  /** The upload failed: all is free again. Does nothing after `settle`. */
  release(): void;
}

/** How much is stored and set aside. Uploads at the same time never exceed the limit together. */
export class Quota {
  readonly #limitBytes: number;
  #takenBytes: number;

  /** `limitBytes`: Infinity for none. `storedBytes`: what is there already, which may be more than the limit. */
  constructor(limitBytes: number, storedBytes: number) {
    this.#limitBytes = limitBytes;
    this.#takenBytes = storedBytes;
  }

  /** Bytes that are stored or set aside. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Sets bytes aside for one upload. Throws `Refusal` with 507 where there are not enough. */
  reserve(bytes: number): Reservation {
    this.#take(bytes);
    let reserved = bytes;
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
    if (this.#takenBytes + bytes > this.#limitBytes) {
      throw new Refusal(507, `The server's limit of ${formatSize(this.#limitBytes)} leaves no space for this file`);
    }
    this.#takenBytes += bytes;
  }
}
