/**
 * Paths for Deno's own calls. They take text, so names that are not UTF-8 cannot be passed. What lies in an open folder
 * is reached by `/proc/self/fd/N/NAME`: the kernel resolves N to the open folder, whatever its path means by then.
 */
import { Errno, errnoNamed, kernelError } from "../kernel_errors.ts";
import { FileSystemError, messageOf } from "../../base/errors.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where Linux lists the descriptors of this process. */
export const DESCRIPTORS = "/proc/self/fd";

/** A name or path as text. Throws `EILSEQ` if it is not UTF-8. */
export function textOf(bytes: Uint8Array, operation: string, place: () => string): string {
  try {
    return strict.decode(bytes);
  } catch (error) {
    throw kernelError(Errno.EILSEQ, operation, place(), error);
  }
}

/** The result of one of Deno's calls, its errors as a `FileSystemError`. */
export function attempt<T>(operation: string, place: () => string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asFileSystemError(error, operation, place());
  }
}

/** The kernel's error number in an error of `node:fs`; 0 if it has none. */
export function errnoOf(error: unknown): number {
  if (!(error instanceof Error)) return 0;
  // Some of its errors have the name alone.
  return "errno" in error && typeof error.errno === "number"
    ? Math.abs(error.errno)
    : errnoNamed("code" in error && error.code);
}

function asFileSystemError(error: unknown, operation: string, path: string): FileSystemError {
  if (error instanceof FileSystemError) return error;
  const errno = errnoOf(error);
  if (errno !== 0) return kernelError(errno, operation, path, error);
  // Some calls of the runtime throw its own classes, without a number.
  if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) {
    return kernelError(Errno.EACCES, operation, path, error);
  }
  if (error instanceof Deno.errors.InvalidData) return kernelError(Errno.EILSEQ, operation, path, error);
  return new FileSystemError({ operation, path, errno: "UNKNOWN", reason: messageOf(error) }, { cause: error });
}
