/**
 * Takes back what a load made in MariaDB or MySQL. A statement of a client that has ended may run on: one that waits for
 * those who read a table would replace it later. So the connection of the load is ended by the server first, and what
 * there is then tells how far the load came.
 */
import { AgentError } from "../../../base/errors.ts";
import { quotedText } from "../../mysql/mysql_client.ts";
import { type TableName, tableText } from "../table_name.ts";
import { nameSql } from "./mysql_definition.ts";
import type { MysqlSession } from "./mysql_session.ts";

/** Seconds to wait for the end of a connection, or for those who read a table. */
const MOST_SECONDS = 60;

/** A load to take back. */
export interface BegunLoad {
  /** The table that it fills. */
  readonly table: TableName;
  /** Where the rows go first. This is also the name of the lock that its connection holds. */
  readonly loading: TableName;
  /** Where the old table goes, or a copy without rows of one that refers to it. */
  readonly beside: TableName;
  /** Where the rows are while there is no table. */
  readonly loaded: TableName;
  /** `exchanging`: the names of both tables are changed. `replacing`: the old table is dropped first. */
  readonly stage: "filling" | "exchanging" | "replacing" | "done";
}

/** Takes a load back. Returns what people must know of what is left; null if nothing is. Never throws. */
export async function undoLoad(load: BegunLoad, open: () => Promise<MysqlSession>): Promise<string | null> {
  if (load.stage === "done") return null;
  try {
    await endConnection(load, open);
    return await inSession(open, (session) => takeBack(load, session));
  } catch {
    // The next load drops what is left of the name of loads.
    if (load.stage !== "replacing") return null;
    return `all its rows are in ${tableText(load.loaded)}: see whether ${tableText(load.table)} is there`;
  }
}

async function inSession<T>(
  open: () => Promise<MysqlSession>,
  work: (session: MysqlSession) => Promise<T>,
): Promise<T> {
  const session = await open();
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Whoever holds the lock is the load: the number of a connection alone may be another one's by now. */
async function endConnection({ loading }: BegunLoad, open: () => Promise<MysqlSession>): Promise<void> {
  await inSession(open, async (session) => {
    const [row] = await session.ask(`SELECT COALESCE(IS_USED_LOCK(${quotedText(loading.name)}), 0)`);
    // One that has ended meanwhile is an error.
    if (row![0] !== "0") await session.ask(`KILL ${Number(row![0])}`).catch(() => {});
  });
}

async function takeBack(load: BegunLoad, session: MysqlSession): Promise<string | null> {
  const { table, loading, beside, loaded, stage } = load;
  const lock = `SELECT COALESCE(GET_LOCK(${quotedText(loading.name)}, ${MOST_SECONDS}), 0)`;
  const [taken] = await session.ask(`SET SESSION lock_wait_timeout = ${MOST_SECONDS}`, lock);
  if (taken![0] !== "1") throw new AgentError("The connection of the load does not end");
  const [hasTable, hasLoading, hasBeside, hasLoaded] = await existing(session, [table, loading, beside, loaded]);
  const replaced = `the table ${tableText(table)} has been replaced all the same`;
  if (stage === "replacing") {
    if (!hasLoaded) return hasLoading ? await drop(session, loading) : replaced;
    if (hasTable) return await drop(session, loaded);
    await session.ask("SET SESSION foreign_key_checks = 0", `RENAME TABLE ${nameSql(loaded)} TO ${nameSql(table)}`);
    return replaced;
  }
  if (stage === "exchanging" && !hasLoading) {
    if (!hasBeside) return replaced;
    const back = `${nameSql(table)} TO ${nameSql(loading)}, ${nameSql(beside)} TO ${nameSql(table)}`;
    await session.ask(`RENAME TABLE ${back}`);
    return await drop(session, loading);
  }
  // What is beside refers to the other one.
  if (hasBeside) await drop(session, beside);
  return hasLoading ? await drop(session, loading) : null;
}

async function existing(session: MysqlSession, tables: readonly TableName[]): Promise<boolean[]> {
  const rows = await session.ask(...tables.map(({ schema, name }) => (
    `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quotedText(schema)} ` +
    `AND TABLE_NAME = ${quotedText(name)}`
  )));
  return rows.map(([count]) => count !== "0");
}

async function drop(session: MysqlSession, table: TableName): Promise<null> {
  await session.ask(`DROP TABLE ${nameSql(table)}`);
  return null;
}
