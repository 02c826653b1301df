/** Which entries of a backup a restore brings back. */
import { UsageError } from "../../../base/errors.ts";
import { PathRules } from "./path_rules.ts";
import { type Rule, ruleOfArgument } from "./pattern.ts";
import { quoteByteString } from "../../../format/byte_string.ts";

/** What is restored: the paths that a rule of `included` matches, and none that a rule of `excluded` matches. */
interface RestoreRules {
  /** Empty if everything is. */
  readonly included: readonly Rule[];
  /** What is left out, even if it is included. */
  readonly excluded: readonly Rule[];
}

/**
 * What becomes of an entry: it is restored, or it is a directory that is looked through and restored only if something
 * in it is, or it is passed over with everything below it.
 */
type RestoreVerdict = "restore" | "way" | "skip";

/**
 * The rules of `--include` and `--exclude` of a restore, as given. Throws `UsageError` for a pattern that no path can
 * match, and for a negated one of `include`.
 */
export function restoreRules(given: {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}): RestoreRules {
  const negated = given.include.find((pattern) => pattern.startsWith("!"));
  if (negated !== undefined) {
    throw new UsageError(
      `--include ${quoteByteString(negated)}: what is not to be restored is named by --exclude; write \\! for a name ` +
        "that begins with !",
    );
  }
  return { included: given.include.map(ruleOfArgument), excluded: given.exclude.map(ruleOfArgument) };
}

/** Answers a plan of a restore. */
export class RestoreSelection {
  readonly #included: PathRules;
  readonly #excluded: PathRules;
  readonly #includesAll: boolean;
  /** The literal beginnings of the paths that can match; undefined if they may begin with anything. */
  readonly #beginnings: readonly (readonly string[])[] | undefined;

  /** Compiles the rules. */
  constructor({ included, excluded }: RestoreRules) {
    this.#included = new PathRules(included, { ignoreCase: false });
    this.#excluded = new PathRules(excluded, { ignoreCase: false });
    this.#includesAll = included.length === 0;
    this.#beginnings = included.every((rule) => rule.startsWith("/")) ? included.map(literalBeginning) : undefined;
  }

  /** Judges an entry. `path` is a byte string below the root, without a slash at either end; "" is the root. */
  judge(path: string, isDirectory: boolean): RestoreVerdict {
    if (this.#excluded.matches(path, isDirectory)) return "skip";
    if (this.#includesAll || this.#included.matches(path, isDirectory)) return "restore";
    return isDirectory && this.#mayLeadOn(path) ? "way" : "skip";
  }

  #mayLeadOn(path: string): boolean {
    if (this.#beginnings === undefined) return true;
    const names = path === "" ? [] : path.split("/");
    return this.#beginnings.some((beginning) => beginning.slice(0, names.length).every((name, i) => name === names[i]));
  }
}

/** The names with which every path begins that an anchored rule matches. */
function literalBeginning(rule: Rule): string[] {
  const names = rule.slice(1).split("/");
  const end = names.findIndex((name) => /[*?[\\]/.test(name));
  return (end < 0 ? names : names.slice(0, end)).filter((name) => name !== "");
}
