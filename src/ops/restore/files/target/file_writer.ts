/** Writes the contents of files in the thread that restores. A file gets its name when all of it is there. */
import { FileSystemError } from "../../../../base/errors.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import type { Folder } from "../../../../filesystem/file_system.ts";
import type { OpenFile } from "../../../../filesystem/open_file.ts";
import { type FileStatus, isSameFile } from "../../../../filesystem/status.ts";
import { folderOf, nameOf } from "../entry.ts";
import type { MetadataSetter } from "./metadata.ts";
import { makePart, partName } from "./part_name.ts";
import { giveUp, type OutcomeBuilder, type PendingEntry } from "./pending.ts";
import type { TargetFolders } from "./target_folders.ts";
import { PIECE_FIELDS } from "../target_calls.ts";
import { eachRun, HOLE_BYTES } from "./zero_runs.ts";

/** Nobody else may read a file before its owner and mode are set. */
const UNFINISHED_MODE = 0o600;

/** The state of a file that is not what it was when it was planned. */
class ChangedFile extends Error {}

/** Writes files. */
export class FileWriter {
  readonly #folders: TargetFolders;
  readonly #metadata: MetadataSetter;

  constructor(folders: TargetFolders, metadata: MetadataSetter) {
    this.#folders = folders;
    this.#metadata = metadata;
  }

  /** Writes pieces of a file (`FileWrites`), and finishes it with the last one. */
  write(pending: PendingEntry, pieces: Float64Array, segment: Uint8Array, outcome: OutcomeBuilder): void {
    if (pending.isGivenUp) return;
    const { path } = pending.entry;
    let hasChanged = false;
    const isWritten = outcome.attempt(path, () => {
      try {
        this.#write(pending, pieces, segment);
        if (pending.bytesLeft > 0) return;
        outcome.add(path, this.#finish(pending));
        outcome.wholeFiles++;
      } catch (error) {
        if (!(error instanceof ChangedFile)) throw error;
        hasChanged = true;
      }
    });
    if (hasChanged) outcome.changed.push(pending.entry.number);
    if (!isWritten || hasChanged) this.giveUp(pending, { keepsPart: outcome.fatal !== null });
  }

  /** Ends a file that will not become whole. Nothing of it stays, unless it is to be resumed. */
  giveUp(pending: PendingEntry, { keepsPart }: { readonly keepsPart: boolean }): void {
    giveUp(pending);
    const { file, isPart, decision, entry } = pending;
    if (file === null) return;
    file[Symbol.dispose]();
    pending.file = null;
    if (decision.action === "update" || isPart && keepsPart) return;
    try {
      const folder = this.#folders.open(folderOf(entry.path));
      folder.removeFile(isPart ? partName(entry.path) : bytesOfByteString(nameOf(entry.path)));
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
    }
  }

  #write(pending: PendingEntry, pieces: Float64Array, segment: Uint8Array): void {
    let bytes = 0;
    for (let i = 0; i < pieces.length; i += PIECE_FIELDS) bytes += pieces[i + 2]!;
    const file = pending.file ??= this.#open(pending, { isWhole: bytes === pending.bytesLeft });
    const isNew = pending.decision.action !== "update" && !pending.continues;
    for (let i = 0; i < pieces.length; i += PIECE_FIELDS) {
      const [offset, from, length] = [pieces[i]!, pieces[i + 1]!, pieces[i + 2]!];
      if (from >= 0 && length < HOLE_BYTES) {
        file.write(segment.subarray(from, from + length), offset);
        pending.writtenEnd = Math.max(pending.writtenEnd, offset + length);
        continue;
      }
      const write = (bytes: Uint8Array, at: number) => {
        file.write(bytes, at);
        pending.writtenEnd = Math.max(pending.writtenEnd, at + bytes.length);
      };
      const leaveHole = (at: number, end: number) => {
        if (!isNew) makeHole(file, at, end);
      };
      if (from < 0) leaveHole(offset, offset + length);
      else eachRun(segment.subarray(from, from + length), offset, { write, leaveHole });
    }
    pending.bytesLeft -= bytes;
  }

  #open(pending: PendingEntry, { isWhole }: { readonly isWhole: boolean }): OpenFile {
    const { entry: { path }, decision: { action }, found } = pending;
    const folder = this.#folders.open(folderOf(path));
    if (action === "update") return openUnchanged(folder, bytesOfByteString(nameOf(path)), found!);
    if (action === "create" && isWhole && !pending.continues) return createAbsent(folder, path);
    pending.isPart = true;
    return pending.continues ? openPart(folder, path) : createPart(folder, path);
  }

  /** Returns what of the metadata could not be set. */
  #finish(pending: PendingEntry): string[] {
    const { entry, decision: { action }, continues, found, writtenEnd } = pending;
    const file = pending.file!;
    if (writtenEnd < entry.size || action === "update" || continues) file.resize(entry.size);
    const removesOthers = action === "update" || continues || this.#folders.givesLists(folderOf(entry.path));
    const problems = this.#metadata.set(entry, file, { removesOthers });
    file.close();
    if (pending.isPart) {
      const folder = this.#folders.open(folderOf(entry.path));
      const name = bytesOfByteString(nameOf(entry.path));
      if (found === null && folder.status(name) !== null) throw new ChangedFile();
      if (found?.type === "folder") folder.removeFolder(name);
      folder.rename(partName(entry.path), folder, name);
    }
    pending.file = null;
    return problems;
  }
}

const ZEROS = new Uint8Array(1024 * 1024);

/** Makes bytes of an existing file zeros. */
function makeHole(file: OpenFile, start: number, end: number): void {
  if (file.punchHole(start, end - start)) return;
  for (let at = start; at < end; at += ZEROS.length) {
    file.write(ZEROS.subarray(0, Math.min(ZEROS.length, end - at)), at);
  }
}

/** Opens a file if it is still the one that was planned for. */
function openUnchanged(folder: Folder, name: Uint8Array, found: FileStatus): OpenFile {
  let file: OpenFile;
  try {
    file = folder.openFileToRepair(name);
  } catch (error) {
    if (error instanceof FileSystemError && REPLACED.has(error.errno)) throw new ChangedFile();
    throw error;
  }
  const status = file.status();
  const isSame = isSameFile(status, found) && status.size === found.size &&
    status.modifiedNs === found.modifiedNs && status.changedNs === found.changedNs;
  if (isSame) return file;
  file[Symbol.dispose]();
  throw new ChangedFile();
}

/** What the kernel says if something else is there. */
const REPLACED: ReadonlySet<string> = new Set(["ENOENT", "ELOOP", "EINVAL", "ENOTDIR", "EISDIR"]);

function createAbsent(folder: Folder, path: string): OpenFile {
  try {
    return folder.createFile(bytesOfByteString(nameOf(path)), UNFINISHED_MODE);
  } catch (error) {
    if (error instanceof FileSystemError && error.errno === "EEXIST") throw new ChangedFile();
    throw error;
  }
}

function createPart(folder: Folder, path: string): OpenFile {
  return makePart(folder, partName(path), (name) => folder.createFile(name, UNFINISHED_MODE));
}

function openPart(folder: Folder, path: string): OpenFile {
  const file = folder.openFileToRepair(partName(path));
  if (file.status().links === 1) return file;
  file[Symbol.dispose]();
  throw new ChangedFile();
}
