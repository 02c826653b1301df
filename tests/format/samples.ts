/** One typical value of each kind, in round numbers, for golden files and for tests that need just any. */
import { asId, type BlobId, type ManifestId, type SnapshotId } from "../../src/base/id.ts";
import type { PackedBlob } from "../../src/format/blob.ts";
import type { RepositoryConfig } from "../../src/format/config.ts";
import { DIR_MODE_0755, FILE_MODE_0644, GoFileMode } from "../../src/format/tree/file_mode.ts";
import type { IndexedPack } from "../../src/format/index/index_file.ts";
import type { KeyFile, MasterKeyBytes } from "../../src/format/key_file.ts";
import type { Lock } from "../../src/format/lock.ts";
import { type Manifest, MANIFEST_FORMAT } from "../../src/format/manifest/manifest.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import type { StreamPieces } from "../../src/format/table_list.ts";
import type { ValueEnvelopeHeader } from "../../src/format/value_envelope.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import { parseTimestamp } from "../../src/format/time.ts";

const STARTED = parseTimestamp("2026-01-02T03:04:05.123456789Z", "sample");
const FINISHED = parseTimestamp("2026-01-02T03:04:07+02:00", "sample");
const BASE = asId<ManifestId>("b0".repeat(32));
const counting = (length: number, first = 0) => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);

export const SAMPLE_CONFIG: RepositoryConfig = {
  version: 2,
  id: "0123456789abcdef".repeat(4),
  chunkerPolynomial: "3da3358b4dc173",
  gearSecret: null,
};

export const SAMPLE_KEY_FILE: KeyFile = {
  created: STARTED,
  username: "backup",
  hostname: "db1",
  kdf: "scrypt",
  N: 32_768,
  r: 8,
  p: 5,
  salt: counting(64),
  data: counting(155, 100),
};

export const SAMPLE_MASTER_KEY: MasterKeyBytes = {
  encrypt: counting(32),
  macK: counting(16, 32),
  macR: counting(16, 48),
};

export const SAMPLE_LOCK: Lock & { uid: number; gid: number } = {
  time: STARTED,
  exclusive: true,
  hostname: "db1",
  username: "backup",
  pid: 4711,
  uid: 1000,
  gid: 100,
};

export const SAMPLE_SNAPSHOT: Snapshot = {
  time: STARTED,
  parent: asId<SnapshotId>("11".repeat(32)),
  tree: asId<BlobId>("22".repeat(32)),
  paths: ["/prod/shop"],
  hostname: "db1",
  username: "backup",
  uid: 1000,
  gid: 100,
  excludes: ["*.tmp"],
  tags: ["level:1", "<night & day>"],
  original: asId<SnapshotId>("33".repeat(32)),
  programVersion: "agent 0.1.0",
  summary: {
    backupStart: STARTED,
    backupEnd: FINISHED,
    filesNew: 1,
    filesChanged: 2,
    filesUnmodified: 3,
    dirsNew: 4,
    dirsChanged: 5,
    dirsUnmodified: 6,
    dataBlobs: 7,
    treeBlobs: 8,
    dataAdded: 9000,
    dataAddedPacked: 1000,
    totalFilesProcessed: 11,
    totalBytesProcessed: 12_000,
  },
  agent: {
    manifest: asId<ManifestId>("44".repeat(32)),
    parent: BASE,
    base: BASE,
    level: 1,
    runType: "daily",
    engine: "stream",
    series: "prod/shop",
    size: 12_000,
    added: 9000,
    stored: 1000,
    files: 1,
    complete: true,
    guard: "mysqldump",
    chunker: { algorithm: "gear32-nc", min: 2048, average: 8192, max: 65_536 },
    modified: STARTED,
    started: STARTED,
    finished: FINISHED,
  },
};

