/** Huge pages for memory that is about to be used as a whole. */

/** `MADV_HUGEPAGE` of include/uapi/asm-generic/mman-common.h. */
const HUGE_PAGES = 14;

/**
 * Has the kernel back the pages of `memory` that were never touched with huge ones (madvise(2)), where it may: that takes
 * a few faults instead of thousands, and reads all over it find their pages sooner. `memory` begins at a page. Does
 * nothing if the kernel refuses, or the C library may not be called; nobody is asked for that permission.
 */
export function useHugePages(memory: Uint8Array<ArrayBuffer>): void {
  try {
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return;
    const madvise = { parameters: ["buffer", "usize", "i32"], result: "i32" } as const;
    const library = Deno.dlopen("libc.so.6", { madvise });
    library.symbols.madvise(memory, BigInt(memory.length), HUGE_PAGES);
    library.close();
  } catch {
    // It only takes more time then.
  }
}
