/** The options of `get` that choose tables of a dump. */
import { Command } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import type { TableChoice } from "../../backup/tables/dump_tables.ts";
import type { OptionsOf } from "../specification.ts";
import { collect } from "./repeated_options.ts";

/** The options to add to `get`. */
export const TABLE_OPTIONS = new Command()
  .optionsGroup("Tables of a dump:")
  .option("--table <name>", "restore only this table, as shop.orders; * stands for anything; may be repeated", collect)
  .option("--skip-table <name>", "restore the dump without this table; may be repeated", collect)
  .option("--schema-only", "restore definitions without rows")
  .option("--data-only", "restore rows without definitions");

type TableOptionValues = OptionsOf<typeof TABLE_OPTIONS> & {
  readonly target?: string;
  readonly into?: string;
  readonly archive?: string;
  readonly overwrite?: boolean;
};

/** What the command line says of tables; null if it means whole streams. Throws `UsageError`. */
export function tableChoice(options: TableOptionValues): TableChoice | null {
  const { table: tables = [], skipTable: skipped = [], schemaOnly, dataOnly, target, into, archive, overwrite } =
    options;
  const given = [
    tables.length > 0 && "--table",
    skipped.length > 0 && "--skip-table",
    schemaOnly && "--schema-only",
    dataOnly && "--data-only",
  ].find((name) => typeof name === "string");
  if (given === undefined) return null;
  if (schemaOnly && dataOnly) throw new UsageError("Give --schema-only or --data-only, not both");
  const other = [archive !== undefined && "--archive", target !== undefined && "--target"]
    .find((name) => typeof name === "string");
  if (other !== undefined) {
    throw new UsageError(
      `${given} writes a dump to standard output, to a file (-o) or into a server (--into): leave out ${other}`,
    );
  }
  if (dataOnly && into !== undefined && overwrite) {
    throw new UsageError(
      "--data-only adds rows to tables that are empty: empty them yourself, and leave out --overwrite",
    );
  }
  return { tables, skipped, parts: schemaOnly ? "structure" : dataOnly ? "data" : "all" };
}
