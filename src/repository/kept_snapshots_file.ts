/**
 * A file of what snapshots say, for the cache directory: sealed under keys that are derived from the repository's, so
 * that whoever has not got those can neither read nor make one. The repository's own keys would not do: they seal every
 * chunk as well, and what a chunk holds may be up to others.
 *
 * Its plaintext is a heading, the length of the text in 4 bytes, little-endian, and the text in a zstd frame: a JSON list
 * of pairs of an id and the snapshot as `decodeSnapshot` gave it. That checked it when it was loaded by its id, and the
 * seal stands for that from then on: to check thousands of snapshots anew would take several times as long as to read
 * this file. A pair stays true for ever, since the id of a snapshot is the digest of its file. So any file that opens may
 * be used, however old it is.
 */
import { IntegrityError } from "../base/errors.ts";
import type { SnapshotId } from "../base/id.ts";
import { compress, decompress } from "../codec/compression.ts";
import { sealingKeysFor } from "../crypto/kdf.ts";
import type { RandomBytes } from "../crypto/random.ts";
import { createSealer, type Sealer, type SealingKeys } from "../crypto/seal.ts";
import type { Snapshot } from "../format/snapshot.ts";

/** Names the purpose of the keys. */
const LABEL = "agent kept snapshots/1";

/**
 * Begins the plaintext. The number grows with every change of what `Snapshot` has and means: the files of other versions
 * of this program are not used.
 */
const HEADING = new TextEncoder().encode("agent snapshots/1\n");

const FRAME_OFFSET = HEADING.length + 4;

/** The most bytes of JSON in one file: those of some 200,000 snapshots. */
const MOST_TEXT_BYTES = 256 * 1024 * 1024;

const WHAT = "what is kept of the snapshots";

/** The sealer of these files. `keys`: those of the repository. */
export function keptSnapshotsSealer(keys: SealingKeys, randomBytes: RandomBytes): Sealer {
  return createSealer(sealingKeysFor(keys, LABEL), randomBytes);
}

/** The bytes of a file; undefined if it would be too large. */
export function encodeKeptSnapshots(
  snapshots: ReadonlyMap<SnapshotId, Snapshot>,
  sealer: Sealer,
  mostTextBytes = MOST_TEXT_BYTES,
): Uint8Array<ArrayBuffer> | undefined {
  const rows: string[] = [];
  let length = 0;
  for (const row of snapshots) {
    const text = JSON.stringify(row);
    length += text.length + 1;
    if (length > mostTextBytes) return undefined;
    rows.push(text);
  }
  const text = new TextEncoder().encode(`[${rows.join()}]`);
  if (text.length > mostTextBytes) return undefined;
  const frame = compress(text, "fastest");
  const plaintext = new Uint8Array(FRAME_OFFSET + frame.length);
  plaintext.set(HEADING);
  new DataView(plaintext.buffer).setUint32(HEADING.length, text.length, true);
  plaintext.set(frame, FRAME_OFFSET);
  return sealer.seal(plaintext);
}

/** The snapshots in a file. Throws `IntegrityError` for what `encodeKeptSnapshots` did not seal with the same keys. */
export function decodeKeptSnapshots(bytes: Uint8Array, sealer: Sealer): Map<SnapshotId, Snapshot> {
  const plaintext = sealer.open(bytes, WHAT);
  if (!HEADING.every((byte, i) => plaintext[i] === byte)) {
    throw new IntegrityError(`Cannot use ${WHAT}: another version of this program wrote it, or it is another file`);
  }
  const { buffer, byteOffset } = plaintext;
  const length = new DataView(buffer, byteOffset).getUint32(HEADING.length, true);
  const text = decompress(plaintext.subarray(FRAME_OFFSET), length, MOST_TEXT_BYTES, WHAT);
  // The seal and the heading say that this is what `encodeKeptSnapshots` wrote.
  const rows: [SnapshotId, Snapshot][] = JSON.parse(new TextDecoder().decode(text));
  return new Map(rows);
}
