/**
 * An index that knows nothing yet, but trusts a list of chunks: what the earlier backup of a series has is most likely
 * there. Whoever takes chunks on trust must find each of them in the complete index before it commits.
 */
import { ID_BYTES } from "../../base/id.ts";
import type { IdTable } from "../../base/id_table.ts";
import { ExistenceIndex, type KnownBlobs, type NamedIndex } from "./blob_index.ts";

/** It holds 37 to 43 bytes for each trusted chunk. */
export class TrustingIndex extends ExistenceIndex {
  readonly #trusted: number;
  /** A bit for each trusted chunk, by its number. */
  readonly #used: Uint8Array;

  /** `trusted`: whole ids of data blobs. It must hold nothing else, and belongs to the index. */
  constructor(named: NamedIndex, trusted: IdTable) {
    super(named, undefined, trusted);
    this.#trusted = trusted.size;
    this.#used = new Uint8Array(Math.ceil(trusted.size / 8));
  }

  /** Notes that a stream has these chunks, 32 bytes each. Those that are trusted are stored by nobody. */
  use(ids: Uint8Array): void {
    for (let at = 0; at < ids.length; at += ID_BYTES) {
      const number = this.dataBlobs.find(ids, at);
      if (number >= 0 && number < this.#trusted) this.#used[number >> 3]! |= 1 << (number & 7);
    }
  }

  /** How many of the chunks that were taken on trust `complete` does not know. */
  countLost(complete: KnownBlobs<"data">): number {
    const id = new Uint8Array(ID_BYTES);
    let lost = 0;
    for (let number = 0; number < this.#trusted; number++) {
      if ((this.#used[number >> 3]! & 1 << (number & 7)) === 0) continue;
      this.dataBlobs.copyId(number, id);
      if (!complete.has("data", id)) lost++;
    }
    return lost;
  }
}
