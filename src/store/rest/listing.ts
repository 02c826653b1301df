/**
 * Listings of the REST protocol: names with sizes (version 2) or names alone (version 1); see restic's REST backend
 * documentation.
 */
import * as v from "valibot";
import { StoreError } from "../../base/errors.ts";
import { isNameOfKind } from "../layout.ts";
import type { FileKind } from "../store.ts";

/** The media type that asks for listings with sizes. */
export const LISTING_V2 = "application/vnd.x.restic.rest.v2";

/** One file of a listing. */
export interface ListingRow {
  readonly name: string;
  /** Undefined if the server lists names alone. */
  readonly size: number | undefined;
}

const RowWithSize = v.object({ name: v.string(), size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) });

/**
 * The files of a kind in a listing, each once; names of another shape are skipped. The rows show the version, since
 * servers label it differently. Throws `StoreError` if the text is not a listing.
 */
export function parseListing(body: Uint8Array, kind: FileKind, place: string): ListingRow[] {
  const entries = json(body, place) ?? [];
  if (!Array.isArray(entries)) throw notARepository(place);
  const toRow = typeof entries[0] === "string" ? rowOfName : rowWithSize;
  const rows = new Map<string, ListingRow>();
  // Rows are checked one at a time: checking a million rows with one schema would make a second copy of them.
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

/** The error for a server that does not seem to be a repository server. */
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
