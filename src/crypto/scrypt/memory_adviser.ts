/** What the kernel is told of large memory, so that less time goes into its pages. */

/** The kernel's numbers of what is advised, from include/uapi/asm-generic/mman-common.h. */
const ADVICE = { hugePages: 14, notNeeded: 4 } as const;

/** What can be advised. */
type MemoryAdvice = keyof typeof ADVICE;

/** Advises the kernel, where it and the C library can be asked; elsewhere nothing happens. Disposal closes the library. */
export class MemoryAdviser implements Disposable {
  readonly #library = openLibrary();

  /**
   * `hugePages`: to give pages of two megabytes once the memory is used, so that the processor interrupts the work once
   * and not 512 times for them. `notNeeded`: to take its pages back at once; the memory then holds zeros. The memory
   * must begin where a page does, as that of a WebAssembly module.
   */
  advise(memory: Uint8Array, advice: MemoryAdvice): void {
    this.#library?.symbols.madvise(memory, BigInt(memory.length), ADVICE[advice]);
  }

  [Symbol.dispose](): void {
    this.#library?.close();
  }
}

/** Undefined without permission, which is not asked for. */
function openLibrary() {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  try {
    return Deno.dlopen("libc.so.6", { madvise: { parameters: ["buffer", "usize", "i32"], result: "i32" } });
  } catch {
    // It only takes more time and memory then.
    return undefined;
  }
}
