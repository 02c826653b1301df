/**
 * The folders on the way of a walk, of which only some are open at a time: descriptors are limited, and trees may be
 * thousands of levels deep.
 */
import { FileSystemError } from "../../../base/errors.ts";
import type { FileSystem, Folder } from "../../../filesystem/file_system.ts";
import { HERE } from "../../../filesystem/names.ts";
import { isSameFile } from "../../../filesystem/status.ts";
import { type FileState, joined, stateOf } from "./entry_record.ts";
import { type FolderPlace, openPlace } from "./open_below.ts";

/** At most so many are open. */
const MOST_OPEN = 64;

interface Level {
  readonly place: FolderPlace;
  readonly state: FileState;
  /** Undefined while it is closed. */
  folder: Folder | undefined;
}

/** Disposing of it closes all. */
export class OpenFolders implements Disposable {
  readonly #system: FileSystem;
  readonly #levels: Level[] = [];
  /** Levels above this one are closed. */
  #firstOpen = 0;

  constructor(system: FileSystem) {
    this.#system = system;
  }

  /** How deep the walk is. */
  get depth(): number {
    return this.#levels.length;
  }

  /** Where the current folder is. */
  get place(): FolderPlace {
    return this.#levels.at(-1)!.place;
  }

  /**
   * The current folder. Throws `FileSystemError` if it had to be closed and is not found again: `ESTALE` if another one is
   * in its place.
   */
  get current(): Folder {
    const level = this.#levels.at(-1)!;
    if (level.folder !== undefined) return level.folder;
    const folder = openPlace(this.#system, level.place);
    try {
      if (!isSameFile(stateOf(folder.status(HERE)!), level.state)) throw movedAway(folder.path);
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
    this.#firstOpen = this.#levels.length - 1;
    return level.folder = folder;
  }

  /** Goes on into a folder that was found beneath the current one, or by following links to `anchor`. Owns it. */
  enter(folder: Folder, state: FileState, how: { readonly name: string } | { readonly anchor: string }): void {
    const place = "anchor" in how
      ? { anchor: how.anchor, below: "" }
      : { anchor: this.place.anchor, below: joined(this.place.below, how.name) };
    this.#levels.push({ place, state, folder });
    if (this.#levels.length - this.#firstOpen <= MOST_OPEN) return;
    const first = this.#levels[this.#firstOpen++]!;
    first.folder?.[Symbol.dispose]();
    first.folder = undefined;
  }

  /** Goes back. */
  leave(): void {
    this.#levels.pop()?.folder?.[Symbol.dispose]();
    this.#firstOpen = Math.min(this.#firstOpen, this.#levels.length);
  }

  [Symbol.dispose](): void {
    while (this.#levels.length > 0) this.leave();
  }
}

function movedAway(path: string): FileSystemError {
  const reason = "another folder is in its place";
  return new FileSystemError({ operation: "go on with the folder", path, errno: "ESTALE", reason });
}
