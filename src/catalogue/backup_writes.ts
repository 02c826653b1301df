/** Changes to what the catalogue knows of backups, each within a transaction. */
import type { SnapshotId } from "../base/id.ts";
import { BACKUP_COLUMNS, type BackupDetails, fileRows, rowOf, tableRows, tagsOf } from "./backup_rows.ts";
import { updateChains } from "./chains.ts";
import type { Statements, WriteStep } from "./connection.ts";
import type { AddedBackup, CataloguedRepository, Listing } from "./records.ts";

/** A change to one repository. */
export interface RepositoryStep extends WriteStep {
  /** Its row. */
  readonly repository: number;
}

/** What is known of a snapshot. */
interface KnownBackup {
  readonly backup: number;
  readonly isDeleted: boolean;
  /** Whether the summary of our own is known, which tools that rewrite snapshots drop. */
  readonly hasInfo: boolean;
  readonly hasDetails: boolean;
  readonly damage: string | null;
  /** The number of the change that wrote it. */
  readonly sequence: number;
}

/** The row of a repository, which is made if it is not known. */
export function repositoryRow(database: Statements, { id, location }: CataloguedRepository, now: Date): number {
  const time = now.toISOString();
  const { repository } = database.prepare(
    "INSERT INTO repositories (repository_id, location, first_seen, last_seen) VALUES (?, ?, ?, ?) " +
      "ON CONFLICT (repository_id) DO UPDATE SET location = excluded.location, last_seen = excluded.last_seen " +
      "RETURNING repository",
  ).get(id, location.toWellFormed(), time, time)!;
  return Number(repository);
}

/** Writes down backups that are there. A snapshot that was removed is not brought back. */
export function writeBackups(step: RepositoryStep, added: readonly AddedBackup[]): void {
  const writer = new BackupWriter(step);
  const removed = step.database.prepare("SELECT 1 FROM removed_snapshots WHERE repository = ? AND snapshot_id = ?");
  for (const { backup, details } of added) {
    const known = writer.known(backup.snapshotId);
    const isGone = known === undefined
      ? removed.get(step.repository, backup.snapshotId) !== undefined
      : known.isDeleted;
    if (isGone) continue;
    writer.write({ backup, ...details && { details } }, known);
  }
  writer.finish();
}

/** Writes down that snapshots were removed. */
export function markRemoved(step: RepositoryStep, snapshotIds: readonly SnapshotId[]): void {
  const { database, repository, sequence } = step;
  const writer = new BackupWriter(step);
  for (const id of snapshotIds) {
    const known = writer.known(id);
    if (known === undefined) {
      database.prepare(
        "INSERT INTO removed_snapshots (repository, snapshot_id, sequence) VALUES (?, ?, ?) " +
          "ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
      ).run(repository, id, sequence);
    } else writer.remove(known);
  }
  writer.finish();
}

/**
 * Makes the rows of a repository equal to a complete list of its snapshots. What was written after `since`, the number
 * at which the list was begun, is newer than the list.
 */
export function applyListing(step: RepositoryStep, listing: Listing, since: number): void {
  const { database, repository, now } = step;
  if (listing.replacesAll) dropUntil(step, since);
  const writer = new BackupWriter(step);
  const removed = removedSince(step, since);
  const settled = writer.settledAmong(listing.backups);
  for (const backup of listing.backups) {
    if (settled.has(backup.snapshotId)) continue;
    const row = writer.known(backup.snapshotId);
    if (row === undefined ? removed.has(backup.snapshotId) : row.isDeleted && row.sequence > since) continue;
    writer.write({ backup }, row);
  }
  const listed = [...listing.backups.map(({ snapshotId }) => snapshotId), ...listing.unreadable ?? []];
  for (const row of writer.presentBut(listed)) if (row.sequence <= since) writer.remove(row);
  writer.finish({ whole: listing.replacesAll });
  database.prepare("UPDATE repositories SET refreshed = ? WHERE repository = ?").run(now.toISOString(), repository);
}

/** Drops rows. What was removed stays known, for commands that tell only later that they stored it. */
function dropUntil({ database, repository }: RepositoryStep, since: number): void {
  database.prepare(
    "INSERT OR REPLACE INTO removed_snapshots (repository, snapshot_id, sequence) " +
      "SELECT repository, snapshot_id, sequence FROM backups WHERE repository = ? AND sequence <= ? AND is_deleted",
  ).run(repository, since);
  database.prepare("DELETE FROM backups WHERE repository = ? AND sequence <= ?").run(repository, since);
}

