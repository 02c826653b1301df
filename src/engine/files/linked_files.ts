/**
 * Files with several names: what was read under one name is not read again under the next one. What is kept of the
 * earlier backup is not passed on so, because the list of digests has them for the name of that backup alone.
 */
import type { RunContent } from "../engine.ts";
import { type FileState, isSameState } from "./walk/entry_record.ts";

/** The content of a file that was read under another name. */
type SameContent = Extract<RunContent, { kind: "same" }>;

interface Linked {
  readonly state: FileState;
  /** The path that it was read under. */
  readonly path: string;
  /** How many names did not come yet. */
  left: number;
}

/** The files that were read and of which not all names came yet. */
export class LinkedFiles {
  readonly #files = new Map<string, Linked>();

  /** The content of a file that was read before under another name, and did not change since. */
  take(state: FileState): SameContent | undefined {
    const key = keyOf(state);
    const linked = this.#files.get(key);
    if (linked === undefined || !isSameState(linked.state, state)) return undefined;
    const isLast = --linked.left <= 0;
    if (isLast) this.#files.delete(key);
    return { kind: "same", path: linked.path, isLast };
  }

  /** Takes a file that is read under a path and has `links` names. */
  remember(state: FileState, links: number, path: string): void {
    const key = keyOf(state);
    if (links > 1 && !this.#files.has(key)) this.#files.set(key, { state, path, left: links - 1 });
  }
}

function keyOf({ device, inode }: FileState): string {
  return `${device}:${inode}`;
}
