/**
 * The mark of a target that agent made: an attribute of the directory. It is a digest of what names the backups, which
 * only those know who can open the repository, and of which directory this is. So nobody else can make one, and a copy of
 * it, on whatever directory, is none.
 */
import { FileSystemError } from "../../../../base/errors.ts";
import { sha256Hex } from "../../../../crypto/digest.ts";
import type { Folder } from "../../../../filesystem/file_system.ts";
import { HERE } from "../../../../filesystem/names.ts";

/** The name of the attribute. It is never restored. */
export const TARGET_MARK = "user.agent.target";

/** Marks a target for backups that `secret` names. Without a mark, nothing is ever deleted here unless the user says what. */
export function markTarget(target: Folder, secret: string): void {
  try {
    target.setAttribute(HERE, { name: TARGET_MARK, value: markOf(target, secret) });
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
  }
}

/** Whether a target has its mark for these backups. */
export function hasMark(target: Folder, secret: string): boolean {
  try {
    const found = target.attributes(HERE).find(({ name }) => name === TARGET_MARK);
    const wanted = markOf(target, secret);
    return found !== undefined && found.value.length === wanted.length &&
      found.value.every((byte, i) => byte === wanted[i]);
  } catch (error) {
    if (!(error instanceof FileSystemError)) throw error;
    return false;
  }
}

/** Numbers of inodes are used again, and the same on many file systems, so the time is needed, too, at which it was made. */
function markOf(target: Folder, secret: string): Uint8Array {
  const { inode, device, createdNs } = target.status(HERE)!;
  const identity = createdNs === null ? `${inode} on ${device}` : `${inode} of ${createdNs}`;
  return new TextEncoder().encode(sha256Hex(new TextEncoder().encode(`${secret} ${identity}`)));
}
