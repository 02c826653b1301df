/**
 * What a files backup reads. A walk begins at the root of the file system and asks in this order: of each directory
 * what of its content is to be read (`contentOf`), then, with the names in it, whether a marker leaves it out
 * (`markerAmong`), of each name whether it is wanted (`includesName`), and, once its status is known, of each regular
 * file (`includesFile`). Paths are byte strings below the root, without a slash at either end; "" is the root.
 */
import { type DirectoryMarker, DirectoryMarkers, type ReadHead } from "./directory_marker.ts";
import type { Rule } from "./pattern.ts";
import { PathRules } from "./path_rules.ts";
import { placeOn, type Way, wayTo } from "./path_tree.ts";

/** What is selected, as plain data that can be sent to a thread. */
export interface SelectionRules {
  /** The PATHs. One lies within another only with `oneFileSystem`. */
  readonly roots: readonly string[];
  /** What is left out, in order: the last rule that matches counts. */
  readonly excluded: readonly Rule[];
  /** The same for names in upper and lower case alike. What either leaves out is left out. */
  readonly excludedIgnoringCase: readonly Rule[];
  /** What leaves out the rest of the directory in which it lies. */
  readonly markers: readonly DirectoryMarker[];
  /** The size of the largest files in bytes; null if any size will do. */
  readonly largestFileBytes: number | null;
  /** Whether directories on other file systems than that of their PATH stay empty. */
  readonly oneFileSystem: boolean;
  /** Directories that stay empty whatever the rules say. */
  readonly emptied: readonly EmptiedDirectory[];
}

/** A directory that is kept without its content. */
export interface EmptiedDirectory {
  /** Its path. */
  readonly path: string;
  /** Which file it is, in case it is also found at another path; null if only the path counts. */
  readonly file: FileIdentity | null;
  /** Why, for people: what it is. */
  readonly why: string;
}

/** What tells a file from all others: `st_dev` and `st_ino`. */
export interface FileIdentity {
  readonly deviceId: bigint;
  readonly inode: bigint;
}

/** What of the content of a directory is read. */
type DirectoryContent =
  /** Everything that is included. `fileSystem` is handed on to `contentOf` of the directories in it. */
  | { readonly kind: "all"; readonly fileSystem: bigint | null }
  /** Only these names, because PATHs lie there: no marker counts. `fileSystem` as above. */
  | { readonly kind: "only"; readonly names: readonly string[]; readonly fileSystem: null }
  | { readonly kind: "nothing" };

const NOTHING: DirectoryContent = { kind: "nothing" };

/** Answers a walk. */
export class Selection {
  readonly #excluded: PathRules;
  readonly #excludedIgnoringCase: PathRules;
  readonly #markers: DirectoryMarkers;
  readonly #largestFileBytes: number;
  readonly #oneFileSystem: boolean;
  readonly #way: Way;
  readonly #emptiedPaths: ReadonlySet<string>;
  readonly #emptiedFiles: ReadonlySet<string>;
  readonly #hasRules: boolean;

  /** Compiles the rules. */
  constructor(rules: SelectionRules) {
    this.#excluded = new PathRules(rules.excluded, { ignoreCase: false });
    this.#excludedIgnoringCase = new PathRules(rules.excludedIgnoringCase, { ignoreCase: true });
    this.#hasRules = rules.excluded.length + rules.excludedIgnoringCase.length > 0;
    this.#markers = new DirectoryMarkers(rules.markers);
    this.#largestFileBytes = rules.largestFileBytes ?? Infinity;
    this.#oneFileSystem = rules.oneFileSystem;
    this.#way = wayTo(rules.roots);
    this.#emptiedPaths = new Set(rules.emptied.map(({ path }) => path));
    this.#emptiedFiles = new Set(rules.emptied.flatMap(({ file }) => file === null ? [] : [keyOf(file)]));
  }

  /** Whether rules let the name in. A directory that they leave out is not read either. */
  includesName(path: string, isDirectory: boolean): boolean {
    if (!this.#hasRules) return true;
    return !this.#excluded.matches(path, isDirectory) && !this.#excludedIgnoringCase.matches(path, isDirectory);
  }

  /** Whether a regular file of that size is wanted. */
  includesFile(sizeBytes: number): boolean {
    return sizeBytes <= this.#largestFileBytes;
  }

  /**
   * What of a directory is read. `fileSystem` is what was returned for the directory that contains it; null for the
   * root of the file system.
   */
  contentOf(directory: FileIdentity & { readonly path: string }, fileSystem: bigint | null): DirectoryContent {
    const { path, deviceId } = directory;
    if (this.#emptiedPaths.has(path) || this.#emptiedFiles.size > 0 && this.#emptiedFiles.has(keyOf(directory))) {
      return NOTHING;
    }
    const isWithin = fileSystem !== null;
    if (isWithin && !this.#oneFileSystem) return { kind: "all", fileSystem };
    const place = placeOn(this.#way, path);
    if (place?.isRoot) return { kind: "all", fileSystem: deviceId };
    if (isWithin && fileSystem === deviceId) return { kind: "all", fileSystem };
    if (place === undefined) return NOTHING;
    return { kind: "only", names: [...place.below.keys()], fileSystem: null };
  }

  /**
   * The marker because of which only itself is read in a directory that has those names; undefined if there is none.
   * `readHead` reads from a file in the directory, and never follows a link.
   */
  markerAmong(names: { has(name: string): boolean }, readHead: ReadHead): string | undefined {
    return this.#markers.among(names, readHead);
  }
}

function keyOf({ deviceId, inode }: FileIdentity): string {
  return `${deviceId}:${inode}`;
}
