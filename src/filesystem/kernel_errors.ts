/** The error numbers of Linux, which x86_64 and aarch64 share, with their names and meanings. */
import { FileSystemError } from "../base/errors.ts";

/** Numbers that the code asks for (include/uapi/asm-generic/errno-base.h and errno.h of Linux). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ERANGE: 34,
  ENOSYS: 38,
  ENODATA: 61,
  EILSEQ: 84,
  ENOTSUP: 95,
} as const;

/** Name and meaning of each number that calls on files give. */
const MEANINGS: Readonly<Record<number, readonly [name: string, reason: string]>> = {
  [Errno.EPERM]: ["EPERM", "the operation is not permitted"],
  [Errno.ENOENT]: ["ENOENT", "there is no such file or folder"],
  [Errno.EINTR]: ["EINTR", "a signal interrupted the call"],
  5: ["EIO", "the disk reported an error"],
  [Errno.ENXIO]: ["ENXIO", "there is no such device or address"],
  7: ["E2BIG", "the list is too long"],
  [Errno.EBADF]: ["EBADF", "it is not open for that"],
  [Errno.EAGAIN]: ["EAGAIN", "it would have to wait"],
  12: ["ENOMEM", "the memory is full"],
  [Errno.EACCES]: ["EACCES", "permission denied"],
  16: ["EBUSY", "it is in use"],
  17: ["EEXIST", "it exists already"],
  18: ["EXDEV", "the other place is on another file system"],
  19: ["ENODEV", "there is no such device"],
  [Errno.ENOTDIR]: ["ENOTDIR", "it is not a folder"],
  [Errno.EISDIR]: ["EISDIR", "it is a folder"],
  [Errno.EINVAL]: ["EINVAL", "the file system does not accept that"],
  23: ["ENFILE", "the system has too many open files"],
  24: ["EMFILE", "this process has too many open files"],
  26: ["ETXTBSY", "it is a program that runs"],
  27: ["EFBIG", "the file is too large"],
  28: ["ENOSPC", "no space is left"],
  29: ["ESPIPE", "it is a pipe"],
  30: ["EROFS", "the file system is read-only"],
  31: ["EMLINK", "it has too many names"],
  [Errno.ERANGE]: ["ERANGE", "the answer is too large"],
  36: ["ENAMETOOLONG", "the name is too long"],
  [Errno.ENOSYS]: ["ENOSYS", "the kernel does not have this call"],
  39: ["ENOTEMPTY", "the folder is not empty"],
  40: ["ELOOP", "it is a symbolic link, or has too many"],
  [Errno.ENODATA]: ["ENODATA", "there is no such attribute"],
  75: ["EOVERFLOW", "a number is too large"],
  [Errno.EILSEQ]: ["EILSEQ", "the name is not UTF-8"],
  [Errno.ENOTSUP]: ["ENOTSUP", "it is not supported here"],
  107: ["ENOTCONN", "the connection to the file system is gone"],
  110: ["ETIMEDOUT", "the file system did not answer in time"],
  116: ["ESTALE", "the server of the file system does not know it any more"],
  117: ["EUCLEAN", "the file system is damaged"],
  122: ["EDQUOT", "the quota is used up"],
};

/** The error of a failed call. `operation` as in "Cannot OPERATION PATH"; `path` is readable. */
export function kernelError(errno: number, operation: string, path: string, cause?: unknown): FileSystemError {
  const [name, reason] = MEANINGS[errno] ?? ["UNKNOWN", `error ${errno} of the kernel`];
  return new FileSystemError({ operation, path, errno: name, reason }, { cause });
}

/** The error number of a name such as `ENOENT`; 0 if the name is not known here. */
export function errnoNamed(name: unknown): number {
  return Number(Object.entries(MEANINGS).find(([, [known]]) => known === name)?.[0] ?? 0);
}
