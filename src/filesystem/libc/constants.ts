/**
 * Numbers of Linux's system calls. Those of the first table are the same on all machines; the others stand in one table
 * for each kind of machine.
 */

/** Flags of the `*at` calls, from include/uapi/linux/fcntl.h. */
export const At = {
  /** A folder's descriptor that means the working directory. */
  cwd: -100,
  symlinkNoFollow: 0x100,
  removeDir: 0x200,
  noAutomount: 0x800,
  emptyPath: 0x1000,
} as const;

/** Modes of `lseek` and `fallocate`, from include/uapi/linux/fs.h and falloc.h. */
export const Seek = { set: 0, data: 3, hole: 4 } as const;
/** Flags of `fallocate`. */
export const Fallocate = { keepSize: 1, punchHole: 2 } as const;

/** Which ways `openat2` refuses, from include/uapi/linux/openat2.h. */
export const Resolve = { noSymlinks: 0x04, beneath: 0x08 } as const;

/** A time that `utimensat` leaves as it is, in place of nanoseconds (include/linux/stat.h). */
export const UTIME_OMIT = 0x3ffffffen;

/** An owner that `chown` leaves as it is: `(uid_t) -1`. */
export const OWNER_OMIT = 0xffffffff;

/** What differs between kinds of machines. */
export interface Machine {
  /** Flags for opening. */
  readonly open: {
    readonly readWrite: number;
    readonly create: number;
    readonly exclusive: number;
    readonly nonBlock: number;
    readonly directory: number;
    readonly noFollow: number;
    readonly noAccessTime: number;
    readonly closeOnExec: number;
    readonly path: number;
  };
  /** Numbers of system calls for which an old C library has no function. */
  readonly call: {
    readonly statx: number;
    readonly getdents64: number;
    readonly mknodat: number;
    readonly openat2: number;
    readonly fchmodat2: number;
  };
}

/** From include/uapi/asm-generic/fcntl.h, unless the machine's own file has another value. */
const GENERIC_OPEN = {
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  nonBlock: 0o4000,
  directory: 0o200000,
  noFollow: 0o400000,
  noAccessTime: 0o1000000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
};

/** The machines by the name that Deno gives them. */
export const MACHINES: Readonly<Record<typeof Deno.build.arch, Machine>> = {
  // Calls: arch/x86/entry/syscalls/syscall_64.tbl.
  x86_64: {
    open: GENERIC_OPEN,
    call: { statx: 332, getdents64: 217, mknodat: 259, openat2: 437, fchmodat2: 452 },
  },
  // Flags: arch/arm64/include/uapi/asm/fcntl.h; calls: include/uapi/asm-generic/unistd.h.
  aarch64: {
    open: { ...GENERIC_OPEN, directory: 0o40000, noFollow: 0o100000 },
    call: { statx: 291, getdents64: 61, mknodat: 33, openat2: 437, fchmodat2: 452 },
  },
};
