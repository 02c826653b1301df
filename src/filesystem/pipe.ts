/** How much a pipe holds. */

/** The most bytes that a pipe holds unless somebody changed that (pipe(7)). */
export const USUAL_PIPE_BYTES = 64 * 1024;

/** `F_SETPIPE_SZ` of include/uapi/linux/fcntl.h. */
const SET_PIPE_BYTES = 1031;
/** What anybody may ask for, unless the machine was told otherwise. */
const MOST_PIPE_BYTES = 1024 * 1024;

/**
 * Has a pipe hold a megabyte, so that whoever writes to it waits less often, and one read takes more. Does nothing if
 * the descriptor is no pipe, the kernel refuses, or the C library may not be called.
 */
export function enlargePipe(descriptor: number): void {
  try {
    const library = Deno.dlopen("libc.so.6", { fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" } });
    library.symbols.fcntl(descriptor, SET_PIPE_BYTES, MOST_PIPE_BYTES);
    library.close();
  } catch {
    // It only takes more reads then.
  }
}
