/** Listings of the REST protocol: names with sizes (version 2) or names alone (version 1); see restic's REST backend documentation. */
import * as v from "valibot";
import { StoreError } from "../../base/errors.ts";
import { isNameOfKind } from "../layout.ts";
import type { FileKind } from "../store.ts";

/** Asks for listings with sizes. */
export const LISTING_V2 = "application/vnd.x.restic.rest.v2";

/** One file of a listing. */
export interface ListingRow {
  readonly name: string;
  /** `undefined` where the server lists names alone. */
  readonly size: number | undefined;
}

const RowWithSize = v.object({ name: v.string(), size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) });

/**
 * The files of a kind from the text of a listing, each once; names of another shape are passed over. Which version it is
 * shows in the rows: servers differ in how they label it. Throws `StoreError` for anything that is no listing.
 */
export function parseListing(body: Uint8Array, kind: FileKind, place: string): ListingRow[] {
  const entries = json(body, place) ?? [];
  if (!Array.isArray(entries)) throw notARepository(place);
  const toRow = typeof entries[0] === "string" ? rowOfName : rowWithSize;
  const rows = new Map<string, ListingRow>();
  // A row at a time: of a million rows, a schema of the whole would make a second copy.
  for (const entry of entries as unknown[]) {
    const row = toRow(entry);
    if (row === undefined) throw notARepository(place);
    if (isNameOfKind(kind, row.name)) rows.set(row.name, row);
  }
  return [...rows.values()];
}

function rowOfName(entry: unknown): ListingRow | undefined {
  return typeof entry === "string" ? { name: entry, size: undefined } : undefined;
}

function rowWithSize(entry: unknown): ListingRow | undefined {
  return v.is(RowWithSize, entry) ? { name: entry.name, size: entry.size } : undefined;
}

/** Tells that something else than a repository answers. */
export function notARepository(place: string, cause?: unknown): StoreError {
  return new StoreError(`Cannot read "${place}": this does not look like a repository server; check the URL`, {
    cause,
  });
}

function json(body: Uint8Array, place: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw notARepository(place, cause);
  }
}
