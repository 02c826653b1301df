/**
 * Index files: which blob lies in which pack (restic design document, section Indexing). A repository of database
 * streams has millions of blobs, so the reader makes no object for each, but calls a visitor.
 */
import { freeBuffer } from "../../base/bytes.ts";
import { invariant } from "../../base/errors.ts";
import { ID_BYTES } from "../../base/id.ts";
import { type BlobType, PACK_OFFSET_LIMIT, type PackedBlob } from "../blob.ts";
import type { ByteWriter } from "../json/byte_writer.ts";
import { expected } from "../json/expected_text.ts";
import { CLOSE_OBJECT } from "../json/json_bytes.ts";
import { skimBlobs } from "./index_skim.ts";
import { JsonScanner } from "../json/json_scanner.ts";
import { KnownWords } from "../json/known_words.ts";
import { SEAL_OVERHEAD_BYTES } from "../pack_header.ts";

/** How many blobs an index file lists before the next one is begun, the same as in restic. */
export const INDEX_MAX_BLOBS = 50_000;

/** One pack with all of its blobs. */
export interface IndexedPack {
  /** The 32 bytes of the pack's id. */
  readonly id: Uint8Array;
  /** Every blob of the pack, in any order. */
  readonly blobs: readonly PackedBlob[];
}

/**
 * Writes the JSON text of an index pack by pack, byte for byte as restic writes it. Each pack must be given once and
 * with all its blobs: restic treats a pack that is split over two index files as an error.
 */
export class IndexEncoder {
  #isEmpty = true;

