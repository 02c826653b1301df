/** What of a backup can be served: a stream or file, some tables of a dump, a value, or all of it as an archive. */
import type { StreamSink } from "../../base/byte_source.ts";
import { AgentError, UsageError } from "../../base/errors.ts";
import { type BackupFile, listedFile } from "../../backup/content/contents.ts";
import { type ByteExtent, writeRange } from "../../backup/content/read_ranges.ts";
import { readVerified } from "../../backup/content/read_verified.ts";
import { findTreeFile } from "../../backup/files/find_file.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import { quoteByteString } from "../../format/byte_string.ts";
import { isOfFiles } from "../../format/manifest/manifest.ts";
import { type ArchiveFormat, writeArchive } from "../restore/archive.ts";
import type { ReadableBackup } from "../restore/get.ts";
import { openTables, type TablesOptions } from "../restore/tables/open_tables.ts";

/** What is wanted of a backup. Paths are byte strings. */
export type ContentChoice =
  /** A stream, by its path as the manifest has it, or a file, by its path in the tree. */
  | { readonly kind: "stream"; readonly path: string }
  | { readonly kind: "table"; readonly stream: string; readonly table: string }
  | { readonly kind: "backup"; readonly format: ArchiveFormat };

/** Something that can be written as often as wanted. */
export interface ServedContent {
  /** What a file of it is called, a byte string. */
  readonly name: string;
  /** What the guard found in it; null if no guard read it. */
  readonly format: string | null;
  /** Its length in bytes; null if that is known only at its end. */
  readonly bytes: number | null;
  /** Its digests in lower-case hex; null if nobody knows them. */
  readonly digests: { readonly md5: string; readonly sha256: string } | null;
  /** A digest that differs wherever the bytes do, in lower-case hex. */
  readonly tag: string;
  /**
   * Writes all of it. Resolves when its digests matched, and otherwise rejects with `IntegrityError`; the sink may have
   * received all of it by then.
   */
  write(sink: StreamSink): Promise<void>;
  /** Writes a part, of which only the chunks are verified; null if there are no parts. Rejects as `write` does. */
  readonly writeRange: ((range: ByteExtent, sink: StreamSink) => Promise<void>) | null;
}

/** What is needed besides the backup. */
interface ContentTools extends TablesOptions {
  /** Called for what an archive does not hold. */
  readonly onProblem: (problem: AgentError) => void;
}

/**
 * Finds what is wanted. Throws `UsageError` if the backup does not hold it, and `IntegrityError` for damage.
 */
export async function openContent(
  found: ReadableBackup,
  choice: ContentChoice,
  tools: ContentTools,
): Promise<ServedContent> {
  if (choice.kind === "backup") return archiveContent(found, choice.format, tools);
  if (choice.kind === "table") return await tableContent(found, choice, tools);
  return fileContent(found, await findFile(found, choice.path));
}

function fileContent({ backup, reading }: ReadableBackup, file: BackupFile): ServedContent {
  const { expected, size, path } = file;
  return {
    name: lastName(path),
    format: expected?.guard?.format ?? null,
    bytes: size,
    digests: expected,
    tag: expected?.sha256 ?? tagOf([backup.snapshotId, "stream", path, size]),
    write: async (sink) => void await readVerified({ ...reading, file, sink, guard: "none", md5: false }),
    writeRange: (range, sink) => writeRange(file, range, reading, sink),
  };
}

async function tableContent(
  found: ReadableBackup,
  { stream, table }: Extract<ContentChoice, { kind: "table" }>,
  tools: ContentTools,
): Promise<ServedContent> {
  const { path } = await findFile(found, stream);
  const choice = { tables: [table], skipped: [], parts: "all" } as const;
  const source = await openTables(found, { file: `/${path}`, choice }, tools);
  const format = source.file.expected?.guard?.format ?? null;
  return {
    name: `${table}.${format === "pg_dump-custom" ? "dump" : "sql"}`,
    format,
    bytes: source.size,
    digests: null,
    tag: tagOf([found.backup.snapshotId, "table", path, table, source.size]),
    write: (sink) => source.write(sink),
    writeRange: (range, sink) => source.writeRange(range, sink),
  };
}

function archiveContent(found: ReadableBackup, format: ArchiveFormat, { onProblem }: ContentTools): ServedContent {
  const { snapshotId, series } = found.backup;
  const onLeftOut = ({ path, reason }: { readonly path: string; readonly reason: string }) =>
    onProblem(new AgentError(`The archive of ${series} that is served leaves out ${quoteByteString(path)}: ${reason}`));
  return {
    name: `${lastName(series)}.${format}`,
    format,
    bytes: null,
    digests: null,
    tag: tagOf([snapshotId, "backup", format]),
    write: async (sink) => void await writeArchive(found, { format, only: null }, sink, { onLeftOut }),
    writeRange: null,
  };
}

/** The stream or file at a path. Throws `UsageError` if there is none. */
async function findFile(found: ReadableBackup, path: string): Promise<BackupFile> {
  const { manifest, backup, reading } = found;
  const file = manifest === null || isOfFiles(manifest)
    ? await findTreeFile(found, path, reading)
    : await findStream(found, path);
  if (file !== null) return file;
  throw new UsageError(`The backup ${backup.id} holds no stream or file ${quoteByteString(path)}`);
}

async function findStream({ manifest, backup, reading }: ReadableBackup, path: string): Promise<BackupFile | null> {
  const listed = manifest!.files.find((file) => file.path === path);
  return listed === undefined ? null : await listedFile(reading.repository, { backup, manifest: manifest! }, listed);
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || "data";
}

function tagOf(parts: readonly (string | number)[]): string {
  return sha256Hex(new TextEncoder().encode(JSON.stringify(parts)));
}
