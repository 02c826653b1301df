/** The position of the binary log that a dump tells in its comments, read as the dump passes. */
import { Head, Tail } from "../../guard/window.ts";

/** Where the server's log was at the moment of the dump. */
interface BinlogPosition {
  /** The transactions that the dump holds, in the server's own notation; null if the server does not count them. */
  readonly gtid: string | null;
  /** The log file and the offset in it in bytes; null if the dump does not tell. */
  readonly binlog: { readonly file: string; readonly position: number } | null;
}

/** File and position stand in the head: behind some comments, and with MySQL a list of transactions. */
const HEAD_BYTES = 64 * 1024;
/** MariaDB writes the transactions just before the trailer. */
const TAIL_BYTES = 16 * 1024;

/** `CHANGE MASTER TO`, and `CHANGE REPLICATION SOURCE TO` of MySQL since 8.0.23, both as comments. */
const FILE_AND_POSITION =
  /^-- CHANGE (?:MASTER|REPLICATION SOURCE) TO (?:MASTER|SOURCE)_LOG_FILE='([^'\n]+)', (?:MASTER|SOURCE)_LOG_POS=(\d+);/m;
const GTID_OF_MARIADB = /^-- SET GLOBAL gtid_slave_pos='([^'\n]*)';/gm;
const GTID_OF_MYSQL = /SET @@GLOBAL\.GTID_PURGED=(?:\/\*!80000 '\+'\*\/ )?'([^']*)';/;

/** Keeps the head and the tail of a dump. */
export class DumpPositionReader {
  readonly #head = new Head(HEAD_BYTES);
  readonly #tail = new Tail(TAIL_BYTES);

  /** Takes the next bytes, and keeps no view of them. */
  push(bytes: Uint8Array): void {
    this.#head.push(bytes);
    this.#tail.push(bytes);
  }

  /** What the dump told, once all of it has passed. */
  position(): BinlogPosition {
    const head = new TextDecoder().decode(this.#head.bytes);
    const named = FILE_AND_POSITION.exec(head);
    const gtid = [...new TextDecoder().decode(this.#tail.bytes).matchAll(GTID_OF_MARIADB)].at(-1)?.[1] ??
      GTID_OF_MYSQL.exec(head)?.[1]?.replaceAll(/\s/g, "");
    return {
      gtid: gtid || null,
      binlog: named && { file: named[1]!, position: Number(named[2]) },
    };
  }
}
