/** Files with several names: the first that is restored gets the content, the others become links to it. */
import { ID_BYTES } from "../../../../base/id.ts";
import { sha256Hex } from "../../../../crypto/digest.ts";
import type { RestoreEntry } from "../entry.ts";

/** The first restored name of a file with several. */
export interface FirstName {
  path: string;
  /** A digest of its content list. */
  readonly content: string;
  /** Whether a new file takes its place, so that what is linked to the old one is not linked to it. */
  isReplaced: boolean;
  /** How many names have not been met. */
  left: number;
  /**
   * Whether it is restored, or will be; whether it could not be; or whether it is the next name after one that could
   * not be, and is still to be planned.
   */
  state: "expected" | "lost" | "awaited";
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
    if (--first.left <= 0) this.#files.delete(linkKey);
    return first;
  }

  /** Makes this the first name of its file, if there is none. Returns what is known of the file if this is the first. */
  register(entry: RestoreEntry, contents: Contents, isReplaced: boolean): FirstName | null {
    const { linkKey, path, links } = entry;
    if (linkKey === null) return null;
    const first = this.#files.get(linkKey);
    if (first === undefined) {
      const content = digestOf(entry, contents);
      const name: FirstName = { path, content, isReplaced, left: links - 1, state: "expected" };
      this.#files.set(linkKey, name);
      return name;
    }
    if (first.path !== path) return null;
    first.isReplaced ||= isReplaced;
    first.state = "expected";
    return first;
  }

  /** Makes this the first name in the place of one that was lost. It is to be planned again. */
  succeed({ linkKey, path }: RestoreEntry, first: FirstName): void {
    first.path = path;
    first.state = "awaited";
    this.#files.set(linkKey!, first);
  }

  /** Says that this will not be restored. If it is the first name of a file, the next one takes its place. */
  lose({ linkKey, path }: RestoreEntry): void {
    const first = linkKey === null ? undefined : this.#files.get(linkKey);
    if (first?.path === path) first.state = "lost";
  }
}

function digestOf({ firstChunk, chunks }: Pick<RestoreEntry, "firstChunk" | "chunks">, { ids }: Contents): string {
  return sha256Hex(ids.subarray(firstChunk * ID_BYTES, (firstChunk + chunks) * ID_BYTES));
}
