/** Owners, modes, attributes and times of restored entries. */
import { equalBytes } from "../../../../base/bytes.ts";
import { FileSystemError } from "../../../../base/errors.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import type { Folder } from "../../../../filesystem/file_system.ts";
import type { ExtendedAttribute, OpenFile } from "../../../../filesystem/open_file.ts";
import type { Accounts } from "../../../../filesystem/accounts.ts";
import type { FileStatus, Name } from "../../../../filesystem/status.ts";
import type { RestoreEntry } from "../entry.ts";
import { TARGET_MARK } from "./target_mark.ts";

/** What metadata are set on: an open file, or a name in a folder. */
type Bearer = Pick<
  OpenFile,
  "attributes" | "setOwner" | "setMode" | "setTimes" | "setAttribute" | "removeAttribute"
>;

/** A name in a folder as a bearer of metadata. */
export function bearerOf(folder: Folder, name: Name): Bearer {
  return {
    attributes: () => folder.attributes(name),
    setOwner: (owner) => folder.setOwner(name, owner),
    setMode: (mode) => folder.setMode(name, mode),
    setTimes: (times) => folder.setTimes(name, times),
    setAttribute: (attribute) => folder.setAttribute(name, attribute),
    removeAttribute: (attributeName) => folder.removeAttribute(name, attributeName),
  };
}

const NO_ATTRIBUTES: readonly ExtendedAttribute[] = [];
const SETUID = 0o4000;
const SETGID = 0o2000;

/** Sets metadata, and remembers what this process may not set. */
export class MetadataSetter {
  /** How many entries kept an owner or group that is not the backup's, because only root may give files away. */
  foreignOwners = 0;
  readonly #accounts: Accounts;
  /** Groups that this process may not give. */
  readonly #refusedGroups = new Set<number>();

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  /** Whether owner, mode or times of an entry differ from those of the backup, as far as this process may set them. */
  statusDiffers(entry: RestoreEntry, status: FileStatus): boolean {
    const { userId, groupId } = this.#ownerOf(entry);
    const mayChange = this.#accounts.mayChangeOwners;
    if (entry.mtimeNs !== status.modifiedNs) return true;
    if (mayChange && (userId !== status.userId || groupId !== status.groupId)) return true;
    if (entry.type === "symlink") return false;
    const owned = userId === status.userId && groupId === status.groupId;
    return (owned ? entry.mode : entry.mode & ~(SETUID | SETGID)) !== status.mode;
  }

  /** Whether the attributes of an entry differ from those of the backup. Throws `FileSystemError`. */
  attributesDiffer({ attributes }: RestoreEntry, bearer: Bearer): boolean {
    const found = new Map(bearer.attributes().filter(isOurs).map(({ name, value }) => [name, value]));
    const wanted = attributes.filter(isRestored).map(attributeOf);
    if (wanted.filter(isOurs).length !== found.size) return true;
    return wanted.some(({ name, value }) => isOurs({ name }) && !equalBytes(found.get(name), value));
  }

  /**
   * Sets all metadata. Returns what could not be set, one line each. `removesOthers`: whether attributes that the
   * backup does not have may be there.
   */
  set(entry: RestoreEntry, bearer: Bearer, { removesOthers }: { readonly removesOthers: boolean }): string[] {
    const problems: string[] = [];
    const attempt = (work: () => void) => {
      try {
        work();
      } catch (error) {
        if (!(error instanceof FileSystemError)) throw error;
        problems.push(error.message);
      }
    };
    let mode = entry.mode;
    attempt(() => mode &= ~this.#setOwner(entry, bearer));
    const attributes = entry.attributes.length === 0
      ? NO_ATTRIBUTES
      : entry.attributes.filter(isRestored).map(attributeOf);
    if (removesOthers) attempt(() => removeOthers(attributes, bearer));
    // Writing a user's attribute takes the right to write, which the mode may take away.
    for (const attribute of attributes) if (isOfUser(attribute)) attempt(() => bearer.setAttribute(attribute));
    if (entry.type !== "symlink") attempt(() => bearer.setMode(mode));
    for (const attribute of attributes) if (!isOfUser(attribute)) attempt(() => bearer.setAttribute(attribute));
    attempt(() => bearer.setTimes({ accessedNs: entry.atimeNs, modifiedNs: entry.mtimeNs }));
    return problems;
  }

  /** Owners are known by name first, because numbers differ between machines. */
  #ownerOf({ user, uid, group, gid }: RestoreEntry): { readonly userId: number; readonly groupId: number } {
    return {
      userId: (user === "" ? null : this.#accounts.userId(user)) ?? uid,
      groupId: (group === "" ? null : this.#accounts.groupId(group)) ?? gid,
    };
  }

  /** Sets the owner. Returns the mode bits that must not be set, because they would grant another owner's rights. */
  #setOwner(entry: RestoreEntry, bearer: Bearer): number {
    const { userId, groupId } = this.#ownerOf(entry);
    if (this.#accounts.mayChangeOwners) {
      try {
        bearer.setOwner({ userId, groupId });
        return 0;
      } catch (error) {
        // Without its owner, the file must not run with the rights of the one it has.
        if (entry.type !== "symlink" && (entry.mode & (SETUID | SETGID)) !== 0) {
          bearer.setMode(entry.mode & ~(SETUID | SETGID));
        }
        throw error;
      }
    }
    let withheld = userId === this.#accounts.effectiveUserId ? 0 : SETUID;
    if (this.#refusedGroups.has(groupId) || !this.#gaveGroup(groupId, bearer)) withheld |= SETGID;
    if (withheld !== 0) this.foreignOwners++;
    return withheld;
  }

  #gaveGroup(groupId: number, bearer: Bearer): boolean {
    try {
      bearer.setOwner({ userId: null, groupId });
      return true;
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#refusedGroups.add(groupId);
      return false;
    }
  }
}

function removeOthers(wanted: readonly { readonly name: string }[], bearer: Bearer): void {
  for (const { name } of bearer.attributes()) {
    if (isOurs({ name }) && !wanted.some((attribute) => attribute.name === name)) bearer.removeAttribute(name);
  }
}

/** A mark of a target says nothing about what is restored there. */
function isRestored({ name, value }: RestoreEntry["attributes"][number]): boolean {
  return value !== null && name !== TARGET_MARK;
}

/** Names of attributes are UTF-8 in trees, and bytes in the file system. */
function attributeOf({ name, value }: RestoreEntry["attributes"][number]): ExtendedAttribute {
  const latin1 = /^[\x20-\x7e]*$/.test(name) ? name : String.fromCharCode(...bytesOfByteString(name));
  return { name: latin1, value: value ?? new Uint8Array(0) };
}

function isOfUser({ name }: { readonly name: string }): boolean {
  return name.startsWith("user.");
}

/** Whether an attribute may be removed if the backup does not have it: labels of security modules are the machine's. */
function isOurs({ name }: { readonly name: string }): boolean {
  return /^(user\.|trusted\.|system\.posix_acl_|security\.capability$)/.test(name);
}
