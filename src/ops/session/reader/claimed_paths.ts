/** The paths that the streams and entries of one backup have taken. */
import { UsageError } from "../../../base/errors.ts";
import { levelOfPath } from "../../../format/manifest/series.ts";

/** Keeps two items of a backup from having one path, and a file from having others below it. */
export class ClaimedPaths {
  readonly #files = new Set<string>();
  /** The directories that lead to other items, and those that are items themselves. */
  readonly #directories = new Set<string>();
  readonly #ownDirectories = new Set<string>();

  /** Claims the path of a file. Throws `UsageError` if it is taken or leads through a file. */
  claimFile(path: string): void {
    const above = directoriesAbove(path);
    if (this.#files.has(path)) throw new UsageError(`The backup holds a file "${path}" already; choose another path`);
    if (this.#directories.has(path)) {
      throw new UsageError(`Not a file of this backup: "${path}" is a directory of it; choose another path`);
    }
    this.#refuseFiles(path, above);
    this.#files.add(path);
    for (const directory of above) this.#directories.add(directory);
  }

  /** Claims the path of a directory, which may have other items below it. Throws `UsageError` as for files. */
  claimDirectory(path: string): void {
    this.#refuseFiles(path, [...directoriesAbove(path), path]);
    if (this.#ownDirectories.has(path)) throw new UsageError(`The backup holds a directory "${path}" already`);
    this.#ownDirectories.add(path);
    for (const directory of [...directoriesAbove(path), path]) this.#directories.add(directory);
  }

  #refuseFiles(path: string, directories: readonly string[]): void {
    const file = directories.find((directory) => this.#files.has(directory));
    if (file === undefined) return;
    throw new UsageError(`Not a path: "${path}" leads through the file "${file}"; choose another path`);
  }
}

/** Throws `UsageError` if two of the paths, or a path and those above another one, are the same. */
export function refuseColliding(paths: readonly string[]): void {
  const claimed = new ClaimedPaths();
  for (const path of paths) claimed.claimFile(path);
}

/**
 * Throws `UsageError` if the path of a stream begins with a name that is kept: that of the directory of a level, which
 * tells a restore to replay a chain, or one of `names`.
 */
export function refuseKeptNames(path: string, names: readonly string[]): void {
  const first = path.split("/")[0]!;
  if (levelOfPath(`${first}/`) === undefined && !names.includes(first)) return;
  throw new UsageError(
    `Not a name for a stream: ${
      JSON.stringify(path)
    }: "${first}" is kept for the levels of engines; choose another name`,
  );
}

function directoriesAbove(path: string): string[] {
  const names = path.split("/");
  return names.slice(1).map((_, i) => names.slice(0, i + 1).join("/"));
}
