/**
 * Keeps on this machine what reading a whole stream told of its tables, sealed with the key of the repository. Only for
 * backups without a list of their own.
 */
import { AgentError } from "../../../base/errors.ts";
import { sha256Hex } from "../../../crypto/digest.ts";
import type { BackupFile } from "../../../backup/content/contents.ts";
import { entryOfTables } from "../../../store/cache/cache_entry.ts";
import { CacheFolder } from "../../../store/cache/folder.ts";
import type { CacheAccess, World } from "../../access.ts";
import type { ReadableBackup } from "../get.ts";

/** The lists of one repository's streams. Nothing in it ever throws: without a cache, streams are read again. */
export class PieceCache {
  readonly #folder: CacheFolder;

  /** Keeps lists of the repository in the cache of this machine. */
  constructor(access: CacheAccess, { reading: { repository } }: ReadableBackup, { clock, randomBytes }: World) {
    this.#folder = new CacheFolder({ ...access, repositoryId: repository.config.id, clock, random: randomBytes });
  }

  /** The list of a stream; undefined if none is kept. */
  async read(found: ReadableBackup, file: BackupFile): Promise<Uint8Array | undefined> {
    const sealed = await this.#folder.read(entryOf(found, file));
    if (sealed === undefined) return undefined;
    try {
      return found.reading.repository.sealer.open(sealed, "list of tables in the cache");
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return undefined;
    }
  }

  /** Keeps the list of a stream. */
  async write(found: ReadableBackup, file: BackupFile, lines: Uint8Array): Promise<void> {
    await this.#folder.write(entryOf(found, file), found.reading.repository.sealer.seal(lines));
  }
}

/** Named by the backup, which for one with a manifest is the manifest's id, and by the path. */
function entryOf({ backup }: ReadableBackup, { path }: BackupFile) {
  return entryOfTables(backup.id, sha256Hex(new TextEncoder().encode(path)));
}
