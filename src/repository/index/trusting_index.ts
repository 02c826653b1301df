/**
 * An index that knows nothing yet, but trusts a list of chunks: what the earlier backup of a series has is most likely
 * there. Whoever takes chunks on trust must find each of them in the complete index before it commits.
 */
import { ID_BYTES } from "../../base/id.ts";
import type { IdTable } from "../../base/id_table.ts";
import type { StoredIds } from "../../store/sorted/sorted_ids.ts";
import { ExistenceIndex, type NamedIndex } from "./blob_index.ts";

/** To look so many chunks up takes some milliseconds, or a second where the disk is slow. */
const CHUNKS_PER_TURN = 1024;

/** It holds 37 to 43 bytes for each trusted chunk. */
export class TrustingIndex extends ExistenceIndex {
  readonly #trusted: number;
  /** A bit for each trusted chunk, by its number. */
  readonly #used: Uint8Array;
  #stored: StoredIds | undefined;

  /** `trusted`: whole ids of data blobs. It must hold nothing else, and belongs to the index. */
  constructor(named: NamedIndex, trusted: IdTable) {
    super(named, trusted);
    this.#trusted = trusted.size;
    this.#used = new Uint8Array(Math.ceil(trusted.size / 8));
  }

  override get stored(): StoredIds | undefined {
    return this.#stored;
  }

  /** Looks further data blobs up in the complete index from here on. What cannot be told there is stored again. */
  lookUpIn(complete: Pick<ExistenceIndex, "lists" | "stored">): void {
    this.#stored = { has: (id, offset) => complete.lists(id, offset), view: complete.stored?.view };
  }

  /** Notes that a stream has these chunks, 32 bytes each. Those that are trusted are stored by nobody. */
  use(ids: Uint8Array): void {
    for (let at = 0; at < ids.length; at += ID_BYTES) {
      const number = this.dataBlobs.find(ids, at);
      if (number >= 0 && number < this.#trusted) this.#used[number >> 3]! |= 1 << (number & 7);
    }
  }

  /**
   * How many of the chunks that were taken on trust `complete` does not list. Calls `turn` from time to time, which lets
   * others work until it resolves. Throws what `lists` and `turn` throw.
   */
  async countLost(complete: Pick<ExistenceIndex, "lists">, turn: () => Promise<void>): Promise<number> {
    const id = new Uint8Array(ID_BYTES);
    let lost = 0;
    for (let number = 0; number < this.#trusted; number++) {
      if (number % CHUNKS_PER_TURN === 0) await turn();
      if ((this.#used[number >> 3]! & 1 << (number & 7)) === 0) continue;
      this.dataBlobs.copyId(number, id);
      if (!complete.lists(id)) lost++;
    }
    return lost;
  }
}
