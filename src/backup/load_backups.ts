/** Loads the backups of a repository for the use cases: all snapshots, and the manifests of rewritten ones. */
import { type DamagedSnapshot, damageWithAdvice, loadSnapshots, refuseVanished } from "../repository/snapshots.ts";
import type { SealedFiles } from "../repository/sealed_files.ts";
import { type Backup, backupOf } from "./backup.ts";
import { type OpenIndex, withRewritten } from "./rewritten.ts";

/** How backups are loaded, and how snapshots that are unusable are treated. */
export interface LoadBackupsOptions {
  /** Gives the index for reading the manifests of rewritten snapshots; `unread` skips those manifests. */
  readonly rewritten: OpenIndex | "unread";
  /** Chooses the wanted backups; all by default. Manifests are read for these only. */
  readonly among?: (all: readonly Backup[]) => readonly Backup[];
  /** Whether a snapshot that cannot be read is reported, or refused with `IntegrityError`. */
  readonly damaged: "reported" | "refused";
  /**
   * How a snapshot that was listed but is gone is treated: as forgotten meanwhile, or, if nothing may be forgotten at
   * the time, as a contradiction of the store, which is refused with `StoreError`.
   */
  readonly vanished: "forgotten" | "refused";
  readonly signal?: AbortSignal | undefined;
}

/** Answers for work that needs no complete list: unreadable snapshots are reported, and vanished ones are skipped. */
export const LENIENT = { damaged: "reported", vanished: "forgotten" } as const;

/** Backups, oldest first. */
export interface LoadedBackups {
  /** The wanted backups, completed from their manifests. */
  readonly backups: readonly Backup[];
  /** All backups, from their snapshots alone. */
  readonly all: readonly Backup[];
  /** Snapshots that cannot be read; empty if they are refused. */
  readonly damaged: readonly DamagedSnapshot[];
}

/**
 * Loads the wanted backups and all backups. Throws what the store and `rewritten` throw, and the errors for refused
 * snapshots.
 */
export async function loadBackups(files: SealedFiles, options: LoadBackupsOptions): Promise<LoadedBackups> {
  const { rewritten, among = (all) => all, signal } = options;
  const { snapshots, damaged, vanished } = await loadSnapshots(files, signal);
  if (options.damaged === "refused" && damaged.length > 0) throw damageWithAdvice(damaged[0]!);
  if (options.vanished === "refused") refuseVanished(vanished);
  const all = snapshots.map(backupOf);
  const meant = among(all);
  return { backups: rewritten === "unread" ? meant : await withRewritten(meant, rewritten), all, damaged };
}
