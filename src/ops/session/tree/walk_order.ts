/** The order of a walk, checked entry by entry: which directories an entry opens, and which one it ends. */
import { BugError, SourceError } from "../../../base/errors.ts";
import { MOST_TREE_DEPTH } from "../../../format/bounds.ts";
import { compareByteStrings } from "../../../format/byte_string.ts";
import { isNodeName } from "../../../format/tree/node.ts";

/** How a walk gets to its next entry. */
export interface WalkStep {
  /** The name of the entry in its directory. */
  readonly name: string;
  /** The directories that begin with it, from the outermost one. */
  readonly opens: readonly string[];
  /** Whether it is the directory that was open last, which ends. */
  readonly isEnd: boolean;
}

const NOTHING: readonly string[] = [];

/** Directories above that of the series may be as many again. */
const MOST_DEPTH = MOST_TREE_DEPTH - 128;

/** A walk in which each directory comes right after everything below it. Memory: the path of the current directory. */
export class WalkOrder {
  /** The last name in each open directory, the top first. */
  readonly #lastNames: (string | undefined)[] = [undefined];
  /** The path of the current directory with a slash at its end; empty at the top. */
  #prefix = "";

  /**
   * Takes the next entry. Throws `BugError` if it is out of order, and `SourceError` if directories are nested too
   * deeply.
   */
  next(path: string, isDirectory: boolean): WalkStep {
    const prefix = this.#prefix;
    if (isDirectory && path.length === prefix.length - 1 && prefix.startsWith(path)) return this.#end();
    if (!path.startsWith(prefix)) {
      throw outOfOrder(path, `the directory ${JSON.stringify(prefix)} has not ended`);
    }
    const rest = path.slice(prefix.length);
    const names = rest.includes("/") ? rest.split("/") : null;
    const name = names?.pop() ?? rest;
    for (const opened of names ?? NOTHING) this.#open(opened, path);
    this.#take(name, path);
    return { name, opens: names ?? NOTHING, isEnd: false };
  }

  /**
   * Takes entries of one directory, none of them a directory, that are known to be in order between the first and the
   * last one. Throws as `next` does.
   */
  nextRun(directory: string, first: string, last: string): WalkStep {
    const step = this.next(directory === "" ? first : `${directory}/${first}`, false);
    if (last !== first) this.#take(last, last);
    return step;
  }

  /** Takes the end of the walk. Throws `BugError` if a directory has not ended. */
  end(): void {
    if (this.#prefix !== "") throw new BugError(`The walk ended within the directory ${JSON.stringify(this.#prefix)}`);
  }

  #end(): WalkStep {
    this.#lastNames.pop();
    const slash = this.#prefix.lastIndexOf("/", this.#prefix.length - 2);
    const name = this.#prefix.slice(slash + 1, -1);
    this.#prefix = this.#prefix.slice(0, slash + 1);
    return { name, opens: NOTHING, isEnd: true };
  }

  #open(name: string, path: string): void {
    if (this.#lastNames.length > MOST_DEPTH) {
      throw new SourceError(`Cannot back up ${JSON.stringify(path)}: it is more than ${MOST_DEPTH} directories deep`);
    }
    this.#take(name, path);
    this.#lastNames.push(undefined);
    this.#prefix += `${name}/`;
  }

  #take(name: string, path: string): void {
    const last = this.#lastNames.at(-1);
    if (!isNodeName(name)) throw outOfOrder(path, "it has a name that no directory can hold");
    if (last !== undefined && compareByteStrings(last, name) >= 0) {
      throw outOfOrder(path, `it comes after ${JSON.stringify(this.#prefix + last)}`);
    }
    this.#lastNames[this.#lastNames.length - 1] = name;
  }
}

function outOfOrder(path: string, why: string): BugError {
  return new BugError(`The entry ${JSON.stringify(path)} is out of order: ${why}`);
}
