/**
 * SQLite database files: pages of one size. The first page tells their number. Layout: SQLite's "Database File Format",
 * section 1.3, "The Database Header".
 */
import { SourceError } from "../../base/errors.ts";
import { beginsWith, type Format } from "../judge.ts";
import { type Cursor, type Walk, WalkJudge } from "../walk.ts";

const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;
const OFFSET = { pageSize: 16, changes: 24, pages: 28, countedAt: 92 };
const PAGE_BYTES = { smallest: 512, largest: 65_536 };

export const sqliteFileFormat: Format = {
  name: "sqlite-file",
  recognises: (head) => beginsWith(head, MAGIC),
  judge: () => new WalkJudge("sqlite-file", walkDatabase),
};

function* walkDatabase(cursor: Cursor): Walk {
  const { pages, pageBytes } = readHeader(yield { take: HEADER_BYTES, what: "the database header" });
  const length = pages * pageBytes;
  yield { pass: length - HEADER_BYTES, what: `the ${pages} pages that its header counts` };
  const more = yield { take: 1, what: "the end", orEnd: true };
  if (more.length > 0) {
    throw new SourceError(`goes on at byte ${cursor.position - 1} after the ${pages} pages that its header counts`);
  }
  return `has the ${pages} pages of ${pageBytes} bytes that its header counts`;
}

function readHeader(header: Uint8Array): { pages: number; pageBytes: number } {
  if (!beginsWith(header, MAGIC)) throw new SourceError("does not begin like an SQLite database");
  const field = (offset: number, length: number) => bigEndian(header, offset, length);
  // The largest size does not fit into the field.
  const pageBytes = field(OFFSET.pageSize, 2) === 1 ? PAGE_BYTES.largest : field(OFFSET.pageSize, 2);
  if (pageBytes < PAGE_BYTES.smallest || !Number.isInteger(Math.log2(pageBytes))) {
    throw new SourceError(`claims pages of ${pageBytes} bytes`);
  }
  const pages = field(OFFSET.pages, 4);
  // SQLite before 3.7.0 leaves the old number of pages, or 0. Nothing else would show that the file was cut between two
  // pages.
  if (pages === 0 || field(OFFSET.changes, 4) !== field(OFFSET.countedAt, 4)) {
    throw new SourceError(
      "was last written by SQLite before 3.7.0 and does not tell its length; change it once with a later SQLite, " +
        "or use --guard none",
    );
  }
  return { pages, pageBytes };
}

function bigEndian(bytes: Uint8Array, offset: number, length: number): number {
  return bytes.subarray(offset, offset + length).reduce((value, byte) => value * 256 + byte, 0);
}
