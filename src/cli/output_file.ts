/** A file that appears under its name only when it is complete: written beside it, flushed, then renamed. */
import { basename, dirname, join } from "node:path";
import { AgentError, UsageError } from "../base/errors.ts";
import type { StreamSink } from "../ops/get.ts";
import { systemReason } from "./failure.ts";

/** A file in the making. One of `keep` and `discard` ends it. */
export interface OutputFile extends StreamSink {
  /** Flushes it and gives it its name. */
  keep(): Promise<void>;
  /** Removes what was written, as far as it can; safe to call after a failed `keep`. Never throws: that failure counts. */
  discard(): Promise<void>;
}

/** Opens a file for output. Throws `UsageError` where the name is taken and `overwrite` is not given. */
export async function openOutputFile(path: string, { overwrite }: { overwrite: boolean }): Promise<OutputFile> {
  await refuseTaken(path, overwrite);
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID().slice(0, 8)}.partial`);
  const file = await attempt(
    `Cannot create "${path}"`,
    () => Deno.open(temporary, { write: true, createNew: true, mode: 0o600 }),
  );
  let isOpen = true;
  const close = () => {
    if (isOpen) file.close();
    isOpen = false;
  };
  return {
    write: (bytes) => attempt(`Cannot write "${path}"`, () => writeAll(file, bytes)),
    async keep() {
      await attempt(`Cannot finish "${path}"`, async () => {
        await file.sync();
        close();
        await Deno.rename(temporary, path);
        await syncDirectory(dirname(path));
      });
    },
    async discard() {
      close();
      await Deno.remove(temporary).catch(() => {});
    },
  };
}

async function refuseTaken(path: string, overwrite: boolean): Promise<void> {
  const found = await Deno.lstat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new AgentError(`Cannot look at "${path}": ${systemReason(error)}`, { cause: error });
  });
  if (found?.isDirectory) throw new UsageError(`"${path}" is a directory: name a file`);
  if (found && !found.isFile) {
    throw new UsageError(
      `"${path}" is no regular file: name another, or leave the option away and redirect standard output`,
    );
  }
  if (found && !overwrite) throw new UsageError(`"${path}" is there already: --overwrite replaces it`);
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

async function syncDirectory(path: string): Promise<void> {
  using directory = await Deno.open(path);
  await directory.sync();
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new AgentError(`${what}: ${systemReason(error)}`, { cause: error });
  }
}
