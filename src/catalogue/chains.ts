/** The chains of backups: for each backup, which ones it continues, from the level 0 on. */
import type { Statements } from "./connection.ts";
import { CHAINS_BY_MEMBER } from "./schema.ts";

interface Link {
  readonly backup: number;
  readonly backupId: string;
  readonly parent: string | null;
  readonly level: number;
}

/** The rows of backups that were written or marked, by the id of the level 0 of their chain. */
type ChangedBackups = ReadonlyMap<string, ReadonlySet<number>>;

/** What is to be done on one level 0. */
interface ChainPlan {
  /** The backups whose chains are cleared. */
  readonly stale: ReadonlySet<number>;
  /** Those whose chains are written, by level. */
  readonly written: readonly Link[];
  readonly byId: ReadonlyMap<string, Link>;
}

/** For fewer rows, making the index of members again takes longer than it saves. */
const MANY_ROWS = 20_000;

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
  const plans = [...changedByBase].map(([base, changed]) => plan(database, repository, { base, changed, whole }));
  const rows = plans.flatMap(({ written }) => written).reduce((sum, { level }) => sum + level + 1, 0);
  const write = () => plans.forEach((each) => writeChains(database, each));
  if (rows < MANY_ROWS || rows < rowsNow(database)) write();
  else withoutIndex(database, write);
}

/** Sorting all rows at the end takes a quarter of the time that it takes to find the place of each. */
function withoutIndex(database: Statements, write: () => void): void {
  database.prepare("DROP INDEX IF EXISTS chains_by_member").run();
  write();
  database.prepare(CHAINS_BY_MEMBER).run();
}

function rowsNow(database: Statements): number {
  return Number(database.prepare("SELECT count(*) AS count FROM chains").get()!.count);
}

function plan(
  database: Statements,
  repository: number,
  { base, changed, whole }: {
    readonly base: string;
    readonly changed: ReadonlySet<number>;
    readonly whole: boolean;
  },
): ChainPlan {
  const members = database.prepare(
    ["backup_id", "base"].map((name) =>
      "SELECT backup, backup_id, parent, level, is_deleted FROM backups " +
      `WHERE repository = ?1 AND ${name} = ?2 AND level IS NOT NULL`
    ).join(" UNION ") + " ORDER BY backup",
  );
  const rows = members.all(repository, base);
  const links = rows.filter(({ is_deleted }) => is_deleted === 0).map(linkOf);
  const byId = new Map(links.toReversed().map((link) => [link.backupId, link]));
  // Levels rise along a chain, so that of whatever a backup continues is written before its own.
  links.sort((a, b) => a.level - b.level);
  const stale = whole
    ? new Set(rows.map(({ backup }) => Number(backup)))
    : staleBackups(database, changed, links, byId);
  return { stale, written: links.filter(({ backup }) => stale.has(backup)), byId };
}

function writeChains(database: Statements, { stale, written, byId }: ChainPlan): void {
  const clear = database.prepare("DELETE FROM chains WHERE backup = ?");
  const begin = database.prepare(
    "INSERT INTO chains (backup, position, member, level) SELECT ?, position, member, level FROM chains WHERE backup = ?",
  );
  const end = database.prepare(
    "INSERT INTO chains (backup, position, member, level) " +
      "SELECT ?1, count(*), ?1, ?2 FROM chains WHERE backup = ?1",
  );
  for (const backup of stale) clear.run(backup);
  for (const link of written) {
    const lower = lowerOf(link, byId);
    if (lower !== undefined) begin.run(link.backup, lower.backup);
    end.run(link.backup, link.level);
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
