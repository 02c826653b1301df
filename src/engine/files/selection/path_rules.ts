/** Asks rules about paths, with bounded memory however many paths there are. */
import ignore from "ignore";
import type { Rule } from "./pattern.ts";

/** The library remembers every path that it was asked about, so it is begun anew after so many. */
const MOST_REMEMBERED = 8192;

/** Rules of gitignore(5), in order: of those that match, the last one counts. */
export class PathRules {
  readonly #rules: ignore.Ignore;
  readonly #ignoreCase: boolean;
  readonly #isEmpty: boolean;
  #asked: ignore.Ignore;
  #count = 0;

  /** `ignoreCase`: whether upper and lower case are the same. */
  constructor(rules: readonly Rule[], { ignoreCase }: { readonly ignoreCase: boolean }) {
    this.#ignoreCase = ignoreCase;
    this.#isEmpty = rules.length === 0;
    this.#rules = ignore({ ignoreCase }).add(rules);
    this.#asked = this.#rules;
  }

  /**
   * Whether the path, or a directory that contains it, matches. `path` is a byte string below the root, without a slash
   * at either end; the root itself, "", never matches.
   */
  matches(path: string, isDirectory: boolean): boolean {
    if (this.#isEmpty || path === "") return false;
    if (++this.#count > MOST_REMEMBERED) {
      // Rules that were compiled once are shared.
      this.#asked = ignore({ ignoreCase: this.#ignoreCase }).add(this.#rules);
      this.#count = 0;
    }
    return this.#asked.ignores(isDirectory ? `${path}/` : path);
  }
}