  /** Appends a pack to the text. */
  add(text: ByteWriter, pack: IndexedPack): void {
    text.ascii(this.#isEmpty ? '{"packs":[{"id":"' : ',{"id":"');
    text.hex(pack.id);
    text.ascii('","blobs":[');
    pack.blobs.forEach((blob, position) => writeBlob(text, blob, position === 0 ? "{" : ",{"));
    text.ascii("]}");
    this.#isEmpty = false;
  }

  /** Ends the text. */
  finish(text: ByteWriter): void {
    text.ascii(this.#isEmpty ? '{"packs":[]}\n' : "]}\n");
  }
}

function writeBlob(writer: ByteWriter, blob: PackedBlob, opening: string): void {
  const { id, type, offset, length, uncompressedLength } = blob;
  invariant(id.length === ID_BYTES, "A blob's id has 32 bytes");
  invariant(offset + length <= PACK_OFFSET_LIMIT && uncompressedLength < PACK_OFFSET_LIMIT, "A pack exceeds 4 GiB");
  writer.ascii(opening);
  writer.ascii('"id":"');
  writer.hex(id);
  writer.ascii(`","type":"${type}","offset":${offset},"length":${length}`);
  if (uncompressedLength > 0) writer.ascii(`,"uncompressed_length":${uncompressedLength}`);
  writer.ascii("}");
}

/** The calls that `decodeIndex` makes. Owns: the id buffers are reused after each call. */
interface IndexVisitor {
  /** A pack. The blobs that follow belong to it. */
  pack(id: Uint8Array): void;
  /** A blob of the last pack; the numbers are those of `PackedBlob`. */
  blob(type: BlobType, id: Uint8Array, offset: number, length: number, uncompressedLength: number): void;
  /**
   * If present, it has `ID_BEGINNINGS` entries, and data blobs for which it is 0 at `beginningOfId` may be skipped,
   * without being checked.
   */
  readonly wantedData?: Uint8Array | undefined;
}

const WORDS = new KnownWords([
  "packs",
  "id",
  "blobs",
  "type",
  "offset",
  "length",
  "uncompressed_length",
  "data",
  "tree",
]);

/** The parts of a blob's usual text before, between and after its values. */
const USUAL = {
  id: expected('{"id":'),
  data: expected(',"type":"data","offset":'),
  tree: expected(',"type":"tree","offset":'),
  length: expected(',"length":'),
  uncompressedLength: expected(',"uncompressed_length":'),
};

/**
 * Reads an index and calls the visitor in the order of the text. Fields may come in any order; unknown ones are ignored
 * (`supersedes` of old restic, `packs_to_delete` of rustic). Throws an `IntegrityError` that names `what` at the first
 * fault. The visitor has then seen everything before it, which the caller must discard.
 */
export function decodeIndex(bytes: Uint8Array, what: string, visitor: IndexVisitor): void {
  for (const _ of new IndexReader(bytes, what, visitor).read());
}

/**
 * Reads an index like `decodeIndex`, but from pieces of its text, of which only some are in memory as long as the text is
 * written as restic and this program write it. Yields from time to time, so that the caller can make room for more.
 */
export function decodeIndexPieces(pieces: Iterable<Uint8Array>, what: string, visitor: IndexVisitor): Generator<void> {
  return new IndexReader(pieces, what, visitor).read();
}

/** So many bytes of text are in view whenever a pack or a blob begins; one blob takes at most some 230. */
const LEAST_VIEW_BYTES = 4096;

/**
 * Looks at one part of the text after the other. What may take more of it than is in view, because it is not written as
 * usual, is read with all of the rest in view.
 */
class IndexReader {
  readonly #pieces: Iterator<Uint8Array> | undefined;
  #hasAll = false;
  /** Holds what is in view of pieces. */
  #memory = new Uint8Array(0);
  #bytes: Uint8Array = new Uint8Array(0);
  /** From here on there is too little of the text in view. */
  #refillAt = Infinity;
  readonly #scanner: JsonScanner;
  readonly #visitor: IndexVisitor;
  readonly #packId = new Uint8Array(ID_BYTES);
  readonly #blobId = new Uint8Array(ID_BYTES);

  /** `text`: all of it, or its pieces, each of which is valid until the next one is asked for. */
  constructor(text: Uint8Array | Iterable<Uint8Array>, what: string, visitor: IndexVisitor) {
    this.#visitor = visitor;
    if (text instanceof Uint8Array) this.#bytes = text;
    else this.#pieces = text[Symbol.iterator]();
    this.#scanner = new JsonScanner(this.#bytes, what, WORDS);
    this.#view(LEAST_VIEW_BYTES);
  }

  *read(): Generator<void> {
    try {
      yield* this.#readAll();
    } finally {
      this.#pieces?.return?.();
      freeBuffer(this.#memory);
    }
  }

  *#readAll(): Generator<void> {
    const scanner = this.#scanner;
    let seen = false;
    for (let more = scanner.enterObject(); more; more = scanner.moreInObject()) {
      if (scanner.readKey() !== "packs") {
        this.#view(Infinity);
        scanner.skipValue();
        continue;
      }
      if (seen) throw scanner.failure("a second list of packs");
      seen = true;
      yield* this.#readPacks();
    }
    this.#view(Infinity);
    scanner.end();
  }

  *#readPacks(): Generator<void> {
    const scanner = this.#scanner;
    if (scanner.takeNull()) return;
    for (let more = scanner.enterArray(); more; more = scanner.moreInArray()) {
      yield* this.#refill();
      yield* this.#readPack();
    }
  }

  /** restic writes a pack's id before its blobs. If it comes later, the blobs are read once it is known. */
  *#readPack(): Generator<void> {
    const scanner = this.#scanner;
    let hasId = false;
    let blobsAt = -1;
    let blobsRead = false;
    for (let more = scanner.enterObject(); more; more = scanner.moreInObject()) {
      switch (scanner.readKey()) {
        case "id":
          if (hasId) throw scanner.failure("a second id of one pack");
          scanner.readHexInto(this.#packId, 0, ID_BYTES);
          this.#visitor.pack(this.#packId);
          hasId = true;
          break;
        case "blobs":
          if (blobsAt >= 0) throw scanner.failure("a second list of blobs of one pack");
          if (!hasId) this.#view(Infinity);
          blobsAt = scanner.position;
          blobsRead = hasId;
          if (hasId) yield* this.#readBlobs();
          else scanner.skipValue();
          break;
        default:
          this.#view(Infinity);
          scanner.skipValue();
      }
    }
    if (!hasId) throw scanner.failure("a pack without id");
    if (blobsAt < 0 || blobsRead) return;
    const end = scanner.position;
    scanner.seek(blobsAt);
    yield* this.#readBlobs();
    scanner.seek(end);
  }

  *#readBlobs(): Generator<void> {
    const scanner = this.#scanner;
    if (scanner.takeNull()) return;
    let more = scanner.enterArray();
    while (more) {
      yield* this.#refill();
      more = this.#readBlobsInView();
    }
  }

