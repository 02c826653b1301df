/**
 * The destination of a restored stream: a file that gets its name only when it is complete, or an existing device or
 * pipe.
 */
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import { writeAll } from "../../base/bytes.ts";
import { systemRandomBytes } from "../../crypto/random.ts";
import type { StreamSink } from "../../base/byte_source.ts";
import { isUnsupported } from "../../store/local/local_errors.ts";
import { type FileSystem, NewFile, temporaryBeside } from "../../store/local/local_file.ts";

/** An open output. Call either `keep` or `discard` to end it. */
export interface OutputFile extends StreamSink {
  /** Flushes the output, and gives a file its name. */
  keep(): Promise<void>;
  /**
   * Removes what was written, if possible. Safe after a failed `keep`. Never throws, so that the first error is
   * reported.
   */
  discard(): Promise<void>;
}

/** How an output is opened. */
export interface OutputFileOptions {
  /** Whether an existing file, or the content of a disk, may be replaced. */
  readonly overwrite: boolean;
  /** Whether devices and pipes are allowed: only for paths that the user named, not for paths from the backup. */
  readonly mayBeDevice?: boolean;
  /** The filesystem; by default that of the machine. */
  readonly files?: FileSystem;
}

/**
 * Opens an output. Throws `UsageError` if the file exists and `overwrite` is not given, or if the path cannot be
 * written to.
 */
export async function openOutputFile(path: string, options: OutputFileOptions): Promise<OutputFile> {
  const { files = Deno } = options;
  const found = await lookAt(path);
  if (found?.isDirectory || path === "" || path.endsWith("/")) {
    throw new UsageError(`"${path}" is a directory: name a file`);
  }
  if (found && options.mayBeDevice && isDevice(found)) return await openDevice(path, found, options);
  if (found && !found.isFile) {
    throw new UsageError(
      `"${path}" is not a regular file: name another, or leave out the option and redirect standard output`,
    );
  }
  if (await isLink(path)) throw new UsageError(`"${path}" is a symbolic link: name the file itself`);
  if (found && !options.overwrite) throw new UsageError(`"${path}" is there already: --overwrite replaces it`);
  return await openNewFile(path, files);
}

async function openNewFile(path: string, files: FileSystem): Promise<OutputFile> {
  const temporaryPath = temporaryBeside(path, systemRandomBytes);
  const file = await attempt(`Cannot create "${path}"`, () => NewFile.open(path, temporaryPath, files));
  return {
    write: (bytes) => attempt(`Cannot write "${path}"`, () => file.write(bytes)),
    keep: () => attempt(`Cannot finish "${path}"`, () => file.keep({ replaces: true })),
    discard: () => file.discard(),
  };
}

/** Opens an existing device or pipe. It is written in place, so nothing can be undone. */
async function openDevice(
  path: string,
  { isBlockDevice }: Deno.FileInfo,
  { overwrite, files = Deno }: OutputFileOptions,
): Promise<OutputFile> {
  if (isBlockDevice && !overwrite) throw new UsageError(`"${path}" is a disk: --overwrite replaces what it holds`);
  const device = await attempt(`Cannot open "${path}"`, () => files.open(path, { write: true }));
  let isOpen = true;
  const close = () => {
    if (isOpen) device.close();
    isOpen = false;
  };
  return {
    write: (bytes) => attempt(`Cannot write "${path}"`, () => writeAll(device, bytes)),
    keep: () =>
      attempt(`Cannot finish "${path}"`, async () => {
        await flushDevice(device);
        close();
      }),
    discard: () => Promise.resolve(close()),
  };
}

async function flushDevice(device: Deno.FsFile): Promise<void> {
  try {
    await device.sync();
  } catch (error) {
    if (!isUnsupported(error)) throw error; // pipes and most devices have nothing to flush
  }
}

function isDevice({ isBlockDevice, isCharDevice, isFifo, isSocket }: Deno.FileInfo): boolean {
  return Boolean(isBlockDevice || isCharDevice || isFifo || isSocket);
}

/** What the path leads to after links; undefined if nothing is there. */
async function lookAt(path: string): Promise<Deno.FileInfo | undefined> {
  return await orAbsent(path, () => Deno.stat(path));
}

async function isLink(path: string): Promise<boolean> {
  return (await orAbsent(path, () => Deno.lstat(path)))?.isSymlink ?? false;
}

async function orAbsent(path: string, look: () => Promise<Deno.FileInfo>): Promise<Deno.FileInfo | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new AgentError(`Cannot look at "${path}": ${systemReason(error)}`, { cause: error });
  }
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new AgentError(`${what}: ${systemReason(error)}`, { cause: error });
  }
}
