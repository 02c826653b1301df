/**
 * The functions of the C library that are called, with their types on 64-bit Linux. Numbers of bytes and descriptors
 * come back as 32 bits: no call is asked for more than a gibibyte, and the upper half of a register costs a big integer.
 */

const text = "buffer";
const fd = "i32";
const status = "i32";

/** All functions. Those marked optional are `null` in older libraries. */
export const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  openat: { parameters: [fd, text, "i32", "u32"], result: fd },
  close: { parameters: [fd], result: status },
  statx: { parameters: [fd, text, "i32", "u32", "buffer"], result: status, optional: true },
  getdents64: { parameters: [fd, "buffer", "usize"], result: "i32", optional: true },
  readlinkat: { parameters: [fd, text, "buffer", "usize"], result: "i32" },
  pread: { parameters: [fd, "buffer", "usize", "i64"], result: "i32" },
  pwrite: { parameters: [fd, "buffer", "usize", "i64"], result: "i32" },
  lseek: { parameters: [fd, "i64", "i32"], result: "i64" },
  ftruncate: { parameters: [fd, "i64"], result: status },
  fallocate: { parameters: [fd, "i32", "i64", "i64"], result: status },
  fsync: { parameters: [fd], result: status },
  mkdirat: { parameters: [fd, text, "u32"], result: status },
  symlinkat: { parameters: [text, fd, text], result: status },
  linkat: { parameters: [fd, text, fd, text, "i32"], result: status },
  mknodat: { parameters: [fd, text, "u32", "u64"], result: status, optional: true },
  renameat: { parameters: [fd, text, fd, text], result: status },
  unlinkat: { parameters: [fd, text, "i32"], result: status },
  fchownat: { parameters: [fd, text, "u32", "u32", "i32"], result: status },
  fchown: { parameters: [fd, "u32", "u32"], result: status },
  fchmod: { parameters: [fd, "u32"], result: status },
  chmod: { parameters: [text, "u32"], result: status },
  utimensat: { parameters: [fd, text, "buffer", "i32"], result: status },
  futimens: { parameters: [fd, "buffer"], result: status },
  llistxattr: { parameters: [text, "buffer", "usize"], result: "i32" },
  lgetxattr: { parameters: [text, text, "buffer", "usize"], result: "i32" },
  lsetxattr: { parameters: [text, text, "buffer", "usize", "i32"], result: status },
  lremovexattr: { parameters: [text, text], result: status },
  flistxattr: { parameters: [fd, "buffer", "usize"], result: "i32" },
  fgetxattr: { parameters: [fd, text, "buffer", "usize"], result: "i32" },
  fsetxattr: { parameters: [fd, text, "buffer", "usize", "i32"], result: status },
  fremovexattr: { parameters: [fd, text], result: status },
  geteuid: { parameters: [], result: "u32" },
  capget: { parameters: ["buffer", "buffer"], result: status, optional: true },
  getpwuid_r: { parameters: ["u32", "buffer", "buffer", "usize", "buffer"], result: "i32" },
  getgrgid_r: { parameters: ["u32", "buffer", "buffer", "usize", "buffer"], result: "i32" },
  getpwnam_r: { parameters: [text, "buffer", "buffer", "usize", "buffer"], result: "i32" },
  getgrnam_r: { parameters: [text, "buffer", "buffer", "usize", "buffer"], result: "i32" },
  // The same function under several names, one for each list of parameters.
  openat2ByNumber: { name: "syscall", parameters: ["i64", fd, text, "buffer", "usize"], result: fd },
  fchmodat2ByNumber: { name: "syscall", parameters: ["i64", fd, text, "u32", "i32"], result: status },
  statxByNumber: { name: "syscall", parameters: ["i64", fd, text, "i32", "u32", "buffer"], result: status },
  getdents64ByNumber: { name: "syscall", parameters: ["i64", fd, "buffer", "usize"], result: "i32" },
  mknodatByNumber: { name: "syscall", parameters: ["i64", fd, text, "u32", "u64"], result: status },
} as const satisfies Deno.ForeignLibraryInterface;

type Declared = Deno.StaticForeignLibraryInterface<typeof SYMBOLS>;

/** 64-bit parameters take numbers, too: Deno does at run time, and a big integer for each call would be waste. */
type Widened<Call> = Call extends (...list: infer List) => infer Result
  ? (...list: { [I in keyof List]: bigint extends List[I] ? number | bigint : List[I] }) => Result
  : Call;

/** The functions, ready to be called. */
export type LibcCalls = { readonly [Name in keyof Declared]: Widened<Declared[Name]> };