  /** Reads blobs until too little of the text is in view. Returns whether another blob follows. */
  #readBlobsInView(): boolean {
    const scanner = this.#scanner;
    const { wantedData } = this.#visitor;
    do {
      if (wantedData !== undefined) {
        scanner.seek(skimBlobs(this.#bytes, scanner.position, wantedData));
        if (scanner.position >= this.#refillAt) return true;
      }
      this.#readBlob();
      if (!scanner.moreInArray()) return false;
    } while (scanner.position < this.#refillAt);
    return true;
  }

  #readBlob(): void {
    const scanner = this.#scanner;
    const start = scanner.position;
    if (this.#readUsualBlob()) return;
    scanner.seek(start);
    this.#view(Infinity);
    this.#readAnyBlob();
  }

  /** Makes sure that enough of the text is in view. Yields if it was not. */
  *#refill(): Generator<void> {
    if (this.#scanner.position < this.#refillAt) return;
    this.#view(LEAST_VIEW_BYTES);
    yield;
  }

  /** Makes so many bytes of the text visible from the scanner's position on, or all that are left. */
  #view(leastBytes: number): void {
    if (this.#pieces === undefined || this.#hasAll) return;
    const rest = this.#bytes.subarray(this.#scanner.position);
    this.#memory.set(rest);
    let { length } = rest;
    while (length < leastBytes && !this.#hasAll) {
      const { value, done } = this.#pieces.next();
      if (done) this.#hasAll = true;
      else length = this.#append(value, length);
    }
    this.#bytes = this.#memory.subarray(0, length);
    this.#refillAt = this.#hasAll ? Infinity : this.#bytes.length - LEAST_VIEW_BYTES;
    this.#scanner.continueIn(this.#bytes);
  }

  #append(piece: Uint8Array, at: number): number {
    const length = at + piece.length;
    if (length > this.#memory.length) {
      const more = new Uint8Array(Math.max(length + LEAST_VIEW_BYTES, 2 * this.#memory.length));
      more.set(this.#memory.subarray(0, at));
      freeBuffer(this.#memory);
      this.#memory = more;
    }
    this.#memory.set(piece, at);
    return length;
  }

  /**
   * Reads a blob exactly as restic and this program write it, which is twice as fast. Returns `false` if it is written
   * differently.
   */
  #readUsualBlob(): boolean {
    const scanner = this.#scanner;
    if (!scanner.takeExactly(USUAL.id)) return false;
    scanner.readHexInto(this.#blobId, 0, ID_BYTES);
    const isData = scanner.takeExactly(USUAL.data);
    if (!isData && !scanner.takeExactly(USUAL.tree)) return false;
    const offset = scanner.readUint(PACK_OFFSET_LIMIT - 1);
    if (!scanner.takeExactly(USUAL.length)) return false;
    const length = scanner.readUint(PACK_OFFSET_LIMIT - 1);
    const isCompressed = scanner.takeExactly(USUAL.uncompressedLength);
    const uncompressedLength = isCompressed ? scanner.readUint(PACK_OFFSET_LIMIT - 1) : 0;
    if (this.#bytes[scanner.position] !== CLOSE_OBJECT) return false;
    scanner.seek(scanner.position + 1);
    this.#report(isData ? "data" : "tree", offset, length, uncompressedLength);
    return true;
  }

  #readAnyBlob(): void {
    const scanner = this.#scanner;
    let hasId = false;
    let type: BlobType | undefined;
    let offset = -1;
    let length = -1;
    let uncompressedLength = 0;
    for (let more = scanner.enterObject(); more; more = scanner.moreInObject()) {
      switch (scanner.readKey()) {
        case "id":
          scanner.readHexInto(this.#blobId, 0, ID_BYTES);
          hasId = true;
          break;
        case "type":
          type = this.#readType();
          break;
        case "offset":
          offset = scanner.readUint(PACK_OFFSET_LIMIT - 1);
          break;
        case "length":
          length = scanner.readUint(PACK_OFFSET_LIMIT - 1);
          break;
        case "uncompressed_length":
          uncompressedLength = scanner.readUint(PACK_OFFSET_LIMIT - 1);
          break;
        default:
          scanner.skipValue();
      }
    }
    if (!hasId || type === undefined || offset < 0 || length < 0) {
      throw scanner.failure("a blob without id, type, offset or length");
    }
    this.#report(type, offset, length, uncompressedLength);
  }

  #readType(): BlobType {
    const type = this.#scanner.readWord();
    if (type === "data" || type === "tree") return type;
    throw this.#scanner.failure("an unknown type of blob");
  }

  #report(type: BlobType, offset: number, length: number, uncompressedLength: number): void {
    if (length < SEAL_OVERHEAD_BYTES) throw this.#scanner.failure("a blob shorter than its seal");
    if (offset + length > PACK_OFFSET_LIMIT) throw this.#scanner.failure("a blob beyond 4 GiB");
    this.#visitor.blob(type, this.#blobId, offset, length, uncompressedLength);
  }
}
