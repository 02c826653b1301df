/** Small whole streams of every format, made by hand. */
import { constants, crc32, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import { BZIP2, LZ4, XZ } from "./container/samples.ts";
import { ETCD, MONGODUMP, PG_COPY, REDIS, SQLITE_FILE } from "./database/samples.ts";
import { bytesOf, concat, littleEndianBytes, noise } from "./judging.ts";

const ROWS = Array.from({ length: 40 }, (_, i) => `(${i},'row ${i} -- Dump completed')`).join(",");

export const MYSQLDUMP = `-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
INSERT INTO \`t\` VALUES ${ROWS};
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2024-03-05  4:05:06
`;

export const MARIADB_DUMP = `/*M!999999\\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
INSERT INTO \`t\` VALUES ${ROWS};

-- Dump completed on 2024-03-05 14:05:06
`;

export const PG_DUMP = `--
-- PostgreSQL database dump
--

-- Dumped from database version 15.4
-- Dumped by pg_dump version 15.4

SET statement_timeout = 0;
COPY public.t (id, v) FROM stdin;
1	-- PostgreSQL database dump complete
\\.


--
-- PostgreSQL database dump complete
--

`;

export const PG_DUMP_RESTRICTED = PG_DUMP
  .replace("--\n\n-- Dumped from", "--\n\n\\restrict tOkEn01\n\n-- Dumped from")
  .replace(/\n\n$/, "\n\n\\unrestrict tOkEn01\n\n");

export const PG_DUMPALL = `--
-- PostgreSQL database cluster dump
--

SET default_transaction_read_only = off;
\\connect template1

${PG_DUMP_RESTRICTED}--
-- PostgreSQL database cluster dump complete
--

`;

export const SQLITE = `PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE t(a,b);
INSERT INTO t VALUES(1,'COMMIT;');
COMMIT;
`;

/** One 512-byte tar header. */
export function tarHeader(
  fields: {
    name?: string;
    size?: number | Uint8Array;
    type?: string;
    linkName?: string;
    magic?: string;
    signedChecksum?: boolean;
  },
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(512);
  const put = (offset: number, value: string | Uint8Array) =>
    header.set(typeof value === "string" ? bytesOf(value) : value, offset);
  const size = fields.size ?? 0;
  put(0, fields.name ?? "file");
  put(100, "0000644\0" + "0000000\0" + "0000000\0");
  put(124, typeof size === "number" ? size.toString(8).padStart(11, "0") + " " : size);
  put(136, "14573333333\0" + " ".repeat(8) + (fields.type ?? "0"));
  put(157, fields.linkName ?? "");
  put(257, fields.magic ?? "ustar\x0000");
  const sum = header.reduce((total, byte) => total + (fields.signedChecksum && byte > 127 ? byte - 256 : byte), 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return header;
}

/** A tar member: header, content and padding. */
export function tarMember(content: Uint8Array, fields: Parameters<typeof tarHeader>[0] = {}): Uint8Array<ArrayBuffer> {
  return concat(
    tarHeader({ size: content.length, ...fields }),
    content,
    new Uint8Array((512 - content.length % 512) % 512),
  );
}

/** The two zero blocks that end an archive. */
export const TAR_END = new Uint8Array(1024);

/** A pax record `LENGTH KEY=VALUE\n`. */
export function paxRecord(key: string, value: string): Uint8Array<ArrayBuffer> {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return bytesOf(length + rest);
}

export const TAR = concat(
  tarMember(noise(700), { name: "a" }),
  tarMember(new Uint8Array(0), { name: "dir/", type: "5" }),
  tarMember(noise(1024, 2), { name: "dir/b" }),
  TAR_END,
);

/** The beginning of an xbstream chunk. */
export function xbChunk(type: string, path: string, flags = 0): Uint8Array<ArrayBuffer> {
  return concat(
    bytesOf("XBSTCK01"),
    Uint8Array.of(flags),
    bytesOf(type),
    littleEndianBytes(path.length, 4),
    bytesOf(path),
  );
}

/** A payload chunk. */
export function xbPayload(path: string, content: Uint8Array, offset = 0, flags = 0): Uint8Array<ArrayBuffer> {
  return concat(
    xbChunk("P", path, flags),
    littleEndianBytes(content.length, 8),
    littleEndianBytes(offset, 8),
    littleEndianBytes(crc32(content), 4),
    content,
  );
}

/** A whole file in one payload chunk and its end. */
export function xbFile(path: string, content = noise(50)): Uint8Array<ArrayBuffer> {
  return concat(xbPayload(path, content), xbChunk("E", path));
}

export const XBSTREAM = concat(
  xbFile("ibdata1", noise(300)),
  xbPayload("shop/t.ibd", noise(100)),
  xbFile("shop/db.opt"),
  xbPayload("shop/t.ibd", noise(60, 3), 100),
  xbChunk("E", "shop/t.ibd"),
  xbFile("xtrabackup_checkpoints"),
  xbFile("xtrabackup_info"),
);

export const GZIP = Uint8Array.from(gzipSync(bytesOf(MYSQLDUMP)));

/** A gzip member with every optional field in its header. */
export function gzipMemberWithAllFields(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(
    Uint8Array.of(0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3),
    littleEndianBytes(5, 2),
    bytesOf("extra" + "name\0" + "comment\0" + "hc"),
    deflateRawSync(content),
    littleEndianBytes(crc32(content), 4),
    littleEndianBytes(content.length, 4),
  );
}

/** One zstd frame, with a checksum. (Output longer than a chunk gets a second, empty frame from Deno.) */
export function zstdFrame(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const options = { chunkSize: 2 ** 21, params: { [constants.ZSTD_c_checksumFlag]: 1 } };
  return Uint8Array.from(zstdCompressSync(content, options));
}

export const ZSTD = zstdFrame(bytesOf(PG_DUMP_RESTRICTED));

/** Archive version `1.minor` of `pg_dump -Fc`: one entry with data, one with large objects, one without. */
export function pgArchive(minor: number): Uint8Array<ArrayBuffer> {
  const integer = (value: number) => concat(Uint8Array.of(value < 0 ? 1 : 0), littleEndianBytes(Math.abs(value), 4));
  const string = (value: string | null) => value === null ? integer(-1) : concat(integer(value.length), bytesOf(value));
  const strings = (...values: (string | null)[]) => concat(...values.map(string));
  const entry = (id: number, description: string, state: number) =>
    concat(
      integer(id),
      integer(state === 3 ? 0 : 1),
      strings("1259", "16385", "t", description),
      ...(minor >= 11 ? [integer(3)] : []),
      strings("CREATE TABLE t (id int)", "", null, "public", ""),
      ...(minor >= 14 ? [string("heap")] : []),
      ...(minor >= 16 ? [integer(114)] : []),
      strings("postgres", "false", "7", "12", null),
      Uint8Array.of(state),
      new Uint8Array(8),
    );
  const pieces = (...contents: Uint8Array[]) =>
    concat(...contents.map((content) => concat(integer(content.length), content)), integer(0));
  return concat(
    bytesOf("PGDMP"),
    Uint8Array.of(1, minor, 0, 4, 8, 1),
    minor >= 15 ? Uint8Array.of(1) : integer(-1),
    ...[6, 5, 4, 5, 2, 124, 0].map(integer),
    strings("shop", "17.2", "17.2"),
    integer(3),
    entry(7, "TABLE", 3),
    entry(9, "TABLE DATA", 1),
    entry(12, "BLOBS", 2),
    concat(Uint8Array.of(1), integer(9), pieces(noise(90), noise(40, 2))),
    concat(Uint8Array.of(3), integer(12), integer(16500), pieces(noise(30)), integer(-7), pieces(), integer(0)),
  );
}

/** Every whole stream of this file, with its format and how many bytes at its end a prefix may lack and still be whole. */
export const SAMPLES: readonly { format: string; bytes: Uint8Array<ArrayBuffer>; spare: number }[] = [
  { format: "mysqldump", bytes: bytesOf(MYSQLDUMP), spare: 0 },
  { format: "mariadb-dump", bytes: bytesOf(MARIADB_DUMP), spare: 0 },
  { format: "pg_dump", bytes: bytesOf(PG_DUMP), spare: 1 },
  { format: "pg_dump", bytes: bytesOf(PG_DUMP_RESTRICTED), spare: 1 },
  { format: "pg_dumpall", bytes: bytesOf(PG_DUMPALL), spare: 1 },
  { format: "sqlite", bytes: bytesOf(SQLITE), spare: 0 },
  { format: "tar", bytes: TAR, spare: 0 },
  { format: "tar", bytes: concat(TAR, new Uint8Array(3000)), spare: 3000 },
  { format: "xbstream", bytes: XBSTREAM, spare: 0 },
  { format: "pg_dump-custom", bytes: pgArchive(14), spare: 0 },
  { format: "gzip+mysqldump", bytes: GZIP, spare: 0 },
  { format: "gzip+mysqldump", bytes: concat(GZIP, new Uint8Array(20)), spare: 20 },
  { format: "zstd+pg_dump", bytes: ZSTD, spare: 0 },
  { format: "pg_copy", bytes: PG_COPY, spare: 0 },
  { format: "sqlite-file", bytes: SQLITE_FILE, spare: 0 },
  { format: "redis-rdb", bytes: REDIS, spare: 0 },
  { format: "etcd", bytes: ETCD, spare: 0 },
  { format: "mongodump", bytes: MONGODUMP, spare: 0 },
  { format: "xz", bytes: XZ, spare: 0 },
  { format: "bzip2", bytes: BZIP2, spare: 0 },
  { format: "lz4", bytes: LZ4, spare: 0 },
  { format: "gzip+xz", bytes: Uint8Array.from(gzipSync(XZ)), spare: 0 },
  { format: "gzip+zstd+tar", bytes: Uint8Array.from(gzipSync(zstdFrame(TAR))), spare: 0 },
];
