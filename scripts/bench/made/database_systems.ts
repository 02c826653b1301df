/** The database servers that are dumped and restored: what is in them, and the programs that dump and load it. */
import { MariaDbServer } from "../../../tests/helpers/mariadb.ts";
import { PostgresServer } from "../../../tests/helpers/postgres.ts";
import { findProgram } from "../../../tests/helpers/programs.ts";

/** A kind of server. */
interface DatabaseSystem {
  readonly name: string;
  /** The programs that it needs. */
  readonly programs: readonly string[];
  /** Starts a server of its own. Throws if a program is missing. */
  start(): Promise<RunningDatabase>;
}

/** A server with a database `shop`. Disposing of it stops it and removes its data. */
export interface RunningDatabase extends AsyncDisposable {
  /** How the agent names a database of it. */
  url(database: string): string;
  /** Writes a dump of `shop` to standard output, with what the agent asks for. */
  readonly dump: readonly string[];
  /** Loads such a dump from standard input into `copy`. */
  readonly load: readonly string[];
  /** The name of the table that is taken out of dumps, as the agent has it; it has a tenth of the rows. */
  readonly oneTable: string;
  /** Makes `shop`, whose rows take about that many bytes in a dump. */
  fill(bytes: number): Promise<void>;
  /** Changes one row of `orders` in a hundred, a hundred that follow each other at a time; others in each round. */
  change(round: number): Promise<void>;
  /** Makes `copy` anew, without a table. */
  emptyCopy(): Promise<void>;
  /** A checksum of each table of a database. */
  checksums(database: string): Promise<Readonly<Record<string, string>>>;
}

/** What a row takes in a dump, roughly. */
const ROW_BYTES = 130;
/** The tables in the order of dumps, with their shares of the rows. */
const TABLES = { customers: 0.2, items: 0.1, orders: 0.7 } as const;
const ONE_TABLE = "items";

function rowsOf(table: keyof typeof TABLES, bytes: number): number {
  return Math.max(1, Math.round((bytes * TABLES[table]) / ROW_BYTES));
}

const names = Object.keys(TABLES) as readonly (keyof typeof TABLES)[];

const mariaDb: DatabaseSystem = {
  name: "MariaDB",
  programs: ["mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"],
  async start() {
    const server = await MariaDbServer.start({
      mariadbd: required("mariadbd"),
      "mariadb-install-db": required("mariadb-install-db"),
      mariadb: required("mariadb"),
    });
    const dumpOptions = ["--single-transaction", "--routines", "--triggers", "--events", "--hex-blob"];
    return {
      url: (database) => `mysql://root@localhost/${database}?socket=${encodeURIComponent(server.socket)}&users=no`,
      dump: [required("mariadb-dump"), ...server.connection, ...dumpOptions, "shop"],
      load: [required("mariadb"), ...server.connection, "copy"],
      oneTable: ONE_TABLE,
      async fill(bytes) {
        await server.query("CREATE DATABASE shop");
        for (const name of names) {
          await server.query(
            `CREATE TABLE ${name} (id INT PRIMARY KEY, parent INT, code CHAR(32), note TEXT, KEY (parent));
            INSERT INTO ${name} SELECT seq, seq % 997, MD5(CONCAT('${name}', seq)),
              CONCAT(REPEAT('as it was ordered, ', 1 + seq % 4), seq) FROM seq_1_to_${rowsOf(name, bytes)}`,
            "shop",
          );
        }
      },
      async change(round) {
        await server.query(
          `UPDATE orders SET code = MD5(CONCAT(code, ${round})) WHERE id DIV 100 % 100 = ${round % 100}`,
          "shop",
        );
      },
      async emptyCopy() {
        await server.query("DROP DATABASE IF EXISTS copy; CREATE DATABASE copy");
      },
      checksums: (database) => server.checksums(database),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

const postgres: DatabaseSystem = {
  name: "PostgreSQL",
  programs: ["initdb", "postgres", "psql", "pg_dump", "pg_restore"],
  async start() {
    const server = await PostgresServer.start({
      initdb: required("initdb"),
      postgres: required("postgres"),
      psql: required("psql"),
    });
    return {
      url: (database) => `postgresql://postgres@/${database}?host=${encodeURIComponent(server.folder)}&globals=no`,
      dump: [required("pg_dump"), ...server.connection, "--format=custom", "--compress=0", "shop"],
      load: [required("pg_restore"), ...server.connection, "--exit-on-error", "--dbname=copy"],
      oneTable: `public.${ONE_TABLE}`,
      async fill(bytes) {
        await server.query("CREATE DATABASE shop");
        for (const name of names) {
          await server.query(
            `CREATE TABLE ${name} (id int PRIMARY KEY, parent int, code char(32), note text);
            INSERT INTO ${name} SELECT n, n % 997, md5('${name}' || n), repeat('as it was ordered, ', 1 + n % 4) || n
              FROM generate_series(1, ${rowsOf(name, bytes)}) AS n;
            CREATE INDEX ON ${name} (parent)`,
            "shop",
          );
        }
      },
      async change(round) {
        await server.query(
          `UPDATE orders SET code = md5(code || ${round}) WHERE id / 100 % 100 = ${round % 100}`,
          "shop",
        );
      },
      async emptyCopy() {
        await server.query("DROP DATABASE IF EXISTS copy WITH (FORCE)");
        await server.query("CREATE DATABASE copy");
      },
      checksums: (database) => server.checksums(database),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

/** All kinds. */
export const DATABASE_SYSTEMS: readonly DatabaseSystem[] = [mariaDb, postgres];

/** Those programs of a kind that this machine does not have. */
export function missingPrograms({ programs }: DatabaseSystem): string[] {
  return programs.filter((program) => findProgram(program) === undefined);
}

function required(program: string): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program} is missing`);
  return path;
}
