/** Files with several names: the first that is restored gets the content, the others become links to it. */
import { ID_BYTES } from "../../../../base/id.ts";
import { sha256Hex } from "../../../../crypto/digest.ts";
import type { RestoreEntry } from "../entry.ts";

/** The first restored name of a file. */
interface FirstName {
  readonly path: string;
  /** A digest of its content list. */
  readonly content: string;
  /** How many names have not been met. */
  left: number;
}

/** The ids of all chunks of a window. */
interface Contents {
  readonly ids: Uint8Array;
}

/** Remembers files until all of their names were met. Takes some 200 bytes for each of them. */
export class LinkedFiles {
  readonly #files = new Map<string, FirstName>();

  /**
   * The first name of this file; null if there is none yet. A file that changed while it was backed up has two
   * contents, and then is not one file any more.
   */
  firstName(entry: RestoreEntry, contents: Contents): FirstName | null {
    const { linkKey } = entry;
    if (linkKey === null) return null;
    const first = this.#files.get(linkKey);
    if (first === undefined || first.content !== digestOf(entry, contents)) return null;
    if (--first.left === 0) this.#files.delete(linkKey);
    return first;
  }

  /** Makes this the first name of its file, if there is none. */
  register(entry: RestoreEntry, contents: Contents): void {
    const { linkKey, path, links } = entry;
    if (linkKey === null || this.#files.has(linkKey)) return;
    this.#files.set(linkKey, { path, content: digestOf(entry, contents), left: links - 1 });
  }
}

function digestOf({ firstChunk, chunks }: Pick<RestoreEntry, "firstChunk" | "chunks">, { ids }: Contents): string {
  return sha256Hex(ids.subarray(firstChunk * ID_BYTES, (firstChunk + chunks) * ID_BYTES));
}
