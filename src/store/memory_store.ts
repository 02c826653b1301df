/** The store in memory, for tests and for trials without a disk. */
import { concatBytes } from "../base/bytes.ts";
import { NotFoundError } from "../base/errors.ts";
import { EXISTS, failureError } from "./failure.ts";
import { relativePath } from "./layout.ts";
import { checkRange, refuseLarger, resolvedLength } from "./range.ts";
import type { BlobStore, ByteRange, FileKind, FileName, GetOptions, ListedFile, StoreCallOptions } from "./store.ts";

/** An empty store that keeps its files in memory only; `location` names it in messages. */
export function openMemoryStore(location = "memory"): BlobStore {
  return new MemoryStore(location);
}

class MemoryStore implements BlobStore {
  readonly location: string;
  readonly connections = 1;
  readonly uploads = 1;
  /** Contents by path, relative to the repository's root. */
  readonly #contents = new Map<string, { file: FileName; bytes: Uint8Array<ArrayBuffer> }>();

  constructor(location: string) {
    this.location = location;
  }

  async create(options: StoreCallOptions = {}): Promise<void> {
    await turn(options.signal);
  }

  async get(file: FileName, range?: ByteRange, options: GetOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    if (range) checkRange(range);
    await turn(options.signal);
    const bytes = this.#find(file, "read");
    if (!range) {
      refuseLarger(bytes.length, options.mostBytes, this.#place(file));
      return bytes.slice();
    }
    const length = resolvedLength(range, bytes.length, this.#place(file));
    return bytes.slice(range.offset, range.offset + length);
  }

  async put(file: FileName, content: readonly Uint8Array[], options: StoreCallOptions = {}): Promise<void> {
    const path = relativePath(file);
    await turn(options.signal);
    const bytes = concatBytes(content);
    options.signal?.throwIfAborted();
    if (this.#contents.has(path)) {
      throw failureError(`store "${this.#place(file)}"`, EXISTS);
    }
    this.#contents.set(path, { file: { ...file }, bytes });
  }

  async size(file: FileName, options: StoreCallOptions = {}): Promise<number> {
    await turn(options.signal);
    return this.#find(file, "look at").length;
  }

  async *list(kind: FileKind, options: StoreCallOptions = {}): AsyncGenerator<ListedFile> {
    await turn(options.signal);
    for (const { file, bytes } of [...this.#contents.values()]) {
      options.signal?.throwIfAborted();
      if (file.kind === kind) yield { name: file.name, size: bytes.length };
    }
  }

  async remove(file: FileName, options: StoreCallOptions = {}): Promise<void> {
    const path = relativePath(file);
    await turn(options.signal);
    this.#contents.delete(path);
  }

  async close(): Promise<void> {
    // Nothing is held open.
  }

  #find(file: FileName, verb: string): Uint8Array<ArrayBuffer> {
    const entry = this.#contents.get(relativePath(file));
    if (!entry) throw new NotFoundError(`Cannot ${verb} "${this.#place(file)}": no such file`);
    return entry.bytes;
  }

  #place(file: FileName): string {
    return `${this.location}/${relativePath(file)}`;
  }
}

/** Lets other calls proceed, as a store with I/O would; throws the reason of an aborted signal. */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await Promise.resolve();
  signal?.throwIfAborted();
}
