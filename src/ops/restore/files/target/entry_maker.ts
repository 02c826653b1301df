/** Makes what has no content in the thread that restores: directories, links and special files. */
import { FileSystemError } from "../../../../base/errors.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import type { Accounts } from "../../../../filesystem/accounts.ts";
import type { Folder, SpecialFile } from "../../../../filesystem/file_system.ts";
import { HERE } from "../../../../filesystem/names.ts";
import type { FileStatus, Name } from "../../../../filesystem/status.ts";
import type { BlockedPaths } from "./blocked_paths.ts";
import { folderOf, nameOf, type RestoreEntry, shownPath } from "../entry.ts";
import { bearerOf, type MetadataSetter } from "./metadata.ts";
import { makePart, partName } from "./part_name.ts";
import { giveUp, needsOnlyMetadata, type OutcomeBuilder, type PendingEntry } from "./pending.ts";
import type { RestoredLinks } from "./restored_links.ts";
import type { TargetFolders } from "./target_folders.ts";

/** Until a directory is complete, only its owner may enter it. */
const UNFINISHED_MODE = 0o700;

/** What a maker works with. */
interface MakerTools {
  readonly folders: TargetFolders;
  readonly metadata: MetadataSetter;
  readonly accounts: Accounts;
  readonly blocked: BlockedPaths;
  readonly links: RestoredLinks;
}

/** Makes entries, one after the other in walk order. */
export class EntryMaker {
  readonly #tools: MakerTools;
  /** Directories whose metadata are to be set when all below them is restored. */
  readonly #directories = new Map<string, PendingEntry>();

  constructor(tools: MakerTools) {
    this.#tools = tools;
  }

  /** Makes the entry, unless it is a file with content or a link to one. */
  make(pending: PendingEntry, outcome: OutcomeBuilder): void {
    if (pending.isGivenUp) return;
    const { entry: { path, type }, decision: { action } } = pending;
    if (type === "file" && !needsOnlyMetadata(pending)) return;
    const isMade = outcome.attempt(path, () => {
      if (type === "dir") this.#makeDirectory(pending);
      else if (action === "update") this.#setMetadata(pending, outcome);
      else if (action !== "keep") this.#makeSpecial(pending, outcome);
    });
    if (isMade) return;
    giveUp(pending);
    if (type === "dir") this.#tools.blocked.add(path);
  }

  /**
   * Makes the entry a further name of an earlier one, or has it planned again if no earlier one could be restored.
   * Returns whether it is done; otherwise another name is awaited.
   */
  link(pending: PendingEntry, outcome: OutcomeBuilder): boolean {
    const { entry, first } = pending;
    if (pending.isGivenUp || first === null) return true;
    if (first.state === "awaited") return false;
    if (first.state === "lost") {
      this.#tools.links.succeed(entry, first);
      outcome.changed.push(entry.number);
      return true;
    }
    outcome.attempt(entry.path, () => {
      const { folder, name } = this.#placeOf(entry.path);
      const above = this.#tools.folders.open(folderOf(first.path));
      const from = bytesOfByteString(nameOf(first.path));
      this.#makeInPlace(pending, { folder, name }, (made) => above.makeHardLink(from, folder, made));
      outcome.wholeFiles++;
    });
    return true;
  }

  /** Sets what a directory has of metadata, after everything below it. */
  leave(path: string, outcome: OutcomeBuilder): void {
    const pending = this.#directories.get(path);
    this.#directories.delete(path);
    if (pending === undefined || pending.isGivenUp) return;
    const { entry, decision, found } = pending;
    outcome.attempt(path, () => {
      const folder = this.#tools.folders.open(path);
      if (decision.metadata) {
        outcome.add(path, this.#tools.metadata.set(entry, bearerOf(folder, HERE), { removesOthers: true }));
      } else if (found !== null) restoreStatus(folder, found, entry.mtimeNs);
    });
  }

  #makeDirectory(pending: PendingEntry): void {
    const { entry: { path }, decision: { action }, found } = pending;
    const { folder, name } = this.#placeOf(path);
    if (action === "create" || action === "replace") {
      this.#removeFound(pending, folder, name);
      this.#makeFolder(pending, folder, name);
      this.#tools.folders.forgetAbsent();
    } else if (this.#lacksRights(found!)) folder.setMode(name, found!.mode | UNFINISHED_MODE);
    this.#directories.set(path, pending);
  }

  /** Makes a directory. One that came since it was planned is as good. */
  #makeFolder(pending: PendingEntry, folder: Folder, name: Name): void {
    try {
      folder.makeFolder(name, UNFINISHED_MODE);
    } catch (error) {
      const isThere = error instanceof FileSystemError && error.errno === "EEXIST" &&
        folder.status(name)?.type === "folder";
      if (!isThere) throw error;
      this.#tools.folders.forget(pending.entry.path);
    }
  }

