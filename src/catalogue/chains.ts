/** The chains of backups: for each backup, which ones it continues, from the level 0 on. */
import type { Statements } from "./connection.ts";

interface Link {
  readonly backup: number;
  readonly backupId: string;
  readonly parent: string | null;
  readonly level: number;
}

/** The rows of backups that were written or marked, by the id of the level 0 of their chain. */
type ChangedBackups = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * Writes the chains anew that lead, or led, through one of these backups; with `whole`, all chains on the same level 0.
 * So one more backup on a long chain costs one chain. Members that are not known are left out.
 */
export function updateChains(
  database: Statements,
  repository: number,
  changedByBase: ChangedBackups,
  { whole }: { readonly whole: boolean },
): void {
  const members = database.prepare(
    ["backup_id", "base"].map((name) =>
      "SELECT backup, backup_id, parent, level, is_deleted FROM backups " +
      `WHERE repository = ?1 AND ${name} = ?2 AND level IS NOT NULL`
    ).join(" UNION ") + " ORDER BY backup",
  );
  const clear = database.prepare("DELETE FROM chains WHERE backup = ?");
  const begin = database.prepare(
    "INSERT INTO chains (backup, position, member, level) SELECT ?, position, member, level FROM chains WHERE backup = ?",
  );
  const end = database.prepare(
    "INSERT INTO chains (backup, position, member, level) " +
      "SELECT ?1, count(*), ?1, ?2 FROM chains WHERE backup = ?1",
  );
  for (const [base, changed] of changedByBase) {
    const rows = members.all(repository, base);
    const links = rows.filter(({ is_deleted }) => is_deleted === 0).map(linkOf);
    const byId = new Map(links.toReversed().map((link) => [link.backupId, link]));
    // Levels rise along a chain, so that of whatever a backup continues is written before its own.
    links.sort((a, b) => a.level - b.level);
    const stale = whole
      ? new Set(rows.map(({ backup }) => Number(backup)))
      : staleBackups(database, changed, links, byId);
    for (const backup of stale) clear.run(backup);
    for (const link of links.filter(({ backup }) => stale.has(backup))) {
      const lower = lowerOf(link, byId);
      if (lower !== undefined) begin.run(link.backup, lower.backup);
      end.run(link.backup, link.level);
    }
  }
}

/** The changed backups, and all whose chains led through one of them, or do so from here on. `links` by level. */
function staleBackups(
  database: Statements,
  changed: ReadonlySet<number>,
  links: readonly Link[],
  byId: ReadonlyMap<string, Link>,
): ReadonlySet<number> {
  const holders = database.prepare("SELECT backup FROM chains WHERE member = ?");
  const stale = new Set(changed);
  for (const member of changed) for (const { backup } of holders.all(member)) stale.add(Number(backup));
  for (const link of links) {
    const lower = lowerOf(link, byId);
    if (lower !== undefined && stale.has(lower.backup)) stale.add(link.backup);
  }
  return stale;
}

/** The next lower member of its chain, if it is known. Levels fall, so that what a repository says of parents cannot lead in a circle. */
function lowerOf({ parent, level }: Link, byId: ReadonlyMap<string, Link>): Link | undefined {
  const lower = parent === null ? undefined : byId.get(parent);
  return lower !== undefined && lower.level < level ? lower : undefined;
}

function linkOf({ backup, backup_id, parent, level }: Record<string, unknown>): Link {
  return {
    backup: Number(backup),
    backupId: String(backup_id),
    parent: parent as string | null,
    level: Number(level),
  };
}
