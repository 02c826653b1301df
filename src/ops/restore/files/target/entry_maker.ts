/** Makes what has no content in the thread that restores: directories, links and special files. */
import { FileSystemError } from "../../../../base/errors.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import type { Accounts } from "../../../../filesystem/accounts.ts";
import type { Folder } from "../../../../filesystem/file_system.ts";
import { HERE } from "../../../../filesystem/names.ts";
import type { FileStatus, Name } from "../../../../filesystem/status.ts";
import type { BlockedPaths } from "./blocked_paths.ts";
import { folderOf, nameOf } from "../entry.ts";
import { bearerOf, type MetadataSetter } from "./metadata.ts";
import { needsOnlyMetadata, type OutcomeBuilder, type PendingEntry } from "./pending.ts";
import type { TargetFolders } from "./target_folders.ts";

/** Until a directory is complete, only its owner may enter it. */
const UNFINISHED_MODE = 0o700;

/** What a maker works with. */
interface MakerTools {
  readonly folders: TargetFolders;
  readonly metadata: MetadataSetter;
  readonly accounts: Accounts;
  readonly blocked: BlockedPaths;
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
    pending.isGivenUp = true;
    if (type === "dir") this.#tools.blocked.add(path);
  }

  /** Makes the entry a further name of an earlier one. */
  link(pending: PendingEntry, outcome: OutcomeBuilder): void {
    const { entry: { path }, linkTo, decision: { action } } = pending;
    if (pending.isGivenUp || linkTo === null || action !== "link") return;
    outcome.attempt(path, () => {
      const { folder, name } = this.#placeOf(path);
      this.#removeFound(pending, folder, name);
      this.#tools.folders.open(folderOf(linkTo)).makeHardLink(bytesOfByteString(nameOf(linkTo)), folder, name);
      outcome.wholeFiles++;
    });
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
    this.#removeFound(pending, folder, name);
    switch (entry.type) {
      case "symlink":
        folder.makeLink(name, bytesOfByteString(entry.linkTarget));
        break;
      case "fifo":
        folder.makeSpecialFile(name, { type: "fifo" }, UNFINISHED_MODE);
        break;
      case "dev":
        folder.makeSpecialFile(name, { type: "block-device", device: entry.device }, UNFINISHED_MODE);
        break;
      case "chardev":
        folder.makeSpecialFile(name, { type: "character-device", device: entry.device }, UNFINISHED_MODE);
        break;
      default:
        return outcome.add(entry.path, [`Cannot restore "${entry.path.toWellFormed()}": its type is ${entry.type}`]);
    }
    const removesOthers = entry.type !== "symlink" && this.#tools.folders.givesLists(folderOf(entry.path));
    outcome.add(entry.path, this.#tools.metadata.set(entry, bearerOf(folder, name), { removesOthers }));
  }

  /** Removes what is in the place of an entry of another kind. A folder must be empty. */
  #removeFound({ found, entry }: PendingEntry, folder: Folder, name: Name): void {
    if (found === null) return;
    if (found.type === "folder") folder.removeFolder(name);
    else folder.removeFile(name);
    this.#tools.folders.forget(entry.path);
  }

  #placeOf(path: string): { readonly folder: Folder; readonly name: Name } {
    return { folder: this.#tools.folders.open(folderOf(path)), name: bytesOfByteString(nameOf(path)) };
  }
}

/** Undoes what restoring its entries did to a directory whose own metadata were right, or are to be left alone. */
function restoreStatus(folder: Folder, found: FileStatus, wantedMtimeNs: bigint): void {
  const { mode, modifiedNs } = folder.status(HERE)!;
  if (mode !== found.mode) folder.setMode(HERE, found.mode);
  if (modifiedNs === found.modifiedNs || found.modifiedNs !== wantedMtimeNs) return;
  folder.setTimes(HERE, { accessedNs: found.accessedNs, modifiedNs: found.modifiedNs });
}
