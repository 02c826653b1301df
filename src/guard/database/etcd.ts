/**
 * Snapshots written by `etcdctl snapshot save`: a bbolt database, followed by its SHA-256. Layout: bbolt's `page.go`
 * and `db.go` (pages and their meta page), etcd's `client/v3/snapshot`.
 */
import { createHash } from "node:crypto";
import { SourceError } from "../../base/errors.ts";
import type { Format } from "../judge.ts";
import { type Cursor, littleEndian, type Walk, WalkJudge } from "../walk.ts";
import { HeldBack } from "./held_back.ts";

/** Offsets of the magic number and the version in the first page, which is a meta page. */
const OFFSET = { magic: 16, version: 20 };
const MAGIC = 0xed0cdaed;
const VERSION = 2;
const META_BYTES = 80;
const DIGEST_BYTES = 32;
/** The length of every database is a multiple of this. etcd, too, tells by this whether a digest follows. */
const SECTOR_BYTES = 512;

export const etcdFormat: Format = {
  name: "etcd",
  recognises: isDatabase,
  judge: () => new WalkJudge("etcd", walkSnapshot),
};

function isDatabase(head: Uint8Array): boolean {
  return head.length >= META_BYTES && littleEndian(head, OFFSET.magic, 4) === MAGIC &&
    littleEndian(head, OFFSET.version, 4) === VERSION;
}

function* walkSnapshot(cursor: Cursor): Walk {
  const head = yield { take: META_BYTES, what: "the first page" };
  if (!isDatabase(head)) throw new SourceError("does not begin like an etcd snapshot");
  const hash = createHash("sha256").update(head);
  const end = new HeldBack(DIGEST_BYTES, (bytes) => hash.update(bytes));
  const sink = (piece: Uint8Array) => (end.push(piece), piece.length);
  yield { pass: Infinity, what: "pages", orEnd: true, sink };
  const length = cursor.position;
  if (hash.digest().equals(end.bytes)) return `ends with the SHA-256 of its ${length - DIGEST_BYTES} bytes`;
  if (length % SECTOR_BYTES === DIGEST_BYTES) throw new SourceError("its SHA-256 is wrong");
  throw new SourceError(
    `ends at byte ${length} without a SHA-256; a copied database file has none, use etcdctl snapshot save ` +
      "(or --guard none for another program's bbolt file)",
  );
}
