/** Any value that the codecs may meet, for fast-check. */
import fc from "fast-check";
import { asId, type BlobId, type Id, type ManifestId, type SnapshotId } from "../../src/base/id.ts";
import type { AgentSnapshotInfo } from "../../src/format/manifest/agent_info.ts";
import type { PackedBlob } from "../../src/format/blob.ts";
import { bytesOfByteString, byteStringOf } from "../../src/format/byte_string.ts";
import type { IndexedPack } from "../../src/format/index/index_file.ts";
import type { JsonObject } from "../../src/format/json/json_text.ts";
import type { KeyFile } from "../../src/format/key_file.ts";
import type { Lock } from "../../src/format/lock.ts";
import { type Manifest, MANIFEST_FORMAT, type ManifestFile } from "../../src/format/manifest/manifest.ts";
import { isNodeName, type Node, NODE_TYPES } from "../../src/format/tree/node.ts";
import { backupNameProblem, parseBackupName, parseSeries } from "../../src/format/manifest/series.ts";
import type { Snapshot, SnapshotSummary } from "../../src/format/snapshot.ts";
import { formatNanoseconds, type Rfc3339 } from "../../src/format/time.ts";

/** Objects with the usual prototype, so that they compare equal to decoded ones. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true });

export const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const id = <T extends Id>() => bytesOf(32).map((bytes) => asId<T>(bytes.toHex()));
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const safeCount = fc.maxSafeNat();
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
/** Well-formed text with all that JSON and Go escape. */
export const text = fc.string({ unit: fc.oneof(fc.string({ unit: "binary", minLength: 1, maxLength: 1 }), special()) });

function special() {
  return fc.constantFrom('"', "\\", "<", ">", "&", "\u2028", "\u2029", "\n", "\x00", "\x7f", "\u0085", "\ufffd", "é");
}

/** Any bytes as a byte string. */
export const byteString = fc.oneof(
  text,
  fc.uint8Array({ maxLength: 12 }).map(byteStringOf),
  fc.array(fc.constantFrom(0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0x41)).map((b) =>
    byteStringOf(Uint8Array.from(b))
  ),
);

