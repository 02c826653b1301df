/** The list of the tables in the streams of a session, which is stored beside the manifest. */
import { decodePieces, encodeTableList, MOST_TABLE_LIST_BYTES, type StreamPieces } from "../../format/table_list.ts";
import { compareByteStrings } from "../../format/byte_string.ts";
import type { ManifestList } from "../../format/manifest/manifest.ts";
import type { StreamTables } from "../../pipeline/stream_tables.ts";
import type { Feed } from "../../pipeline/feed.ts";
import { SegmentPool } from "../../pipeline/segments.ts";
import { FeedGroup } from "../../pipeline/writable_feed.ts";
import { SEGMENT_BYTES } from "../../backup/buffers.ts";
import type { StoredList } from "./tree/digest_list_writer.ts";

/** Collects the tables of streams, in bounded memory. */
export class SessionTables {
  readonly #streams: { readonly path: string; readonly lines: Uint8Array }[] = [];
  readonly #store: (feed: Feed) => Promise<StoredList>;
  #bytes = 0;
  #stored: StoredList | undefined;

  /** `store` stores the stream of the list. */
  constructor(store: (feed: Feed) => Promise<StoredList>) {
    this.#store = store;
  }

  /** Adds a stream. Returns a remark for people if its tables are not listed, though it has some. */
  add(path: string, tables: StreamTables | undefined): string[] {
    if (tables === undefined) return [];
    const problem = "problem" in tables ? tables.problem : this.#keep(path, tables.lines);
    return problem === null ? [] : [`no list of its tables was made: ${problem}`];
  }

  /** Stores the list; undefined if no stream has tables. */
  async finish(): Promise<StoredList | undefined> {
    if (this.#streams.length === 0) return undefined;
    const list = encodeTableList(this.#streams.toSorted((a, b) => compareByteStrings(a.path, b.path)));
    const feed = new FeedGroup(new SegmentPool({ count: 2, segmentBytes: SEGMENT_BYTES })).open();
    const stored = this.#store(feed);
    stored.catch((error) => feed.fail(error));
    await feed.write(list);
    feed.end();
    return this.#stored = await stored;
  }

  /** What the manifest says of the list, once it is stored. */
  get ofManifest(): { readonly tables?: ManifestList } {
    if (this.#stored === undefined) return {};
    const { size, md5, sha256 } = this.#stored.summary;
    return { tables: { size, md5, sha256 } };
  }

  /** The pieces of all streams that are listed. */
  pieces(): StreamPieces[] {
    return this.#streams.map(({ path, lines }) => ({ path, pieces: decodePieces(lines, JSON.stringify(path)) }));
  }

  #keep(path: string, lines: Uint8Array): string | null {
    if (this.#bytes + lines.length > MOST_TABLE_LIST_BYTES) return "the streams have too many tables for a list";
    this.#bytes += lines.length;
    this.#streams.push({ path, lines });
    return null;
  }
}
