/** Writes dump files of DaCHS as a stream. A header of tar has the size of what follows, so it must be known before. */
import type { StreamSink } from "../../base/byte_source.ts";
import { AgentError } from "../../base/errors.ts";
import { tarEnd, tarHeader, tarPadding } from "../../format/archive/tar_header.ts";
import { formatTimestamp } from "../../format/time.ts";
import { makeNode } from "../../format/tree/node.ts";
import { type DumpedFormat, formatIndex, INDEX_NAME, type IndexEntry, indexWord, memberName } from "./index_file.ts";

/** A table to be written. */
interface WrittenTable {
  /** Its number, from 0. That of a table that could not be dumped stays unused. */
  readonly number: number;
  /** How the index names it. */
  readonly id: string;
  /** The form of COPY. */
  readonly format: DumpedFormat;
  /** Bytes of the content. */
  readonly size: number;
  /** When it was dumped, in milliseconds since 1970 UTC. */
  readonly modifiedMs: number;
}

/** A dump file that is being written. */
export class DumpWriter {
  readonly #gzip = new CompressionStream("gzip");
  readonly #writer = this.#gzip.writable.getWriter();
  readonly #pumped: Promise<void>;
  readonly #entries: Pick<IndexEntry, "member" | "id">[] = [];
  #failure: { readonly error: unknown } | undefined;
  #bytes = 0;

  /** The file goes to `sink`. */
  constructor(sink: StreamSink) {
    this.#writer.closed.catch(() => {});
    this.#pumped = this.#pump(sink);
  }

  /**
   * Adds a table, whose rows `fill` writes. Throws `UsageError` for a name that is not one word, `AgentError` if there
   * are more or fewer bytes than were said, and what filling and writing throw.
   */
  async add({ number, id, format, size, modifiedMs }: WrittenTable, fill: (sink: StreamSink) => Promise<unknown>) {
    const member = memberName(number, format);
    this.#entries.push({ member, id: indexWord(id) });
    await this.#header(member, size, modifiedMs);
    let left = size;
    const changed = () => new AgentError(`The table ${id} changed its size while it was written into the dump file`);
    await fill({
      write: async (bytes) => {
        left -= bytes.length;
        if (left < 0) throw changed();
        await this.#write(bytes);
      },
    });
    if (left !== 0) throw changed();
    await this.#write(tarPadding(size));
  }

  /** Writes the index and the end. `nowMs`: the time of the index. */
  async finish(nowMs: number): Promise<void> {
    const index = new TextEncoder().encode(formatIndex(this.#entries));
    await this.#header(INDEX_NAME, index.length, nowMs);
    await this.#write(index);
    await this.#write(tarPadding(index.length));
    await this.#write(tarEnd(this.#bytes));
    await this.#guarded(() => this.#writer.close());
    await this.#pumped;
    if (this.#failure) throw this.#failure.error;
  }

  /** Gives the file up. May be called again. */
  async discard(): Promise<void> {
    await this.#writer.abort().catch(() => {});
    await this.#pumped;
  }

  async #header(name: string, size: number, timeMs: number): Promise<void> {
    const mtime = formatTimestamp(new Date(Math.floor(timeMs / 1000) * 1000));
    const node = makeNode({ name, type: "file", mode: 0o644, size, mtime });
    await this.#write(tarHeader({ path: name, node, linkTo: null }));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#bytes += bytes.length;
    await this.#guarded(() => this.#writer.write(new Uint8Array(bytes)));
  }

  /** What the sink throws is the reason, not what the compressor says then. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw this.#failure?.error ?? error;
    }
  }

  async #pump(sink: StreamSink): Promise<void> {
    const reader = this.#gzip.readable.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        await sink.write(value);
      }
    } catch (error) {
      this.#failure ??= { error };
      await reader.cancel(error).catch(() => {});
    }
  }
}
