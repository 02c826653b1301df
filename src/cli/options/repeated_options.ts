/** Options that may be given several times. */
import { UsageError } from "../../base/errors.ts";

/** Adds the value of one more time to those of earlier ones. */
export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

/**
 * Adds the tags of one `--tag` to those of earlier ones; as with restic, `--tag a,b` and `--tag a --tag b` mean the same two.
 * Throws `UsageError` where it names none.
 */
export function collectTags(value: string, earlier: readonly string[] | undefined): string[] {
  const tags = value.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
  if (tags.length === 0) {
    throw new UsageError(`Not a tag: ${JSON.stringify(value)}: it is empty; write for example nightly`);
  }
  return [...new Set([...(earlier ?? []), ...tags])];
}
