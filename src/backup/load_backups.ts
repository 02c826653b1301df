/** The backups of a repository, as every use case begins: all snapshots, and what the manifests of rewritten ones tell. */
import { type DamagedSnapshot, damageWithAdvice, loadSnapshots, refuseVanished } from "../repository/snapshots.ts";
import type { SealedFiles } from "../repository/sealed_files.ts";
import { type Backup, backupOf } from "./backup.ts";
import { type OpenIndex, withRewritten } from "./rewritten.ts";

/** How backups are loaded. Whoever loads them says what becomes of each snapshot that is no backup to them. */
export interface LoadBackupsOptions {
  /** Gives the index by which manifests of rewritten snapshots are read; `unread`: none of them is. */
  readonly rewritten: OpenIndex | "unread";
  /** Chooses the backups that are meant; all by default. Manifests are read of these only. */
  readonly among?: (all: readonly Backup[]) => readonly Backup[];
  /** What a snapshot that cannot be read means: it is told of, or refused with `IntegrityError`. */
  readonly damaged: "told" | "refused";
  /**
   * What a snapshot means that was listed and is gone: somebody forgot it meanwhile or, where nobody may do that, the store
   * contradicts itself, which is refused with `StoreError`.
   */
  readonly vanished: "forgotten" | "refused";
  readonly signal?: AbortSignal | undefined;
}

/** Backups, oldest first. */
export interface LoadedBackups {
  /** Those that are meant, with what manifests tell. */
  readonly backups: readonly Backup[];
  /** All that there are, as their snapshots tell. */
  readonly all: readonly Backup[];
  /** Snapshots that cannot be read; none where such are refused. */
  readonly damaged: readonly DamagedSnapshot[];
}

/** Loads all backups. Throws what the store throws, what is refused, and what `rewritten` throws. */
export async function loadBackups(files: SealedFiles, options: LoadBackupsOptions): Promise<LoadedBackups> {
  const { rewritten, among = (all) => all, signal } = options;
  const { snapshots, damaged, vanished } = await loadSnapshots(files, signal);
  if (options.damaged === "refused" && damaged.length > 0) throw damageWithAdvice(damaged[0]!);
  if (options.vanished === "refused") refuseVanished(vanished);
  const all = snapshots.map(backupOf);
  const meant = among(all);
  return { backups: rewritten === "unread" ? meant : await withRewritten(meant, rewritten), all, damaged };
}
