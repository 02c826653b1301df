/** The PATHs of a backup as a tree, from the root of the file system down to each of them. */

/** The names on the way from a directory to the PATHs below it. */
export interface Way {
  /** Whether the place is a PATH itself. */
  isRoot: boolean;
  /** The places below, by name. */
  readonly below: Map<string, Way>;
}

/** The root of the tree of those paths, which are below the root of the file system ("" is the root itself). */
export function wayTo(paths: readonly string[]): Way {
  const top: Way = { isRoot: false, below: new Map() };
  for (const path of paths) {
    let place = top;
    for (const name of path === "" ? [] : path.split("/")) {
      const next: Way = place.below.get(name) ?? { isRoot: false, below: new Map() };
      place.below.set(name, next);
      place = next;
    }
    place.isRoot = true;
  }
  return top;
}

/** The place of a path in the tree; undefined if no PATH lies there or below. */
export function placeOn(top: Way, path: string): Way | undefined {
  let place: Way | undefined = top;
  for (const name of path === "" ? [] : path.split("/")) {
    place = place.below.get(name);
    if (place === undefined) return undefined;
  }
  return place;
}
