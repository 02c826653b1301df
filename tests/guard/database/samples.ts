/** Small whole streams of the formats of database tools, made by hand. */
import { createHash } from "node:crypto";
import { bytesOf, concat, littleEndianBytes, noise } from "../judging.ts";

/** An unsigned number as `length` bytes, the highest first; a negative one as its complement. */
export function bigEndianBytes(value: number, length: number): Uint8Array<ArrayBuffer> {
  return littleEndianBytes(value < 0 ? value + 256 ** length : value, length).reverse();
}

/** One tuple of a binary COPY; `null` is NULL. */
export function copyTuple(...fields: readonly (Uint8Array | null)[]): Uint8Array<ArrayBuffer> {
  const parts = fields.map((field) =>
    field === null ? bigEndianBytes(-1, 4) : concat(bigEndianBytes(field.length, 4), field)
  );
  return concat(bigEndianBytes(fields.length, 2), ...parts);
}

/** A binary COPY of these tuples. */
export function pgCopy(
  tuples: readonly Uint8Array[],
  { flags = 0, extension = new Uint8Array(0) }: { flags?: number; extension?: Uint8Array } = {},
): Uint8Array<ArrayBuffer> {
  const header = [
    bytesOf("PGCOPY\n\xff\r\n\0"),
    bigEndianBytes(flags, 4),
    bigEndianBytes(extension.length, 4),
    extension,
  ];
  return concat(...header, ...tuples, bigEndianBytes(-1, 2));
}

export const PG_COPY = pgCopy([
  copyTuple(bigEndianBytes(1, 4), bytesOf("one"), null),
  copyTuple(bigEndianBytes(2, 4), bytesOf("\xff\xff"), noise(70)),
  copyTuple(null, new Uint8Array(0), bytesOf("PGCOPY\n\xff\r\n\0")),
]);

/** CRC-64, bit by bit: reflected, with a register that begins and is closed with `mask`. */
export function crc64(bytes: Uint8Array, polynomial: bigint, mask: bigint): bigint {
  let value = mask;
  for (const byte of bytes) {
    value ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (value & 1n ? polynomial : 0n);
  }
  return value ^ mask;
}

/** A CRC-64 as its eight bytes, the lowest first. */
export function crc64Bytes(value: bigint): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value, true);
  return new Uint8Array(view.buffer);
}

/** A Redis dump of some records, with its checksum. */
export function redisDump(records: Uint8Array, magic = "REDIS0011"): Uint8Array<ArrayBuffer> {
  const dump = concat(bytesOf(magic), records, Uint8Array.of(0xff));
  return concat(dump, crc64Bytes(crc64(dump, 0x95ac9329ac4bc9b5n, 0n)));
}

export const REDIS = redisDump(bytesOf("\xfa\x09redis-ver\x057.2.4\xfe\x00\xfb\x01\x00\x00\x03key\x05value"));

/** A bbolt database of pages of 512 bytes: a meta page, and others. */
export function boltDatabase(pages: number): Uint8Array<ArrayBuffer> {
  const meta = new Uint8Array(512);
  meta[8] = 4;
  meta.set(littleEndianBytes(0xed0cdaed, 4), 16);
  meta.set(littleEndianBytes(2, 4), 20);
  meta.set(littleEndianBytes(512, 4), 24);
  return concat(meta, noise(512 * (pages - 1)));
}

/** An etcd snapshot: a database and its SHA-256. */
export function etcdSnapshot(database: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(database, createHash("sha256").update(database).digest());
}

export const ETCD = etcdSnapshot(boltDatabase(2));

/** A BSON document of strings, booleans, 32-bit integers and 64-bit ones. */
export function bson(fields: Readonly<Record<string, string | boolean | number | bigint>>): Uint8Array<ArrayBuffer> {
  const elements = Object.entries(fields).map(([name, value]) => {
    const named = (type: number, bytes: Uint8Array) => concat(Uint8Array.of(type), bytesOf(`${name}\0`), bytes);
    if (typeof value === "string") {
      return named(2, concat(littleEndianBytes(value.length + 1, 4), bytesOf(`${value}\0`)));
    }
    if (typeof value === "boolean") return named(8, Uint8Array.of(value ? 1 : 0));
    return typeof value === "number" ? named(16, littleEndianBytes(value, 4)) : named(18, crc64Bytes(value));
  });
  const body = concat(...elements, Uint8Array.of(0));
  return concat(littleEndianBytes(body.length + 4, 4), body);
}

export const MONGODUMP_END = littleEndianBytes(0xffffffff, 4);

/** The beginning of an archive that lists collections, `db.collection`, of a type each. */
export function mongodumpPrelude(collections: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const listed = Object.entries(collections).map(([name, type]) =>
    bson({ ...mongodumpName(name), metadata: '{"indexes":[]}', size: 0, type })
  );
  const versions = bson({
    concurrent_collections: 4,
    version: "0.1",
    server_version: "7.0.5",
    tool_version: "100.9.4",
  });
  return concat(littleEndianBytes(0x8199e26d, 4), versions, ...listed, MONGODUMP_END);
}

/** A block of documents of one collection. */
export function mongodumpBlock(name: string, ...documents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(bson({ ...mongodumpName(name), EOF: false, CRC: 0n }), ...documents, MONGODUMP_END);
}

/** The block that closes a collection whose documents are these. */
export function mongodumpClosing(name: string, ...documents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const crc = crc64(concat(...documents), 0xc96c5795d7870f42n, 0xffffffffffffffffn);
  return concat(bson({ ...mongodumpName(name), EOF: true, CRC: crc }), MONGODUMP_END);
}

function mongodumpName(name: string): { db: string; collection: string } {
  const dot = name.indexOf(".");
  return { db: name.slice(0, dot), collection: name.slice(dot + 1) };
}

const ORDERS = [bson({ _id: 1, what: "books" }), bson({ _id: 2, what: "EOF" }), bson({ _id: 3n })];
const USERS = [bson({ _id: "anna" })];

export const MONGODUMP = concat(
  mongodumpPrelude({ "shop.orders": "collection", "shop.users": "collection", "shop.none": "", "shop.by_day": "view" }),
  mongodumpBlock("shop.orders", ORDERS[0]!, ORDERS[1]!),
  mongodumpBlock("shop.users", ...USERS),
  mongodumpClosing("shop.none"),
  mongodumpBlock("shop.orders", ORDERS[2]!),
  mongodumpClosing("shop.users", ...USERS),
  mongodumpBlock("shop.by_day"),
  mongodumpClosing("shop.by_day"),
  mongodumpClosing("shop.orders", ...ORDERS),
);

/** An SQLite database of so many pages whose header is by default as it should be. */
export function sqliteFile(
  { pages, pageBytes = 512, told = pages, countedAt = 7 }: {
    pages: number;
    pageBytes?: number;
    told?: number;
    countedAt?: number;
  },
): Uint8Array<ArrayBuffer> {
  const file = noise(pages * pageBytes);
  file.set(bytesOf("SQLite format 3\0"));
  file.set(bigEndianBytes(pageBytes === 65_536 ? 1 : pageBytes, 2), 16);
  file.set(bigEndianBytes(7, 4), 24);
  file.set(bigEndianBytes(told, 4), 28);
  file.set(bigEndianBytes(countedAt, 4), 92);
  return file;
}

export const SQLITE_FILE = sqliteFile({ pages: 3 });