const EARLIEST = -62_167_219_200n * 10n ** 9n;
const LATEST = 253_402_300_799n * 10n ** 9n;
export const time: fc.Arbitrary<Rfc3339> = fc.oneof(
  fc.bigInt(EARLIEST, LATEST).map(formatNanoseconds),
  fc.tuple(fc.nat(23), fc.nat(59), fc.constantFrom("+", "-")).map(([hours, minutes, sign]) => {
    const offset = `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
    return `2026-01-02T03:04:05.5${sign}${offset}` as Rfc3339;
  }),
);

const lockByNumber = record({
  time,
  exclusive: fc.boolean(),
  hostname: text,
  username: text,
  pid: fc.nat(),
  uid: uint32,
  gid: uint32,
});

export const lock: fc.Arbitrary<Lock & { uid: number; gid: number }> = fc.tuple(
  lockByNumber,
  fc.option(record({ table: text, started: fc.nat() }), { nil: undefined }),
).map(([known, process]) => ({ ...known, ...process && { process } }));

export const keyFile: fc.Arbitrary<KeyFile> = record({
  created: time,
  username: text,
  hostname: text,
  kdf: fc.constant("scrypt" as const),
  N: fc.integer({ min: 1, max: 17 }).map((log) => 2 ** log),
  r: fc.integer({ min: 1, max: 16 }),
  p: fc.integer({ min: 1, max: 16 }),
  salt: bytesOf(64),
  data: fc.uint8Array({ maxLength: 200 }),
});

const unnamedInfo: fc.Arbitrary<AgentSnapshotInfo> = record({
  manifest: id<ManifestId>(),
  parent: fc.option(id<ManifestId>()),
  base: fc.option(id<ManifestId>()),
  level: fc.nat(),
  runType: fc.option(text),
  engine: text,
  series: text,
  size: safeCount,
  added: safeCount,
  stored: safeCount,
  files: safeCount,
  complete: fc.option(fc.boolean()),
  guard: text,
  chunker: record({ algorithm: text, min: safeCount, average: safeCount, max: safeCount }),
  modified: time,
  started: time,
  finished: time,
});

const backupName = fc.string({ unit: "grapheme" }).filter((name) => backupNameProblem(name) === null);

const streams = fc.array(
  record({ path: text, size: safeCount, guard: text, complete: fc.option(fc.boolean()) }),
  { maxLength: 3 },
);

const agentInfo: fc.Arbitrary<AgentSnapshotInfo> = fc.oneof(
  unnamedInfo,
  fc.tuple(unnamedInfo, backupName).map(([info, name]) => ({ ...info, name: parseBackupName(name) })),
  fc.tuple(unnamedInfo, streams).map(([info, streams]) => ({ ...info, streams })),
  unnamedInfo.map((info) => ({ ...info, shrunk: true as const })),
);

const summary: fc.Arbitrary<SnapshotSummary> = record({
  backupStart: time,
  backupEnd: time,
  filesNew: safeCount,
  filesChanged: safeCount,
  filesUnmodified: safeCount,
  dirsNew: safeCount,
  dirsChanged: safeCount,
  dirsUnmodified: safeCount,
  dataBlobs: safeCount,
  treeBlobs: safeCount,
  dataAdded: safeCount,
  dataAddedPacked: safeCount,
  totalFilesProcessed: safeCount,
  totalBytesProcessed: safeCount,
});

export const snapshot: fc.Arbitrary<Snapshot> = record({
  time,
  parent: fc.option(id<SnapshotId>()),
  tree: id<BlobId>(),
  paths: fc.array(text),
  hostname: text,
  username: text,
  uid: uint32,
  gid: uint32,
  excludes: fc.array(text),
  tags: fc.array(text),
  original: fc.option(id<SnapshotId>()),
  programVersion: text,
  summary: fc.option(summary),
  agent: fc.option(agentInfo),
});

export const node: fc.Arbitrary<Node> = record({
  name: byteString.filter(isNodeName),
  type: fc.constantFrom(...NODE_TYPES),
  mode: uint32,
  mtime: time,
  atime: time,
  ctime: time,
  uid: uint32,
  gid: uint32,
  user: text,
  group: text,
  inode: uint64,
  deviceId: uint64,
  size: safeCount,
  links: safeCount,
  linkTarget: byteString,
  extendedAttributes: fc.array(
    record({ name: text, value: fc.option(fc.uint8Array({ maxLength: 8 })) }),
    { maxLength: 2 },
  ),
  genericAttributes: fc.array(fc.tuple(text, fc.jsonValue().map((value) => JSON.stringify(value))), { maxLength: 2 })
    .map((entries) => new Map(entries)),
  device: uint64,
  content: fc.option(fc.nat(4).chain((ids) => bytesOf(32 * ids))),
  subtree: fc.option(id<BlobId>()),
  error: text,
});

const entry = record({
  id: bytesOf(32),
  type: fc.constantFrom("data" as const, "tree" as const),
  length: fc.integer({ min: 32, max: 2 ** 24 }),
  uncompressedLength: fc.oneof(fc.constant(0), fc.nat({ max: 2 ** 32 - 1 })),
});

const path = fc.array(byteString.filter(isNodeName), { minLength: 1, maxLength: 3 }).map((segments) =>
  segments.join("/")
)
  // Bytes on both sides of a slash never form a character together, so a joined path is a byte string again.
  .map((joined) => byteStringOf(bytesOfByteString(joined)));
const digits = (bytes: number) => bytesOf(bytes).map((value) => value.toHex());
const jsonObject = fc.dictionary(text, fc.jsonValue()).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);

const manifestFile: fc.Arbitrary<ManifestFile> = fc.record<ManifestFile, keyof ManifestFile>({
  path,
  size: safeCount,
  md5: digits(16),
  sha256: digits(32),
  blobs: safeCount,
  guard: fc.option(record({ format: text, complete: fc.option(fc.boolean()) })),
  parts: fc.integer({ min: 1, max: 99_999 }),
  shrunk: record({ from: safeCount, of: id<ManifestId>() }),
}, { requiredKeys: ["path", "size", "md5", "sha256", "blobs", "guard"], noNullPrototype: true });

const links: fc.Arbitrary<Pick<Manifest, "level" | "parent" | "base">> = fc.oneof(
  fc.constant({ level: 0, parent: null, base: null }),
  id<ManifestId>().map((base) => ({ level: 1, parent: base, base })),
  fc.tuple(fc.integer({ min: 2, max: 100 }), id<ManifestId>(), id<ManifestId>()).filter(([, a, b]) => a !== b)
    .map(([level, parent, base]) => ({ level, parent, base })),
);
const name = text.filter((value) => value !== "");

export const manifest: fc.Arbitrary<Manifest> = fc.tuple(
  links,
  record<Omit<Manifest, "level" | "parent" | "base">>({
    format: fc.constant(MANIFEST_FORMAT),
    series: fc.constantFrom("shop", "prod/shop", "é/😀").map(parseSeries),
    host: text,
    started: time,
    finished: time,
    runType: fc.option(name),
    engine: record({ name, version: text, options: jsonObject }),
    files: fc.uniqueArray(manifestFile, { maxLength: 3, selector: (file) => file.path }),
    chunker: fc.tuple(name, safeCount, safeCount, safeCount).map(([algorithm, ...sizes]) => {
      const [min, average, max] = sizes.sort((a, b) => a - b) as [number, number, number];
      return { algorithm, min, average, max };
    }),
    source: jsonObject,
    stats: record({
      bytesRead: safeCount,
      bytesAdded: safeCount,
      bytesStored: safeCount,
      blobsNew: safeCount,
      blobsReused: safeCount,
      seconds: fc.double({ min: 0, noDefaultInfinity: true, noNaN: true }).map((value) => value + 0),
    }),
    tags: fc.array(text),
  }),
).map(([chain, rest]) => ({ ...rest, ...chain }));

/** The blobs of one pack, lying without gaps. */
export const packedBlobs: fc.Arbitrary<PackedBlob[]> = fc.array(entry, { minLength: 1, maxLength: 8 }).map(
  (entries) => {
    let end = 0;
    return entries.map((blob) => {
      const offset = end;
      end += blob.length;
      return { ...blob, offset };
    });
  },
);

export const packs: fc.Arbitrary<IndexedPack[]> = fc.array(
  record({ id: bytesOf(32), blobs: fc.oneof(packedBlobs, fc.constant([])) }),
  { maxLength: 4 },
);