  /** Whether an ordinary user could not restore anything in her own directory. */
  #lacksRights({ mode, userId }: FileStatus): boolean {
    const { effectiveUserId } = this.#tools.accounts;
    return effectiveUserId !== 0 && userId === effectiveUserId && (mode & UNFINISHED_MODE) !== UNFINISHED_MODE;
  }

  #setMetadata({ entry, decision }: PendingEntry, outcome: OutcomeBuilder): void {
    const { folder, name } = this.#placeOf(entry.path);
    if (!decision.metadata) return;
    outcome.add(entry.path, this.#tools.metadata.set(entry, bearerOf(folder, name), { removesOthers: true }));
  }

  #makeSpecial(pending: PendingEntry, outcome: OutcomeBuilder): void {
    const { entry } = pending;
    const { folder, name } = this.#placeOf(entry.path);
    const make = makerOf(entry, folder);
    if (make === null) {
      return outcome.add(entry.path, [`Cannot restore ${shownPath(entry.path)}: its type is ${entry.type}`]);
    }
    this.#makeInPlace(pending, { folder, name }, make);
    const removesOthers = entry.type !== "symlink" && this.#tools.folders.givesLists(folderOf(entry.path));
    outcome.add(entry.path, this.#tools.metadata.set(entry, bearerOf(folder, name), { removesOthers }));
  }

  /** Makes an entry that is no directory. What is in its place stays until it is made. A folder there must be empty. */
  #makeInPlace({ found, entry }: PendingEntry, { folder, name }: Place, make: (name: Name) => void): void {
    if (found === null) return make(name);
    const part = partName(entry.path);
    makePart(folder, part, make);
    try {
      if (found.type === "folder") folder.removeFolder(name);
      folder.rename(part, folder, name);
    } finally {
      // After a failure, and if both were names of one file, which a rename leaves as they are.
      if (folder.status(part) !== null) folder.removeFile(part);
    }
    this.#tools.folders.forget(entry.path);
  }

  /** Removes what is in the place of a directory. A folder must be empty. */
  #removeFound({ found, entry }: PendingEntry, folder: Folder, name: Name): void {
    if (found === null) return;
    if (found.type === "folder") folder.removeFolder(name);
    else folder.removeFile(name);
    this.#tools.folders.forget(entry.path);
  }

  #placeOf(path: string): Place {
    return { folder: this.#tools.folders.open(folderOf(path)), name: bytesOfByteString(nameOf(path)) };
  }
}

/** Where an entry is, or will be. */
interface Place {
  readonly folder: Folder;
  readonly name: Name;
}

/** Makes a link or special file under a name; null for a type that this program does not know. */
function makerOf({ type, linkTarget, device }: RestoreEntry, folder: Folder): ((name: Name) => void) | null {
  const special = (file: SpecialFile) => (name: Name) => folder.makeSpecialFile(name, file, UNFINISHED_MODE);
  switch (type) {
    case "symlink":
      return (name) => folder.makeLink(name, bytesOfByteString(linkTarget));
    case "fifo":
      return special({ type });
    case "dev":
      return special({ type: "block-device", device });
    case "chardev":
      return special({ type: "character-device", device });
    default:
      return null;
  }
}

/** Undoes what restoring its entries did to a directory whose own metadata were right, or are to be left alone. */
function restoreStatus(folder: Folder, found: FileStatus, wantedMtimeNs: bigint): void {
  const { mode, modifiedNs } = folder.status(HERE)!;
  if (mode !== found.mode) folder.setMode(HERE, found.mode);
  if (modifiedNs === found.modifiedNs || found.modifiedNs !== wantedMtimeNs) return;
  folder.setTimes(HERE, { accessedNs: found.accessedNs, modifiedNs: found.modifiedNs });
}