/** Every field, and every quoting, once; sorted by name. */
export const SAMPLE_TREE: readonly Node[] = [
  makeNode({ name: 'a"b\\c\n\udcff', type: "symlink", mode: GoFileMode.symlink + 0o777, linkTarget: "x\udcff&<>" }),
  makeNode({
    name: "data",
    type: "file",
    mode: FILE_MODE_0644,
    mtime: STARTED,
    atime: FINISHED,
    ctime: STARTED,
    uid: 1000,
    gid: 100,
    user: "backup",
    group: "users",
    inode: 2n ** 64n - 1n,
    deviceId: 65_024n,
    size: 764,
    links: 2,
    extendedAttributes: [
      { name: "user.agent.md5", value: counting(16) },
      { name: "user.empty", value: new Uint8Array() },
      { name: "user.none", value: null },
    ],
    genericAttributes: new Map([["windows.creation_time", '"AAAA"'], ["windows.file_attributes", "32"]]),
    content: counting(64),
    error: "read failed",
  }),
  makeNode({ name: "dir", type: "dir", mode: DIR_MODE_0755, subtree: asId<BlobId>("55".repeat(32)) }),
  makeNode({ name: "empty é😀\u00a0", type: "file", content: new Uint8Array() }),
  makeNode({ name: "tty", type: "chardev", mode: GoFileMode.device + GoFileMode.charDevice + 0o620, device: 1025n }),
];

const DATA_BLOBS: readonly PackedBlob[] = [
  { type: "data", id: counting(32), offset: 0, length: 55, uncompressedLength: 700 },
  { type: "data", id: counting(32, 32), offset: 55, length: 148, uncompressedLength: 0 },
];

export const SAMPLE_PACK_BLOBS: readonly PackedBlob[] = [
  ...DATA_BLOBS,
  { type: "tree", id: counting(32, 64), offset: 203, length: 2 ** 24, uncompressedLength: 2 ** 25 },
  { type: "tree", id: counting(32, 96), offset: 203 + 2 ** 24, length: 45, uncompressedLength: 0 },
];

export const SAMPLE_INDEX: readonly IndexedPack[] = [
  { id: counting(32, 128), blobs: DATA_BLOBS },
  {
    id: counting(32, 160),
    blobs: [{ type: "tree", id: counting(32, 64), offset: 0, length: 141, uncompressedLength: 370 }],
  },
];

export const SAMPLE_MANIFEST: Manifest = {
  format: MANIFEST_FORMAT,
  series: parseSeries("prod/shop"),
  host: "db1",
  started: STARTED,
  finished: FINISHED,
  runType: "daily",
  level: 1,
  parent: BASE,
  base: BASE,
  engine: { name: "stream", version: "0.1.0", options: { command: ["mysqldump", "--single-transaction", "shop"] } },
  files: [
    {
      path: "data",
      size: 12_000,
      md5: "d41d8cd98f00b204e9800998ecf8427e",
      sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      blobs: 2,
      guard: { format: "mysqldump", complete: true },
    },
    {
      path: "log/é\udcff",
      size: 0,
      md5: "d41d8cd98f00b204e9800998ecf8427e",
      sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      blobs: 0,
      guard: null,
      parts: 3,
    },
  ],
  chunker: { algorithm: "gear32-nc", min: 2048, average: 8192, max: 65_536 },
  source: { binlog: { file: "mysql-bin.000042", position: 1547 }, "\u20ac": "sorted behind" },
  stats: { bytesRead: 12_000, bytesAdded: 9000, bytesStored: 1000, blobsNew: 1, blobsReused: 1, seconds: 1.5 },
  tags: ["nightly"],
};

/** The list of tables of two streams. */
export const SAMPLE_TABLE_LIST: StreamPieces[] = [
  {
    path: "globals.sql",
    pieces: [{ kind: "other", bytes: 812, database: null, schema: null, name: null, of: null }],
  },
  {
    path: "shop/dump.sql",
    pieces: [
      { kind: "head", bytes: 2 ** 40, database: null, schema: null, name: null, of: null },
      { kind: "structure", bytes: 300, database: "shop", schema: "public", name: "a\tb\\c\nd", of: null },
      {
        kind: "foreign-key",
        bytes: 90,
        database: null,
        schema: "public",
        name: "items",
        of: { schema: null, name: "orders" },
      },
      { kind: "tail", bytes: 1, database: null, schema: null, name: null, of: null },
    ],
  },
];

export const SAMPLE_ENVELOPE: { readonly header: ValueEnvelopeHeader; readonly ciphertext: Uint8Array<ArrayBuffer> } = {
  header: {
    isJson: true,
    isCompressed: true,
    memoryKib: 65_536,
    passes: 3,
    lanes: 1,
    salt: counting(16),
    nonce: counting(12, 16),
    check: counting(16, 28),
    contentBytes: 1_000,
  },
  ciphertext: counting(40, 44),
};
