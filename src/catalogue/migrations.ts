/** Brings a catalogue to the schema of this program. */
import type { DatabaseSync } from "node:sqlite";
import { APPLICATION_ID, SCHEMA } from "./schema.ts";

/** One step: what makes a database of the version before it one of the next. Runs within a transaction. */
type Migration = (database: DatabaseSync) => void;

/** The steps by the version that they start from. The first makes everything. */
const MIGRATIONS: readonly Migration[] = [
  (database) => {
    database.exec(SCHEMA);
    database.exec("INSERT INTO catalogue (incarnation, sequence) VALUES (lower(hex(randomblob(16))), 0)");
    database.exec(`PRAGMA application_id=${APPLICATION_ID}`);
  },
];

/** Takes all steps from `version` on. Called within a transaction; throws what SQLite throws. */
export function migrate(database: DatabaseSync, version: number, steps: readonly Migration[] = MIGRATIONS): void {
  for (const step of steps.slice(version)) step(database);
  database.exec(`PRAGMA user_version=${version + steps.slice(version).length}`);
}
