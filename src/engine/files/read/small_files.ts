/** Reads small files into a buffer, one after the other. */
import { FileSystemError } from "../../../base/errors.ts";
import { TimeTexts } from "../walk/entry_record.ts";
import {
  type FileRemark,
  filesIn,
  type FileToRead,
  type SmallFilesRequest,
  type SmallFilesResult,
} from "./file_to_read.ts";
import { changeOf, openFound, type RecentFolders } from "./opened_file.ts";

/** Reads them. Together they fit into the memory as they were found; more of one that grew is read as far as it fits. */
export function readSmallFiles(folders: RecentFolders, request: SmallFilesRequest): SmallFilesResult {
  return new SmallFilesReader(folders, request).read();
}

class SmallFilesReader {
  readonly #folders: RecentFolders;
  readonly #request: SmallFilesRequest;
  readonly #files: readonly FileToRead[];
  readonly #memory: Uint8Array<SharedArrayBuffer>;
  readonly #times: TimeTexts;
  readonly #remarks: FileRemark[] = [];
  /** Bytes that no file is expected to need. */
  #spare: number;
  #end = 0;

  constructor(folders: RecentFolders, request: SmallFilesRequest) {
    this.#folders = folders;
    this.#request = request;
    this.#files = filesIn(request.files);
    this.#memory = new Uint8Array(request.memory);
    this.#times = new TimeTexts({ keepsAccess: request.withAtime });
    this.#spare = this.#files.reduce((rest, { state }) => rest - state.size, this.#memory.length);
  }

  read(): SmallFilesResult {
    const lengths = Int32Array.from(this.#files, (file, i) => this.#read(file, i));
    return { lengths, remarks: this.#remarks };
  }

  #read(found: FileToRead, i: number): number {
    const opened = openFound(this.#folders, this.#request.folders[found.folder]!, found, this.#times);
    this.#spare += found.state.size;
    if (typeof opened === "string") {
      this.#remarks.push({ file: i, problem: opened });
      return -1;
    }
    using file = opened.file;
    const { head, state, problem } = opened;
    if (head !== undefined) this.#remarks.push({ file: i, head, ...problem !== undefined && { problem } });
    try {
      const most = Math.min(state.size, this.#request.mostBytes, this.#spare);
      const length = file.read(this.#memory.subarray(this.#end, this.#end + most), 0);
      const change = changeOf(opened, length, most);
      if (change !== undefined) this.#remarks.push({ file: i, problem: change });
      this.#end += length;
      this.#spare -= length;
      return length;
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#remarks.push({ file: i, problem: error.message });
      return -1;
    }
  }
}
