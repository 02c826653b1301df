/** Tables of dumps in `--json` output. */
import * as v from "valibot";
import type { Backup } from "../../../../backup/backup.ts";
import type { BackupFile } from "../../../../backup/content/contents.ts";
import type { DumpTable } from "../../../../backup/tables/dump_tables.ts";
import type { TableSource } from "../../../../ops/restore/tables/open_tables.ts";
import { bytes, hex, list, object, oneOf, orNull, session, text } from "../json_fields.ts";

const nameFields = {
  database: orNull(text("Its database."), "the dump does not say"),
  schema: orNull(text("Its schema."), "the dump has no schemas"),
  name: text("Its name."),
  kind: oneOf(["table", "view", "sequence"], "What it is."),
};

/** A table of a dump, or of a backup of tables. */
export const tableMessage = v.strictObject({
  id: hex("The backup."),
  path: orNull(
    text("The stream that holds it, from the root of the snapshot."),
    "a backup of tables has no rows of it",
  ),
  ...nameFields,
  structure: bytes("Its definition, with indexes, constraints, triggers and rights."),
  data: bytes("Its rows."),
});

/** Its JSON object. */
export function tableJson(
  table: DumpTable,
  file: BackupFile | null,
  { id }: Backup,
): v.InferOutput<typeof tableMessage> {
  return {
    id,
    path: file?.path.toWellFormed() ?? null,
    ...namesOf(table),
    structure: table.structureBytes,
    data: table.dataBytes,
  };
}

/** A dump of some tables that was written. */
export const restoredTablesMessage = v.strictObject({
  id: hex("The backup."),
  path: text("The stream that holds them."),
  size: bytes("What was written."),
  tables: list(object(nameFields, "A table."), "The tables, views and sequences in it."),
  leftOut: list(v.string(), "What belongs to them and is left out, for people."),
  session,
});

/** Its JSON object. */
export function restoredTablesJson(
  { file, size, tables, notes }: TableSource,
  { id }: Backup,
  session: string,
): v.InferOutput<typeof restoredTablesMessage> {
  return { id, path: file.path.toWellFormed(), size, tables: tables.map(namesOf), leftOut: [...notes], session };
}

function namesOf({ database, schema, name, kind }: DumpTable) {
  return {
    database: database?.toWellFormed() ?? null,
    schema: schema?.toWellFormed() ?? null,
    name: name.toWellFormed(),
    kind,
  };
}