function removedSince({ database, repository }: RepositoryStep, since: number): Set<string> {
  const rows = database.prepare("SELECT snapshot_id FROM removed_snapshots WHERE repository = ? AND sequence > ?");
  return new Set(rows.all(repository, since).map(({ snapshot_id }) => String(snapshot_id)));
}

/** The snapshots whose details are not known, oldest first. */
export function missingDetails(database: Statements, repositoryId: string): SnapshotId[] {
  return database.prepare(
    "SELECT snapshot_id FROM backups JOIN repositories USING (repository) " +
      "WHERE repository_id = ? AND NOT is_deleted AND NOT has_details ORDER BY started, backup",
  ).all(repositoryId).map(({ snapshot_id }) => snapshot_id as SnapshotId);
}

/** Writes rows of backups, and at the end the chains that they change. */
class BackupWriter {
  readonly #step: RepositoryStep;
  /** What was written, by the level 0 of its chain. */
  readonly #changed = new Map<string, Set<number>>();

  constructor(step: RepositoryStep) {
    this.#step = step;
  }

  known(snapshotId: SnapshotId): KnownBackup | undefined {
    const { repository } = this.#step;
    const row = this.#step.database.prepare(`${SELECT_KNOWN} AND snapshot_id = ?`).get(repository, snapshotId);
    return row && knownOf(row);
  }

  /**
   * The snapshots of a listing that are known as it says, to which nothing is to be added. With thousands of them, that
   * takes a tenth of the time of reading all rows.
   */
  settledAmong(backups: Listing["backups"]): Set<string> {
    const usual = backups.filter(({ damage }) => damage === null);
    const [ours, others] = [usual.filter(({ info }) => info !== null), usual.filter(({ info }) => info === null)];
    const settled = (found: Listing["backups"], condition: string) => {
      const ids = JSON.stringify(found.map(({ snapshotId }) => snapshotId));
      const { rest } = this.#step.database.prepare(
        "SELECT json_group_array(value) AS rest FROM json_each(?) WHERE value NOT IN " +
          `(SELECT snapshot_id FROM backups WHERE repository = ? AND NOT is_deleted AND ${condition})`,
      ).get(ids, this.#step.repository)!;
      const unsettled = new Set<string>(JSON.parse(String(rest)));
      return found.map(({ snapshotId }) => snapshotId).filter((id) => !unsettled.has(id));
    };
    return new Set([...settled(ours, "level IS NOT NULL"), ...settled(others, "1")]);
  }

  /** What is known of the snapshots that are there, but for those with these names. */
  presentBut(ids: readonly SnapshotId[]): KnownBackup[] {
    const rows = this.#step.database.prepare(
      `${SELECT_KNOWN} AND NOT is_deleted AND snapshot_id NOT IN (SELECT value FROM json_each(?))`,
    ).all(this.#step.repository, JSON.stringify(ids));
    return rows.map(knownOf);
  }

  /** Makes or completes the row. A snapshot never changes, so that one that is known stays as it is. */
  write({ backup, details }: AddedBackup, known: KnownBackup | undefined): void {
    const adds = known === undefined || !known.hasInfo && backup.info !== null;
    if (adds || known.isDeleted || backup.damage !== null && backup.damage !== known.damage) {
      const row = this.#writeRow(backup, known, adds);
      this.#noteChange(backup.info?.base ?? backup.id, row);
      if (known === undefined) this.#writeTags(row, backup);
      if (details) this.#writeDetails(row, details);
      else if (backup.info !== null && !known?.hasDetails) this.#copyDetails(row, backup.id);
    } else if (details && !known.hasDetails) this.#writeDetails(known.backup, details);
  }

