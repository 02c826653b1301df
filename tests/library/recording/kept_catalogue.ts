/** A catalogue that commands in a sandbox keep, and what is in it. */
import { deepEqual } from "node:assert/strict";
import type { SqliteValue } from "../../../src/engine/sqlite/open_database.ts";
import { LENIENT, loadBackups } from "../../../src/backup/load_backups.ts";
import { loadWholeIndex } from "../../../src/backup/whole_index.ts";
import { readManifest } from "../../../src/backup/content/contents.ts";
import { rowOf } from "../../../src/catalogue/backup_rows.ts";
import { readCatalogue } from "../../../src/catalogue/read_catalogue.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import type { Sandbox } from "../../helpers/executable.ts";

/** The catalogue of a sandbox. */
export class KeptCatalogue {
  readonly path: string;

  constructor(box: Sandbox) {
    this.path = box.join("state/catalogue.sqlite");
  }

  /** The variables with which commands keep it. */
  get env(): Readonly<Record<string, string>> {
    return { AGENT_CATALOGUE: this.path };
  }

  /** The rows of a statement. */
  async rows(sql: string, ...parameters: string[]): Promise<SqliteValue[][]> {
    using reader = await readCatalogue(this.path, Deno.uid());
    return [...reader.query(sql, parameters).rows].map((row) => [...row]);
  }

  /** Fails unless the catalogue says of the backups what the repository says. */
  async assertSays(repository: Repository): Promise<void> {
    const indexed = await loadWholeIndex(repository);
    const openIndex = () => Promise.resolve(indexed);
    const { backups } = await loadBackups(repository.files, { ...LENIENT, rewritten: openIndex });
    const said = await Promise.all(backups.map(async (backup) => {
      const manifest = await readManifest(indexed, backup);
      const row = rowOf(backup);
      return {
        columns: COLUMNS.map((name) => row[name]),
        tags: backup.snapshot.tags,
        files: (manifest?.files ?? []).map(({ path, sha256 }) => [path, sha256]),
      };
    }));
    const rows = await this.rows(
      `SELECT backup, ${COLUMNS.join(", ")} FROM backups JOIN repositories USING (repository) ` +
        "WHERE repository_id = ? AND NOT is_deleted",
      repository.config.id,
    );
    const kept = await Promise.all(rows.map(async ([backup, ...columns]) => ({
      columns,
      tags: (await this.rows(`SELECT tag FROM tags WHERE backup = ${backup} ORDER BY position`)).flat(),
      files: await this.rows(`SELECT path, sha256 FROM files WHERE backup = ${backup}`),
    })));
    deepEqual(kept.sort(bySnapshot), said.sort(bySnapshot));
  }
}

const COLUMNS = [
  "snapshot_id",
  "backup_id",
  "series",
  "host",
  "level",
  "parent",
  "base",
  "started",
  "finished",
  "size",
  "complete",
  "damage",
] as const;

function bySnapshot(a: { readonly columns: unknown[] }, b: { readonly columns: unknown[] }): number {
  return String(a.columns[0]) < String(b.columns[0]) ? -1 : 1;
}
