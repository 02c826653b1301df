/** Databases in a folder, a repository in memory, and backups of the ones in the other. */
import { DatabaseSync } from "node:sqlite";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { createSqliteEngine } from "../../../src/engine/sqlite/sqlite_engine.ts";
import type { RepositoryAccess } from "../../../src/ops/access.ts";
import { put, type PutResult } from "../../../src/ops/put.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import type { ReplayResult } from "../../../src/ops/restore/replay.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { accessTo, BytesSource, type FakeWorld, fakeWorld, memoryRepository, putRequest } from "../../helpers/world.ts";

/** Everything that a backup of a database needs. */
export class SqliteScene implements AsyncDisposable {
  readonly directory = new TestDirectory();
  readonly temporary = new TestDirectory();
  readonly registry = new EngineRegistry();
  readonly world: FakeWorld;
  readonly access: RepositoryAccess;

  private constructor(world: FakeWorld, access: RepositoryAccess) {
    this.world = world;
    this.access = access;
    const machine = { environment: {}, temporaryFolder: this.temporary.path };
    this.registry.register("sqlite", createSqliteEngine(machine));
  }

  static async make(): Promise<SqliteScene> {
    const world = fakeWorld();
    const { store } = await memoryRepository(world);
    return new SqliteScene(world, accessTo(store));
  }

  at(name: string): string {
    return this.directory.at(name);
  }

  /** Backs up a database; `rest` is a name below the folder, with parameters. */
  put(rest: string, series = "prod/shop", signal = new AbortController().signal): Promise<PutResult> {
    this.world.clock.jump(60_000);
    const driven = this.registry.source(`sqlite:${this.at(rest)}`);
    const request = { ...putRequest(new BytesSource(new Uint8Array(0))), series: series as never, input: { driven } };
    return put(this.access, request, { world: this.world, signal });
  }

  /** Restores the newest backup of a series. */
  get(name: string, { overwrite = false, series = "prod/shop" } = {}): Promise<ReplayResult> {
    const target = this.registry.target(`sqlite:${this.at(name)}`);
    return withBackup(
      this.access,
      { selector: series, noLock: false },
      { world: this.world, signal: new AbortController().signal },
      ({ replay }) => replay(target, { overwrite }),
    );
  }

  /** The text of a backup's only stream. */
  read(series = "prod/shop"): Promise<string> {
    return withBackup(this.access, { selector: series, noLock: false }, { world: this.world }, async (open) => {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      const sink = { write: (bytes: Uint8Array) => Promise.resolve(void pieces.push(bytes.slice())) };
      await open.read(await open.find(undefined), sink);
      return await new Blob(pieces).text();
    });
  }

  /** Makes a database. */
  make(name: string, sql: string): void {
    const database = new DatabaseSync(this.at(name), { enableForeignKeyConstraints: false });
    database.exec(sql);
    database.close();
  }

  /** The names in the folder of databases. */
  names(): string[] {
    return [...Deno.readDirSync(this.directory.path)].map(({ name }) => name).sort();
  }

  /** What is left in the folder for temporary files. */
  leftovers(): string[] {
    return [...Deno.readDirSync(this.temporary.path)].map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
    await this.temporary[Symbol.asyncDispose]();
  }
}

/** Everything that a dump can get wrong. */
export const RICH = `
  PRAGMA user_version=7; PRAGMA application_id=252006675;
  CREATE TABLE "odd ""name""; '" (id INTEGER PRIMARY KEY AUTOINCREMENT, "a ""b" TEXT DEFAULT 'x;y', c BLOB, d REAL, e);
  INSERT INTO "odd ""name""; '" VALUES
    (5, 'it''s; a "test"', x'00ff27', 0.1, 9007199254740993), (6, 'two' || char(10) || 'lines;' || char(13, 10), NULL, 1e300*1e300, -0.5),
    (7, 'nul' || char(0) || 'byte', x'', 1e-310, 'Grüße 🦆'), (9, replace(hex(zeroblob(300)), '00', 'l' || char(10)), zeroblob(70000), 2.0, '');
  DELETE FROM "odd ""name""; '" WHERE id = 6 AND 0;
  CREATE TABLE [hidden] (a, b); INSERT INTO hidden(rowid, a, b) VALUES (10, 1, 2), (20, 'x', 'y');
  CREATE TABLE taken (rowid TEXT, oid TEXT); INSERT INTO taken(_rowid_, rowid, oid) VALUES (77, 'r', 'o');
  CREATE TABLE kv (k TEXT, n INT, v, PRIMARY KEY (k, n)) WITHOUT ROWID; INSERT INTO kv VALUES ('a', 1, 'b'), ('a', 2, NULL);
  CREATE TABLE gen (a INT, b INT AS (a * 2) STORED, c TEXT AS (a || '!'), d INT CHECK (d < 10)) STRICT;
  INSERT INTO gen(a, d) VALUES (1, 2), (3, 4);
  CREATE TABLE log (at TEXT, what TEXT);
  CREATE TRIGGER tr AFTER INSERT ON hidden BEGIN
    INSERT INTO log VALUES ('now', CASE WHEN new.a > 1 THEN 'a;' ELSE 'b' END); -- a ; comment
    UPDATE log SET what = what; /* END; */ END;
  CREATE UNIQUE INDEX ix ON kv (v) WHERE v IS NOT NULL; CREATE INDEX expr ON hidden (a || b);
  CREATE VIEW v AS SELECT a, b FROM hidden WHERE a <> ';';
  CREATE TRIGGER vt INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
  CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize = 'unicode61');
  INSERT INTO docs VALUES ('eins', 'Der Hund; "bellt"'), ('zwei', 'it''s');
  CREATE VIRTUAL TABLE box USING rtree(id, lo, hi); INSERT INTO box VALUES (1, 0, 2), (2, 5, 8);
  CREATE TABLE child (id INT REFERENCES "nowhere"(id)); INSERT INTO child VALUES (4);
  ANALYZE;
`;

/** All that a database holds, as text. */
export function contentOf(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const schema = database.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").all();
    const numbers = ["user_version", "application_id", "encoding"].map((name) =>
      database.prepare(`PRAGMA ${name}`).get()
    );
    const rows = schema.filter(({ type, name }) => type === "table" && name !== "sqlite_stat4").flatMap(({ name }) => {
      const quoted = `"${String(name).replaceAll('"', '""')}"`;
      const columns = database.prepare("SELECT name FROM pragma_table_xinfo(?)").all(String(name))
        .map((column) => `"${String(column.name).replaceAll('"', '""')}"`);
      const values = columns.map((column) => `typeof(${column}) || ':' || quote(CAST(${column} AS BLOB))`).join(" || ");
      const list = database.prepare(`SELECT ${values} AS text FROM ${quoted} ORDER BY 1`).all();
      return list.map(({ text }) => `${name}: ${text}`);
    });
    const hidden = database.prepare("SELECT name FROM sqlite_schema WHERE name IN ('hidden')").all().length === 0
      ? []
      : database.prepare("SELECT rowid FROM hidden").all();
    const shown = schema.filter(({ name }) => name !== "sqlite_stat4");
    return [...[...shown, ...numbers, ...hidden].map((value) => JSON.stringify(value)), ...rows];
  } finally {
    database.close();
  }
}
