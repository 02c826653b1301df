/** Files with several names: under the second name, a file is not read again. */
import { type FileState, isSameState } from "./walk/entry_record.ts";

/** Where the content of a file is taken from that came under another name. */
type LinkedContent =
  /** It did not change since the earlier backup. */
  | { readonly kind: "kept"; readonly size: number; readonly content: Uint8Array }
  /** It was read under this path. */
  | { readonly kind: "same"; readonly path: string; readonly isLast: boolean };

interface Linked {
  readonly state: FileState;
  readonly content: LinkedContent;
  /** How many names did not come yet. */
  left: number;
}

/** The files of which not all names came yet. */
export class LinkedFiles {
  readonly #files = new Map<string, Linked>();

  /** The content of a file that came before under another name, and did not change since. */
  take(state: FileState): LinkedContent | undefined {
    const key = keyOf(state);
    const linked = this.#files.get(key);
    if (linked === undefined || !isSameState(linked.state, state)) return undefined;
    if (--linked.left <= 0) this.#files.delete(key);
    const { content } = linked;
    return content.kind === "same" && linked.left <= 0 ? { ...content, isLast: true } : content;
  }

  /** Takes a file that has `links` names. */
  remember(state: FileState, links: number, content: LinkedContent): void {
    if (links < 2) return;
    const key = keyOf(state);
    if (!this.#files.has(key)) this.#files.set(key, { state, content, left: links - 1 });
  }
}

function keyOf({ device, inode }: FileState): string {
  return `${device}:${inode}`;
}
