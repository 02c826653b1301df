/** Opening a file that was found, whatever became of it since. */
import { FileSystemError } from "../../../base/errors.ts";
import { bytesOfByteString } from "../../../format/byte_string.ts";
import type { NodeHead } from "../../../format/tree/node_head.ts";
import type { FileSystem, Folder } from "../../../filesystem/file_system.ts";
import { joinReadable } from "../../../filesystem/names.ts";
import type { OpenFile } from "../../../filesystem/open_file.ts";
import type { FileStatus } from "../../../filesystem/status.ts";
import {
  type FileState,
  HeadTexts,
  isSameState,
  nodeAttributes,
  type RareProperties,
  recordOf,
  stateOf,
  type TimeTexts,
} from "../walk/entry_record.ts";
import { type FolderPlace, openPlace } from "../walk/open_below.ts";
import type { FileToRead } from "./file_to_read.ts";

const encoder = new TextEncoder();

/** Files in one folder mostly follow each other, but for those of folders in it. */
const MOST_FOLDERS = 16;

/** Folders that stay open for the next file in them. Disposing of it closes them. */
export class RecentFolders implements Disposable {
  readonly #system: FileSystem;
  readonly #open = new Map<string, Folder>();
  /** Makes heads of what is in them. */
  readonly heads: HeadTexts;

  constructor(system: FileSystem) {
    this.#system = system;
    this.heads = new HeadTexts(system.accounts);
  }

  /** The folder at a place. Throws `FileSystemError`. */
  at(place: FolderPlace): Folder {
    const key = `${place.anchor}\0${place.below}`;
    const folder = this.#open.get(key) ?? openPlace(this.#system, place);
    this.#open.delete(key);
    this.#open.set(key, folder);
    if (this.#open.size > MOST_FOLDERS) this.#forget(this.#open.keys().next().value!);
    return folder;
  }

  [Symbol.dispose](): void {
    for (const key of [...this.#open.keys()]) this.#forget(key);
  }

  #forget(key: string): void {
    this.#open.get(key)?.[Symbol.dispose]();
    this.#open.delete(key);
  }
}

/** A regular file that is open. */
export interface OpenedFile {
  readonly file: OpenFile;
  /** Its state before anything of it is read. */
  readonly state: FileState;
  /** Present if that is not the state in which it was found. */
  readonly head?: NodeHead;
  /** Present if its attributes could not be read. */
  readonly problem?: string;
}

/** Opens a file. A string says why it is left out. */
export function openFound(
  folders: RecentFolders,
  place: FolderPlace,
  { name, state }: Omit<FileToRead, "folder">,
  times: TimeTexts,
): OpenedFile | string {
  let file: OpenFile | undefined;
  try {
    const folder = folders.at(place);
    file = folder.openFile(bytesOfByteString(name));
    const status = file.status();
    if (status.type === "file") {
      return judge(file, status, state, (rare) => {
        const record = recordOf(status, times, rare);
        const text = encoder.encode(folders.heads.of(name, record));
        return { type: record.type, size: record.size, text };
      });
    }
    file[Symbol.dispose]();
    return `"${joinReadable(folder.path, bytesOfByteString(name))}" became a ${status.type} before it was read`;
  } catch (error) {
    file?.[Symbol.dispose]();
    if (error instanceof FileSystemError) return failureText(error);
    throw error;
  }
}

function failureText(error: FileSystemError): string {
  if (error.errno === "ENOENT") return `"${error.path}" vanished before it was read`;
  if (error.errno === "ELOOP") return `"${error.path}" became a link before it was read`;
  return error.message;
}

function judge(
  file: OpenFile,
  status: FileStatus,
  found: FileState,
  headOf: (rare: RareProperties) => NodeHead,
): OpenedFile {
  const state = stateOf(status);
  if (isSameState(state, found)) return { file, state };
  try {
    const attributes = nodeAttributes(file.attributes());
    return { file, state, head: headOf(attributes.length === 0 ? {} : { attributes }) };
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
    return { file, state, head: headOf({}), problem: error.message };
  }
}

/**
 * What happened to a file while it was read; undefined if nothing. `length`: how much of it was read; `most`: how much
 * there was room for, which is less than all of it if it grew after it was found.
 */
export function changeOf({ file, state }: OpenedFile, length: number, most = state.size): string | undefined {
  const after = stateOf(file.status());
  if (length === state.size && isSameState(after, state)) return undefined;
  const hasGrown = after.size > state.size || most < state.size && length === most;
  const what = after.size < state.size ? "shrank" : hasGrown ? "grew" : "changed";
  return `"${file.path}" ${what} while it was read; ${length} bytes of it are kept`;
}
