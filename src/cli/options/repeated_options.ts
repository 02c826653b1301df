/** Options that may be repeated. */
import { UsageError } from "../../base/errors.ts";

/** Adds a value to the earlier ones. */
export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

/**
 * Adds the tags of one `--tag` to the earlier ones. As in restic, `--tag a,b` and `--tag a --tag b` mean the same.
 * Throws `UsageError` for an empty tag.
 */
export function collectTags(value: string, earlier: readonly string[] | undefined): string[] {
  if (tagsIn(value).length === 0) {
    throw new UsageError(`Not a tag: ${JSON.stringify(value)}: it is empty; write for example nightly`);
  }
  return collectTagsOrNone(value, earlier);
}

/** The same as `collectTags`, except that an empty value adds no tag. */
export function collectTagsOrNone(value: string, earlier: readonly string[] | undefined): string[] {
  return [...new Set([...(earlier ?? []), ...tagsIn(value)])];
}

function tagsIn(value: string): string[] {
  return value.split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
}
