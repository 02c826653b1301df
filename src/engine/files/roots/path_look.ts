/** What planning asks the file system about PATHs, before anything is read. */
import { FileSystemError } from "../../../base/errors.ts";
import { bytesOfByteString, byteStringOf } from "../../../format/byte_string.ts";
import type { FileSystem, Folder } from "../../../filesystem/file_system.ts";
import type { FileStatus } from "../../../filesystem/status.ts";
import { HERE } from "../../../filesystem/names.ts";
import type { FileIdentity } from "../selection/selection.ts";

/** What is at a path. */
export type LookedAt =
  | {
    readonly kind: "there";
    readonly type: FileStatus["type"];
    readonly file: FileIdentity;
    readonly sizeBytes: number;
  }
  | { readonly kind: "absent" }
  /** `reason`: why nobody can tell, such as missing permissions. */
  | { readonly kind: "unknown"; readonly reason: string };

/** Looks at absolute paths, which are byte strings. */
export interface PathLook {
  /** What is there. A link is not followed. */
  at(path: string): LookedAt;
  /** Where a link leads; null for what is no link or cannot be looked at. */
  linkTarget(path: string): string | null;
  /** The names in a directory; empty if it cannot be listed. A link to a directory is followed. */
  namesIn(path: string): readonly string[];
}

/** The file system of this machine. */
export class FileSystemLook implements PathLook {
  readonly #system: FileSystem;

  constructor(system: FileSystem) {
    this.#system = system;
  }

  at(path: string): LookedAt {
    try {
      return this.#within(path, (folder, name) => {
        const status = folder.status(name);
        if (status === null) return { kind: "absent" };
        const { type, device, inode, size } = status;
        return { kind: "there", type, file: { deviceId: device, inode }, sizeBytes: size };
      });
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      return ["ENOENT", "ENOTDIR"].includes(error.errno)
        ? { kind: "absent" }
        : { kind: "unknown", reason: error.message };
    }
  }

  linkTarget(path: string): string | null {
    try {
      return this.#within(path, (folder, name) => byteStringOf(folder.readLink(name)));
    } catch {
      return null; // What is no link has no target, and what cannot be looked at is told by `at`.
    }
  }

  namesIn(path: string): readonly string[] {
    try {
      using folder = this.#system.openRoot(bytesOfByteString(path));
      return [...folder.list()].flatMap((piece) => piece.map(({ name }) => byteStringOf(name)));
    } catch {
      return []; // What cannot be listed matches no pattern, which is told.
    }
  }

  #within<T>(path: string, ask: (folder: Folder, name: Uint8Array) => T): T {
    const slash = path.lastIndexOf("/");
    using folder = this.#system.openRoot(bytesOfByteString(path.slice(0, slash) || "/"));
    const name = path.slice(slash + 1);
    return ask(folder, name === "" ? HERE : bytesOfByteString(name));
  }
}
