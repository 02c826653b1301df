/** Paths below the root of the file system as paths below a directory in which a tree is to begin. */
import { UsageError } from "../../../base/errors.ts";
import { quoteByteString } from "../../../format/byte_string.ts";
import type { SelectionRules } from "../selection/selection.ts";
import { isWithin } from "./pseudo_file_systems.ts";

/** The same selection below `base`, which is below the root and not the root itself. Throws `UsageError` for a PATH that does not lie there. */
export function selectionBelow(base: string, { roots, emptied, ...rules }: SelectionRules): SelectionRules {
  const outside = roots.find((root) => !isWithin(root, base));
  if (outside !== undefined) {
    throw new UsageError(
      `${quoteByteString(`/${outside}`)} does not lie in ${quoteByteString(`/${base}`)}, where the tree is to begin`,
    );
  }
  return {
    ...rules,
    roots: roots.map((root) => below(base, root)),
    // What lies elsewhere is still known by its identity. No walk meets a path that begins with a slash.
    emptied: emptied.map((each) => ({
      ...each,
      path: isWithin(each.path, base) ? below(base, each.path) : `/${each.path}`,
    })),
  };
}

function below(base: string, path: string): string {
  return path.slice(base.length + 1);
}
