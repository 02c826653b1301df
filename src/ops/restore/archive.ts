/** Archive: writes a whole backup as a tar or zip archive, and checks every blob and every stream of a manifest. */
import { archiveEntries, type ArchiveEntry } from "../../backup/archive/archive_entries.ts";
import { ArchiveOutput } from "../../backup/archive/archive_output.ts";
import type { ArchiveWriter } from "../../backup/archive/archive_writer.ts";
import { type EntryVisitor, readEntries } from "../../backup/archive/read_entries.ts";
import { TarArchive } from "../../backup/archive/tar_archive.ts";
import { ZipArchive } from "../../backup/archive/zip_archive.ts";
import { type Backup, sizeOf } from "../../backup/backup.ts";
import type { StreamSink } from "../../base/byte_source.ts";
import { assertExpected } from "../../backup/content/read_verified.ts";
import type { ReadSummary } from "../../pipeline/calls.ts";
import type { StreamInspection } from "../../pipeline/inspection.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import type { GatedOptions, RepositoryAccess } from "../access.ts";
import {
  filesFor,
  findOneFile,
  type FoundBackup,
  type OpenRequest,
  type ReadableBackup,
  withFoundBackup,
} from "./get.ts";

/** The formats of archives. */
export const ARCHIVE_FORMATS = ["tar", "zip"] as const;
/** One of the formats. */
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number];

/** Which backup becomes an archive, and how. */
export interface ArchiveRequest extends OpenRequest {
  /** The format to write. */
  readonly format: ArchiveFormat;
  /** The only file that is wanted, by its path or the end of it; undefined for everything. */
  readonly file?: string | undefined;
  /** Whether the MD5 of each stream is compared, too; false by default. */
  readonly md5?: boolean | undefined;
}

/** How far an archive is. */
export interface ArchiveProgress {
  /** The current phase. */
  readonly phase: "indexes" | "stream";
  /** Bytes of contents that were written. */
  readonly bytesWritten: number;
  /** Bytes of all contents; null if the backup does not record them. */
  readonly bytesTotal: number | null;
}

/** An entry of the backup that the format cannot hold. */
export interface LeftOutEntry {
  /** Its path, a byte string. */
  readonly path: string;
  /** Why, as the end of a sentence that begins with the path. */
  readonly reason: string;
}

/** Options of `archive`. */
export interface ArchiveOptions extends GatedOptions {
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: ArchiveProgress) => void;
  /** Called for each entry that the archive does not hold. */
  readonly onLeftOut?: (entry: LeftOutEntry) => void;
}

/** A finished archive. */
export interface ArchiveResult {
  /** The backup that is in it. */
  readonly backup: Backup;
  /** Members of the archive. */
  readonly members: number;
  /** Those of them that are files, each name of a file counted. */
  readonly files: number;
  /** Bytes of all contents in it. */
  readonly contentBytes: number;
  /** Bytes of the archive. */
  readonly bytes: number;
  /** SHA-256 of the archive in lower-case hex. */
  readonly sha256: string;
  /** How many of the files were compared with a manifest: length, SHA-256 and, if asked for, MD5. */
  readonly compared: number;
  /** How many entries the archive does not hold, because its format cannot; `onLeftOut` was called for each. */
  readonly leftOut: number;
}

/**
 * Writes a backup to a sink as an archive. Resolves when all of it was written and the digests match. Otherwise
 * rejects, with `IntegrityError` for damage; what the sink received by then is no whole archive. Equal backups make
 * equal archives, byte for byte.
 */
export async function archive(
  access: RepositoryAccess,
  request: ArchiveRequest,
  sink: StreamSink,
  options: ArchiveOptions,
): Promise<ArchiveResult> {
  const { onProgress } = options;
  const onIndexes = () => onProgress?.({ phase: "indexes", bytesWritten: 0, bytesTotal: null });
  return await withFoundBackup(access, request, { ...options, onProgress: onIndexes }, async (found) => {
    const { file, format, md5 } = request;
    const result = await writeArchive(found, { format, only: await chosenPath(found, request), md5 }, sink, {
      onLeftOut: options.onLeftOut,
      onProgress: (bytesWritten) => {
        const bytesTotal = file === undefined ? sizeOf(found.backup) : null;
        onProgress?.({ phase: "stream", bytesWritten, bytesTotal });
      },
    });
    found.verified.add(result.contentBytes, { isAll: file === undefined && result.leftOut === 0 });
    return result;
  });
}

/** What becomes an archive. */
interface ArchiveContent {
  readonly format: ArchiveFormat;
  /** The path of the only file that is wanted; null for everything. */
  readonly only: string | null;
  /** See `ArchiveRequest`. */
  readonly md5?: boolean | undefined;
}