  /** Marks the row; what the backup held is not kept. */
  remove({ backup, isDeleted }: KnownBackup): void {
    if (isDeleted) return;
    const { sequence, now } = this.#step;
    const time = now.toISOString();
    const { base, backup_id } = this.#step.database.prepare(
      "UPDATE backups SET is_deleted = 1, has_details = 0, deleted_at = ?, updated = ?, sequence = ? " +
        "WHERE backup = ? RETURNING base, backup_id",
    ).get(time, time, sequence, backup)!;
    for (const table of DETAIL_TABLES) this.#step.database.prepare(`DELETE FROM ${table} WHERE backup = ?`).run(backup);
    this.#noteChange(String(base ?? backup_id), backup);
  }

  /** `whole`: rows were dropped, of which other chains than those of what was written may have led through some. */
  finish({ whole = false }: { readonly whole?: boolean | undefined } = {}): void {
    updateChains(this.#step.database, this.#step.repository, this.#changed, { whole });
  }

  #noteChange(base: string, row: number): void {
    const rows = this.#changed.get(base) ?? new Set();
    this.#changed.set(base, rows.add(row));
  }

  #writeRow(backup: AddedBackup["backup"], known: KnownBackup | undefined, replaces: boolean): number {
    const { repository, sequence, now } = this.#step;
    const time = now.toISOString();
    const row = rowOf(backup);
    if (known === undefined) {
      this.#step.database.prepare("DELETE FROM removed_snapshots WHERE repository = ? AND snapshot_id = ?")
        .run(repository, backup.snapshotId);
      const columns = [...BACKUP_COLUMNS, "repository", "has_details", "is_deleted", "updated", "sequence"];
      const { lastInsertRowid } = this.#step.database.prepare(
        `INSERT INTO backups (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
      ).run(...BACKUP_COLUMNS.map((name) => row[name]), repository, 0, 0, time, sequence);
      return Number(lastInsertRowid);
    }
    const columns = replaces ? BACKUP_COLUMNS : ["damage"] as const;
    this.#step.database.prepare(
      `UPDATE backups SET ${columns.map((name) => `${name} = ?`).join(", ")}, ` +
        "is_deleted = 0, deleted_at = NULL, updated = ?, sequence = ? WHERE backup = ?",
    ).run(...columns.map((name) => row[name]), time, sequence, known.backup);
    return known.backup;
  }

  #writeTags(row: number, backup: AddedBackup["backup"]): void {
    const insert = this.#step.database.prepare("INSERT INTO tags (backup, position, tag) VALUES (?, ?, ?)");
    for (const [position, tag] of tagsOf(backup).entries()) insert.run(row, position, tag);
  }

  /**
   * Takes over what is known of another snapshot of the same backup, such as its copy or the one whose tags were others:
   * the id of a backup is the digest of its manifest.
   */
  #copyDetails(row: number, backupId: string): void {
    const other = this.#step.database.prepare("SELECT backup FROM backups WHERE backup_id = ? AND has_details LIMIT 1")
      .get(backupId);
    if (other === undefined) return;
    for (const [table, columns] of Object.entries(DETAIL_COLUMNS)) {
      this.#step.database.prepare(
        `INSERT INTO ${table} (backup, ${columns}) SELECT ?, ${columns} FROM ${table} WHERE backup = ?`,
      )
        .run(row, Number(other.backup));
    }
    this.#step.database.prepare("UPDATE backups SET has_details = 1 WHERE backup = ?").run(row);
  }

  #writeDetails(row: number, details: BackupDetails): void {
    for (const table of DETAIL_TABLES) this.#step.database.prepare(`DELETE FROM ${table} WHERE backup = ?`).run(row);
    const file = this.#step.database.prepare("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)");
    for (const values of fileRows(details)) file.run(row, ...values);
    const table = this.#step.database.prepare("INSERT INTO tables VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (const values of tableRows(details)) table.run(row, ...values);
    this.#step.database.prepare("UPDATE backups SET has_details = 1 WHERE backup = ?").run(row);
  }
}

const DETAIL_COLUMNS = {
  files: "path, size, md5, sha256, format, complete",
  tables: "path, kind, database, schema, name, data_bytes, structure_bytes",
};
const DETAIL_TABLES = Object.keys(DETAIL_COLUMNS);
const SELECT_KNOWN =
  "SELECT backup, snapshot_id, is_deleted, level, has_details, damage, sequence FROM backups WHERE repository = ?";

function knownOf(row: Record<string, unknown>): KnownBackup {
  const { backup, is_deleted, level, has_details, damage, sequence } = row;
  return {
    backup: Number(backup),
    isDeleted: is_deleted === 1,
    hasInfo: level !== null,
    hasDetails: has_details === 1,
    damage: damage as string | null,
    sequence: Number(sequence),
  };
}
