/** Dump files where they lie, or kept in a temporary file if they come as a stream. */
import { join } from "node:path";
import { writeAll } from "../../base/bytes.ts";
import type { ByteSource } from "../../base/byte_source.ts";
import { systemReason, UsageError } from "../../base/errors.ts";
import type { DumpFile } from "../../compat/dachs/read_dump.ts";
import { PrivateFolder } from "../../engine/client/private_folder.ts";
import { kept } from "./create_dump.ts";

/** A dump file at a path. Opening it throws `UsageError` if it is not there. */
export function dumpAt(path: string): DumpFile {
  return {
    path,
    async open() {
      try {
        return sourceOfFile(await Deno.open(path));
      } catch (error) {
        throw new UsageError(`Cannot open the dump file "${path}": ${systemReason(error)}`, { cause: error });
      }
    },
  };
}

/** A dump file that came as a stream. */
export interface KeptDump extends DumpFile, AsyncDisposable {}

/**
 * Keeps a stream in a temporary file, as the index of a dump file comes last. Throws `AgentError` if there is no room,
 * and what the stream throws.
 */
export async function keepDump(stream: ByteSource, parent?: string): Promise<KeptDump> {
  const folder = await PrivateFolder.make(parent);
  try {
    const path = join(folder.path, "dump.tar.gz");
    using file = await kept(() => Deno.open(path, { write: true, createNew: true, mode: 0o600 }));
    const buffer = new Uint8Array(256 * 1024);
    for (;;) {
      const read = await stream.read(buffer);
      if (read === null) break;
      await kept(() => writeAll(file, buffer.subarray(0, read)));
    }
    return {
      open: async () => sourceOfFile(await kept(() => Deno.open(path))),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

function sourceOfFile(file: Deno.FsFile): ByteSource {
  let isOpen = true;
  return {
    read: (target) => file.read(target),
    cancel() {
      if (isOpen) file.close();
      isOpen = false;
      return Promise.resolve();
    },
  };
}
