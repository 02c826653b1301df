/** Writes the list of digests of a files backup while its entries come. */
import { SEGMENT_BYTES } from "../../../backup/buffers.ts";
import type { StreamContent } from "../../../backup/content/content_list.ts";
import type { DigestCursor } from "../../../backup/content/read_digests.ts";
import type { UnchangedEntries } from "../../../engine/engine.ts";
import { bytesOfByteString } from "../../../format/byte_string.ts";
import { digestLineText, type FileDigests, type StoredDigestLine } from "../../../format/digest_list.ts";
import { nameStart, nodeOf } from "../../../format/tree/same_run.ts";
import type { StreamSummary } from "../../../pipeline/calls.ts";
import type { Feed } from "../../../pipeline/feed.ts";
import { SegmentPool } from "../../../pipeline/segments.ts";
import { FeedGroup, type WritableFeed } from "../../../pipeline/writable_feed.ts";

/** A list that was stored. */
export interface StoredList {
  readonly content: StreamContent;
  readonly summary: StreamSummary;
}

/** Lines are handed on by so many characters. */
const PIECE_LENGTH = 64 * 1024;
/** One that is filled, and one that is stored. */
const SEGMENTS = 2;
const UNKNOWN: FileDigests = { md5: null, sha256: null };
const NO_BYTES = new Uint8Array(0);

/** Those of an empty file. */
export const EMPTY_DIGESTS = {
  md5: "d41d8cd98f00b204e9800998ecf8427e",
  sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
};

/** Takes lines in walk order. */
export class DigestListWriter {
  readonly #feed: WritableFeed;
  readonly #stored: Promise<StoredList>;
  readonly #earlier: DigestCursor | null;
  #lines = "";

  /** `earlier` is the list of the earlier backup; `store` stores the stream of the lines. */
  constructor(earlier: DigestCursor | null, store: (feed: Feed) => Promise<StoredList>) {
    this.#earlier = earlier;
    this.#feed = new FeedGroup(new SegmentPool({ count: SEGMENTS, segmentBytes: SEGMENT_BYTES })).open();
    this.#stored = store(this.#feed);
    // If it cannot be stored, the next write says so.
    this.#stored.catch((error) => this.#feed.fail(error));
  }

  /** Adds a file. Without digests its line of the earlier list is taken, if that has the file. */
  add(path: string, digests: FileDigests | null): void | Promise<void> {
    if (digests !== null) return this.#write(digestLineText({ path, ...digests }));
    const found = this.#earlier?.find(path) ?? null;
    if (!(found instanceof Promise)) return this.#write(textOf(found, path));
    return found.then((line) => this.#write(textOf(line, path)));
  }

  /** Adds files that did not change: with their lines of the earlier list, as bytes as far as that is possible. */
  async addUnchanged({ directory, run }: UnchangedEntries): Promise<void> {
    const { text, files } = run;
    const prefix = directory === "" ? NO_BYTES : bytesOfByteString(`${directory}/`);
    const names = { prefix, text, starts: Uint32Array.from(files, (entry) => nameStart(run, entry)) };
    for (let file = 0; file < files.length;) {
      const taken = this.#earlier?.take(names, file);
      if (taken !== undefined && taken.files > 0) {
        file += taken.files;
        await this.#writeBytes(taken.bytes);
      } else {
        const { name, size } = nodeOf(run, files[file++]!);
        await this.add(directory === "" ? name : `${directory}/${name}`, size === 0 ? EMPTY_DIGESTS : null);
      }
    }
  }

  /** Ends the list, and returns it when it is stored. */
  async finish(): Promise<StoredList> {
    await this.#flush();
    this.#feed.end();
    await this.#earlier?.close();
    return await this.#stored;
  }

  /** Gives the list up, and waits until nothing of it is under way. */
  async fail(error: unknown): Promise<void> {
    this.#feed.fail(error);
    await Promise.allSettled([this.#stored, this.#earlier?.close()]);
  }

  #write(line: string): void | Promise<void> {
    this.#lines += line;
    if (this.#lines.length >= PIECE_LENGTH) return this.#flush();
  }

  async #writeBytes(bytes: Uint8Array): Promise<void> {
    if (this.#lines !== "") await this.#flush();
    await this.#feed.write(bytes);
  }

  async #flush(): Promise<void> {
    const piece = bytesOfByteString(this.#lines);
    this.#lines = "";
    await this.#feed.write(piece);
  }
}

function textOf(line: StoredDigestLine | null, path: string): string {
  return line?.text ?? digestLineText({ path, ...UNKNOWN });
}
