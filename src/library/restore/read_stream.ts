/** Reads a stream or file of a backup as a web stream. */
import { streamOf } from "../../base/byte_source.ts";
import type { Backup } from "../../backup/backup.ts";
import { type GetProgress, openFound, withFoundBackup } from "../../ops/restore/get.ts";
import type { ActionTools } from "../opening/agent_calls.ts";
import type { ReadingOptions } from "../opening/agent_parts.ts";
import { type AtOptions, selectorOf, type WhichBackup } from "./which_backup.ts";

/** What is read. */
export interface ReadStreamOptions extends AtOptions, ReadingOptions {
  /** The stream or file, by its path or the end of it; the only one by default. */
  readonly file?: string;
  /** Whether its MD5 is compared with the manifest, too, besides its SHA-256 and length. */
  readonly md5?: boolean;
  /** Called as the work proceeds. */
  readonly onProgress?: (progress: GetProgress) => void;
}

/**
 * A stream of what a backup holds. `around` runs the work that reads it, as an action or without one. The stream fails
 * if the work does: its end is the proof that the digests matched.
 */
export function streamOfBackup(
  which: WhichBackup,
  { at, file, md5, noLock = false, signal: given, onProgress }: ReadStreamOptions,
  around: (signal: AbortSignal, work: (tools: ActionTools) => Promise<Backup>) => Promise<unknown>,
): ReadableStream<Uint8Array> {
  const request = { selector: selectorOf(which, at), noLock, file };
  return streamOf(
    given === undefined ? [] : [given],
    (sink, signal) =>
      around(signal, async ({ parts: { access, world }, session, signal }) => {
        const reading = { world, signal, begin: session.begin, ...onProgress && { onProgress } };
        return await withFoundBackup(access, request, reading, async (found) => {
          const open = await openFound(found, request, reading);
          const chosen = await open.find(file);
          await open.read(chosen, sink, { md5 });
          return open.backup;
        });
      }),
  );
}
