/** A source that begins its work only when it is read. */
import type { JudgedSource } from "../../base/byte_source.ts";
import { InterruptedError } from "../../base/errors.ts";

/**
 * A source that is made when it is first read, such as the output of a command that is not to run before its turn. What
 * `make` throws, that read throws. A source that is cancelled before is never made.
 */
export function deferredSource(make: () => JudgedSource): JudgedSource {
  let made: JudgedSource | undefined;
  let isCancelled = false;
  const source = (): JudgedSource => {
    if (made === undefined && isCancelled) throw new InterruptedError("The stream was given up before it began");
    return made ??= make();
  };
  return {
    // deno-lint-ignore require-await -- what `make` throws becomes a rejection
    read: async (target) => source().read(target),
    async cancel() {
      isCancelled = true;
      await made?.cancel();
    },
    // deno-lint-ignore require-await -- as above
    ended: async () => source().ended(),
  };
}
