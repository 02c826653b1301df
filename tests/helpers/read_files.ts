/** The files of a backup, read back as a restore reads them. */
import type { RepositoryAccess, World } from "../../src/ops/access.ts";
import { withBackup } from "../../src/ops/restore/get.ts";
import { concat } from "./world.ts";

/** Reads and verifies all files of a backup, without a lock; gives their bytes by path, in the backup's order. */
export function readFiles(
  access: RepositoryAccess,
  world: World,
  selector: string,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  return withBackup(access, { selector, noLock: true }, { world }, async ({ files, read }) => {
    const contents = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const file of files) {
      const pieces: Uint8Array[] = [];
      await read(file, { write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
      contents.set(file.path, concat(pieces));
    }
    return contents;
  });
}