/** Who hears of an archive while it is written. */
interface ArchiveListener {
  readonly onLeftOut?: ArchiveOptions["onLeftOut"];
  /** Called with the bytes of contents that were written. */
  readonly onProgress?: (bytesWritten: number) => void;
}

/** Writes a backup that was found to a sink as an archive. Resolves and rejects as `archive` does. */
export async function writeArchive(
  { backup, manifest, reading }: ReadableBackup,
  { format, only, md5 = false }: ArchiveContent,
  sink: StreamSink,
  { onLeftOut, onProgress }: ArchiveListener = {},
): Promise<ArchiveResult> {
  const output = new ArchiveOutput(sink);
  const writer = format === "tar" ? new TarArchive(output) : new ZipArchive(output);
  const visitor = new ArchiveVisitor(writer, { threads: reading.threads, md5 }, (bytesWritten) => {
    reading.signal.throwIfAborted();
    onProgress?.(bytesWritten);
  });
  const entries = archiveEntries(reading.repository, { backup, manifest, only, hardLinks: writer.hardLinks });
  const held = new HeldEntries(entries, writer, onLeftOut);
  try {
    await readEntries(held.entries(), visitor, reading);
  } finally {
    visitor.close();
  }
  await writer.finish();
  const sha256 = await output.finish();
  const { members, files, compared, contentBytes } = visitor;
  return { backup, members, files, contentBytes, bytes: output.bytes, sha256, compared, leftOut: held.leftOut };
}

/** The path of the only file that is wanted; null for everything. */
async function chosenPath(found: FoundBackup, { file }: ArchiveRequest): Promise<string | null> {
  return file === undefined ? null : (await findOneFile(found, await filesFor(found, file), file)).path;
}

/** The entries that the format can hold. */
class HeldEntries {
  /** How many others there were. */
  leftOut = 0;
  readonly #all: AsyncIterable<ArchiveEntry>;
  readonly #writer: ArchiveWriter;
  readonly #onLeftOut: ArchiveOptions["onLeftOut"];

  constructor(all: AsyncIterable<ArchiveEntry>, writer: ArchiveWriter, onLeftOut: ArchiveOptions["onLeftOut"]) {
    this.#all = all;
    this.#writer = writer;
    this.#onLeftOut = onLeftOut;
  }

  async *entries(): AsyncGenerator<ArchiveEntry> {
    for await (const entry of this.#all) {
      const reason = this.#writer.problem(entry.member);
      if (reason === null) {
        yield entry;
        continue;
      }
      this.leftOut++;
      this.#onLeftOut?.({ path: entry.member.path, reason });
    }
  }
}

/** What digests streams, and how. */
interface Digesting {
  readonly threads: PipelineThreads;
  readonly md5: boolean;
}

/** Writes entries to an archive, and compares the streams of a manifest with it. */
class ArchiveVisitor implements EntryVisitor {
  members = 0;
  files = 0;
  compared = 0;
  contentBytes = 0;
  readonly #writer: ArchiveWriter;
  readonly #digesting: Digesting;
  readonly #onProgress: (bytesWritten: number) => void;
  #inspection: StreamInspection<ReadSummary> | null = null;

  constructor(writer: ArchiveWriter, digesting: Digesting, onProgress: (bytesWritten: number) => void) {
    this.#writer = writer;
    this.#digesting = digesting;
    this.#onProgress = onProgress;
  }

  begin({ member, expected }: ArchiveEntry): void | Promise<void> {
    this.members++;
    if (member.node.type === "file") this.files++;
    if (expected !== null) {
      const { threads, md5 } = this.#digesting;
      this.#inspection = threads.inspect("none", { md5 });
    }
    return this.#writer.begin(member);
  }

  async content({ segment, from, to }: Parameters<EntryVisitor["content"]>[0]): Promise<void> {
    if (this.#inspection !== null) {
      segment.retain();
      this.#inspection.take({ segment, length: to }, from);
    }
    await this.#writer.content(segment.bytes.subarray(from, to));
    this.contentBytes += to - from;
    this.#onProgress(this.contentBytes);
  }

  async end({ member: { path, node }, expected }: ArchiveEntry): Promise<void> {
    if (this.#inspection !== null) {
      assertExpected({ path, size: node.size, expected }, await this.#inspection.finish());
      this.#inspection = null;
      this.compared++;
    }
    await this.#writer.end();
  }

  /** Gives up what a failure left open. */
  close(): void {
    this.#inspection?.drop();
    this.#writer.close();
  }
}
