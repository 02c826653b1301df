/** Tags on the command line, written as restic has them: `--tag a,b` and `--tag a --tag b` mean the same two. */
import { UsageError } from "../base/errors.ts";

/** Adds the tags of one `--tag` to those of earlier ones. Throws `UsageError` where it names none. */
export function collectTags(value: string, earlier: readonly string[] | undefined): string[] {
  const tags = value.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
  if (tags.length === 0) {
    throw new UsageError(`Not a tag: ${JSON.stringify(value)}: it is empty; write for example nightly`);
  }
  return [...new Set([...(earlier ?? []), ...tags])];
}
