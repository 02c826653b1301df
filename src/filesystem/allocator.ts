/** What the C library does with memory that is given back. */

/** `M_MMAP_THRESHOLD` of glibc's malloc.h, and the size from which a buffer counts as large. */
const MMAP_THRESHOLD = -3;
const LARGE_BYTES = 256 * 1024;

/**
 * Has large buffers go back to the system as soon as they are freed, in all threads of this process. glibc would keep
 * them in the heap of each thread, where they pile up to a hundred megabytes if threads hand them to each other. Does
 * nothing where there is another C library, or none may be called.
 */
export function returnLargeBuffers(): void {
  try {
    const library = Deno.dlopen("libc.so.6", { mallopt: { parameters: ["i32", "i32"], result: "i32" } });
    library.symbols.mallopt(MMAP_THRESHOLD, LARGE_BYTES);
    library.close();
  } catch {
    // It only takes more memory then.
  }
}
