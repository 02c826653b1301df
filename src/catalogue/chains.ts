/** The chains of backups: for each backup, which ones it continues, from the level 0 on. */
import type { Statements } from "./connection.ts";

interface Link {
  readonly backup: number;
  readonly backupId: string;
  readonly parent: string | null;
  readonly level: number;
}

/** Writes the chains anew that begin with the backups of these ids. Members that are not known are left out. */
export function updateChains(database: Statements, repository: number, bases: ReadonlySet<string>): void {
  const members = database.prepare(
    ["backup_id", "base"].map((name) =>
      "SELECT backup, backup_id, parent, level, is_deleted FROM backups " +
      `WHERE repository = ?1 AND ${name} = ?2 AND level IS NOT NULL`
    ).join(" UNION ") + " ORDER BY backup",
  );
  const clear = database.prepare("DELETE FROM chains WHERE backup = ?");
  const insert = database.prepare("INSERT INTO chains (backup, position, member, level) VALUES (?, ?, ?, ?)");
  for (const base of bases) {
    const rows = members.all(repository, base);
    for (const { backup } of rows) clear.run(backup!);
    const links = rows.filter(({ is_deleted }) => is_deleted === 0).map(linkOf);
    const byId = new Map(links.toReversed().map((link) => [link.backupId, link]));
    for (const link of links) {
      for (const [position, { backup, level }] of chainOf(link, byId).entries()) {
        insert.run(link.backup, position, backup, level);
      }
    }
  }
}

/** From its level 0, or from the lowest level that is left. */
function chainOf(link: Link, byId: ReadonlyMap<string, Link>): Link[] {
  const chain: Link[] = [];
  for (let member: Link | undefined = link; member; member = lowerOf(member, byId)) chain.unshift(member);
  return chain;
}

/** Levels fall from member to member, so that what a repository says of parents cannot lead in a circle. */
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
