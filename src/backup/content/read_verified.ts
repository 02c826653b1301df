/** Reads a whole file of a backup and compares it with what is known of it: length, SHA-256 and, if asked for, MD5. */
import type { StreamSink } from "../../base/byte_source.ts";
import { IntegrityError } from "../../base/errors.ts";
import type { GuardChoice } from "../../guard/guard.ts";
import type { ReadSummary } from "../../pipeline/calls.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import { packsOf } from "../../repository/pack/read_plan.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import type { BackupFile } from "./contents.ts";
import { readStream, type SharedReadAhead } from "./read_stream.ts";
import { quoteByteString } from "../../format/byte_string.ts";

/** A stream that was read from end to end and matched every digest that was computed. */
export interface VerifiedStream {
  /** The file that was read. */
  readonly file: BackupFile;
  /** Its size, digests and verdict. */
  readonly summary: ReadSummary;
}

/** How far a file was read. */
export interface StreamProgress {
  readonly bytesWritten: number;
  readonly bytesTotal: number;
}

/** What reads the contents of a backup. The threads must be configured. */
export interface ContentReading {
  readonly repository: IndexedRepository;
  readonly threads: PipelineThreads;
  readonly signal: AbortSignal;
  /** See `MemoryBudget`. */
  readonly bufferBytes: number | undefined;
  /** See `ReadStreamOptions`. */
  readonly shared?: SharedReadAhead | undefined;
}

/** What is needed to read one file. */
interface FileReading extends ContentReading {
  /** Called as bytes reach the sink. */
  readonly onProgress?: ((progress: StreamProgress) => void) | undefined;
  readonly file: BackupFile;
  readonly sink: StreamSink;
  readonly guard: GuardChoice;
  /** Whether its MD5 is computed, too, and compared. */
  readonly md5: boolean;
}

/**
 * Writes a file to a sink. Resolves when all of it was written and length and digests match. Otherwise rejects with
 * `IntegrityError`; the sink may have received part of the file by then. Several files may be read at once with the
 * same threads.
 */
export async function readVerified(
  { repository, threads, signal, onProgress, bufferBytes, shared, file, sink, guard, md5 }: FileReading,
): Promise<VerifiedStream> {
  const inspection = threads.inspect(guard, { md5 });
  let bytesWritten = 0;
  try {
    const reading = { repository, threads, signal, bufferBytes, shared };
    if (repository.store.expect !== undefined) await expectContents(file, repository);
    for await (const filled of readStream(file.contents(), reading)) {
      const { segment, length } = filled;
      if (bytesWritten + length > file.size) {
        segment.release();
        throw new IntegrityError(
          `Damaged ${quoteByteString(file.path)}: it is longer than the ${file.size} bytes it must have`,
        );
      }
      segment.retain();
      inspection.take(filled);
      try {
        await sink.write(segment.bytes.subarray(0, length));
      } finally {
        segment.release();
      }
      signal.throwIfAborted();
      bytesWritten += length;
      onProgress?.({ bytesWritten, bytesTotal: file.size });
    }
    const summary = await inspection.finish();
    assertExpected(file, summary);
    return { file, summary };
  } finally {
    inspection.drop();
  }
}

/** Tells the store which packs hold the content of a file, before the first of them is read. */
async function expectContents(file: BackupFile, { store, index }: IndexedRepository): Promise<void> {
  for await (const content of file.contents()) {
    await index.lookUp?.(content);
    store.expect?.(packsOf(index, content));
  }
}

/** Throws `IntegrityError` if a stream does not match its tree and its manifest. An MD5 that is null is not compared. */
export function assertExpected(
  { path, size, expected }: Pick<BackupFile, "path" | "size" | "expected">,
  summary: Pick<ReadSummary, "size" | "md5" | "sha256">,
): void {
  const differences = [
    size !== summary.size && `${summary.size} bytes instead of ${size}`,
    expected && summary.md5 !== null && expected.md5 !== summary.md5 && `MD5 ${summary.md5} instead of ${expected.md5}`,
    expected && expected.sha256 !== summary.sha256 && `SHA-256 ${summary.sha256} instead of ${expected.sha256}`,
  ].filter((difference) => typeof difference === "string");
  if (differences.length > 0) {
    throw new IntegrityError(
      `Damaged ${quoteByteString(path)}: what was restored has ${differences.join(", ")}; do not use it`,
    );
  }
}
