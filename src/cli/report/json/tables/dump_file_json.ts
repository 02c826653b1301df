/** Dump files of DaCHS in `--json` output. */
import * as v from "valibot";
import type { DoneTable, FailedTable } from "../../../../ops/tables/create_dump.ts";
import type { ListedTable } from "../../../../ops/tables/load_dump.ts";
import { bytes, flag, list, object, oneOf, orNull, text, time } from "../json_fields.ts";

/** A table in a dump file. */
export const dumpedTableMessage = v.strictObject({
  table: text("Its name, or what DaCHS calls it."),
  member: text("The member of the dump file."),
  format: oneOf(["binary", "text"], "The form of its rows."),
  restorable: flag("Whether its rows are whole and, if a database was named, that has the table."),
  time: time("When it was dumped."),
  size: bytes("Its rows."),
  problem: orNull(text("Why its rows are not whole."), "they are"),
});

/** Its JSON object. */
export function dumpedTableJson(table: ListedTable): v.InferOutput<typeof dumpedTableMessage> {
  const { id, member, format, isRestorable, modifiedMs, size, problem } = table;
  return {
    table: id,
    member,
    format,
    restorable: isRestorable,
    time: new Date(modifiedMs).toISOString(),
    size,
    problem,
  };
}

const failures = (about: string) =>
  list(object({ table: text("The table."), reason: text("Why.") }, "A table."), about);

/** What became of the tables of a dump file. */
export const dumpDoneMessage = v.strictObject({
  tables: list(
    object({ table: text("The table."), size: bytes("Its rows.") }, "A table."),
    "The tables that were dumped or loaded.",
  ),
  skipped: failures("The tables that the database does not have."),
  failed: failures("The tables that could not be dumped or loaded."),
});

/** Its JSON object. */
export function dumpDoneJson(
  done: readonly DoneTable[],
  { skipped = [], failed = [] }: {
    readonly skipped?: readonly FailedTable[];
    readonly failed?: readonly FailedTable[];
  },
): v.InferOutput<typeof dumpDoneMessage> {
  const named = ({ id, reason }: FailedTable) => ({ table: id, reason });
  return {
    tables: done.map(({ id, size }) => ({ table: id, size })),
    skipped: skipped.map(named),
    failed: failed.map(named),
  };
}
