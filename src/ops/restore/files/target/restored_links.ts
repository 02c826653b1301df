/** Files with several names: the first that is restored gets the content, the others become links to it. */
import { ID_BYTES } from "../../../../base/id.ts";
import { sha256Hex } from "../../../../crypto/digest.ts";
import type { RestoreEntry } from "../entry.ts";

/** The first restored name of a file. */
export interface FirstName {
  readonly path: string;
  /** A digest of its content list. */
  readonly content: string;
  /** Whether a new file takes its place, so that what is linked to the old one is not linked to it. */
  isReplaced: boolean;
  /** How many names have not been met. */
  left: number;
}

/** The ids of all chunks of a window. */
interface Contents {
  readonly ids: Uint8Array;
}

/** Remembers files until all of their names were met. Takes some 200 bytes for each of them. */
export class RestoredLinks {
  readonly #files = new Map<string, FirstName>();

  /**
   * The first name of this file; null if there is none yet. A file that changed while it was backed up has two
   * contents, and then is not one file any more.
   */
  firstName(entry: RestoreEntry, contents: Contents): FirstName | null {
    const { linkKey } = entry;
    if (linkKey === null) return null;
    const first = this.#files.get(linkKey);
    // The first name itself comes again if its file changed after it was planned.
    if (first === undefined || first.path === entry.path || first.content !== digestOf(entry, contents)) return null;
    if (--first.left === 0) this.#files.delete(linkKey);
    return first;
  }

  /** Makes this the first name of its file, if there is none. */
  register(entry: RestoreEntry, contents: Contents, isReplaced: boolean): void {
    const { linkKey, path, links } = entry;
    if (linkKey === null) return;
    const first = this.#files.get(linkKey);
    if (first === undefined) {
      this.#files.set(linkKey, { path, content: digestOf(entry, contents), isReplaced, left: links - 1 });
    } else if (first.path === path) first.isReplaced ||= isReplaced;
  }
}

function digestOf({ firstChunk, chunks }: Pick<RestoreEntry, "firstChunk" | "chunks">, { ids }: Contents): string {
  return sha256Hex(ids.subarray(firstChunk * ID_BYTES, (firstChunk + chunks) * ID_BYTES));
}
