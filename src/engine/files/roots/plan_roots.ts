/** Which PATHs a files backup reads, of those that were given. */
import { SourceError, UsageError } from "../../../base/errors.ts";
import { nearestName } from "../../../base/text/nearest_name.ts";
import { compareByteStrings } from "../../../format/byte_string.ts";
import { type EmptiedDirectory, Selection, type SelectionRules } from "../selection/selection.ts";
import { pathBelowRoot, realPathBelowRoot } from "./absolute_path.ts";
import type { LookedAt, PathLook } from "./path_look.ts";
import { isWithin, type PseudoFileSystem } from "./pseudo_file_systems.ts";

/** What is known before planning. */
export interface RootsContext {
  /** The absolute path that relative ones are relative to, as a byte string. */
  readonly directory: string;
  /** Looks at PATHs. */
  readonly look: PathLook;
  /** The pseudo file systems of the machine. */
  readonly pseudo: readonly PseudoFileSystem[];
  /** Directories of this program that no backup should hold, such as the repository: where they are, and what. */
  readonly own: readonly { readonly path: string; readonly what: string }[];
}

/** What is selected without the PATHs. */
export type RulesBesideRoots = Omit<SelectionRules, "roots" | "emptied">;

/** The PATHs that are read. */
interface RootsPlan {
  /** All rules, the PATHs in walk order. */
  readonly selection: SelectionRules;
  /** What was decided and may surprise, one line each. */
  readonly notes: readonly string[];
  /** What was named and is not there, or cannot be backed up, one line each. */
  readonly problems: readonly string[];
}

/**
 * Decides about PATHs, which are byte strings as they were given. Throws `UsageError` for a PATH that makes no sense: an
 * empty one, one in a pseudo file system or in a directory of this program; and if the rules leave out all of them.
 * Throws `SourceError` if none of them can be backed up.
 */
export function planRoots(given: readonly string[], rules: RulesBesideRoots, context: RootsContext): RootsPlan {
  return new Planning(rules, context).plan(given);
}

/** A path as it was found. */
interface Found {
  readonly path: string;
  readonly at: LookedAt;
}

class Planning {
  readonly #rules: RulesBesideRoots;
  readonly #context: RootsContext;
  readonly #selection: Selection;
  readonly #own: readonly EmptiedDirectory[];
  readonly #notes: string[] = [];

  constructor(rules: RulesBesideRoots, context: RootsContext) {
    this.#rules = rules;
    this.#context = context;
    this.#selection = new Selection({ ...rules, roots: [], emptied: [] });
    this.#own = context.own.map((directory) => ownDirectory(directory, context));
  }

  plan(given: readonly string[]): RootsPlan {
    const included = this.#includedOf(this.#distinct(given));
    for (const each of included) this.#refuseUnfit(each);
    const present: Found[] = [];
    const problems: string[] = [];
    for (const each of included) {
      const problem = problemWith(each, this.#context.look);
      if (problem === undefined) present.push(each);
      else problems.push(problem);
    }
    if (present.length === 0) throw new SourceError(`Nothing to back up: ${problems.join(", ") || "no PATH is named"}`);
    const roots = this.#outermost(present);
    for (const each of roots) this.#noteSurprises(each);
    const selection = { ...this.#rules, roots: roots.map(({ path }) => path), emptied: this.#emptiedFor(roots) };
    return { selection, notes: this.#notes, problems };
  }

  /** Every path once, in walk order. */
  #distinct(given: readonly string[]): string[] {
    const { look, directory } = this.#context;
    const [seen, twice] = [new Set<string>(), new Set<string>()];
    for (const text of given) {
      const path = pathBelowRoot(text, directory, (link) => look.linkTarget(link));
      (seen.has(path) ? twice : seen).add(path);
    }
    this.#note("named more than once, and backed up once", [...twice]);
    return [...seen].sort(compareInWalkOrder);
  }

  /** Those that no pattern excludes. Throws `UsageError` if none is left. */
  #includedOf(paths: readonly string[]): Found[] {
    const found = paths.map((path): Found => ({ path, at: this.#context.look.at(`/${path}`) }));
    const isIncluded = ({ path, at }: Found) =>
      this.#selection.includesName(path, at.kind === "there" && at.type === "folder");
    const excluded = found.filter((each) => !isIncluded(each)).map(({ path }) => path);
    if (excluded.length > 0 && excluded.length === found.length) {
      throw new UsageError(`Nothing to back up: the patterns exclude every PATH that is named: ${listed(excluded)}`);
    }
    this.#note("left out, because a pattern excludes it", excluded);
    return found.filter(isIncluded);
  }

  #refuseUnfit({ path, at }: Found): void {
    const pseudo = this.#context.pseudo.find((each) => isWithin(path, each.path));
    if (pseudo !== undefined) {
      throw new UsageError(
        `Refusing to back up ${shown(path)}: it lies in ${shown(pseudo.path)} (${pseudo.type}), which shows what the ` +
          `kernel does and holds no files; leave it out, as --exclude ${
            shown(path)
          } does, and pipe what you need of it`,
      );
    }
    const own = this.#own.find((each) => isWithin(path, each.path) || isSameFile(at, each));
    if (own === undefined) return;
    throw new UsageError(`Refusing to back up ${shown(path)}: it is part of ${own.why}; name other PATHs`);
  }

  /** Those that lie in no other one. On one file system each, all count: what is mounted in another one is not in it. */
  #outermost(present: readonly Found[]): readonly Found[] {
    const roots: Found[] = [];
    const inner: string[] = [];
    let outer: Found | undefined;
    for (const each of present) {
      if (outer === undefined || !isWithin(each.path, outer.path)) {
        outer = each;
      } else if (outer.at.kind === "there" && outer.at.type !== "folder") {
        throw new UsageError(
          `${shown(outer.path)} is a symbolic link, and ${
            shown(each.path)
          } lies behind it: a backup cannot hold both; ` +
            "name the directory that it leads to",
        );
      } else if (!this.#rules.oneFileSystem) {
        inner.push(each.path);
        continue;
      }
      roots.push(each);
    }
    this.#note("named, and within another PATH anyway", inner);
    return roots;
  }

  #noteSurprises({ path, at }: Found): void {
    if (at.kind !== "there") return;
    if (at.type === "link") {
      const target = this.#context.look.linkTarget(`/${path}`) ?? "";
      const folder = path.slice(0, path.lastIndexOf("/") + 1);
      const wanted = target.startsWith("/") ? shown(target, "") : shown(folder + target);
      this.#notes.push(
        `${shown(path)} is a symbolic link and backed up as one; to back up what it leads to, name ${wanted}`,
      );
    } else if (at.type === "file" && !this.#selection.includesFile(at.sizeBytes)) {
      this.#notes.push(`left out, because it is larger than --exclude-larger-than allows: ${shown(path)}`);
    }
  }

  /** What stays empty. The directories of this program do so wherever they are found. */
  #emptiedFor(roots: readonly Found[]): EmptiedDirectory[] {
    const { oneFileSystem } = this.#rules;
    const isBelow = ({ path }: EmptiedDirectory) => roots.some((root) => isWithin(path, root.path));
    const mounts = this.#context.pseudo.map(({ path, type }) => ({ path, file: null, why: type })).filter(isBelow);
    const told = [...oneFileSystem ? [] : mounts, ...this.#own.filter(isBelow)];
    const lines = told.filter(({ path }) => this.#selection.includesName(path, true))
      .map(({ path, why }) => `${shown(path)} (${why})`);
    if (lines.length > 0) this.#notes.push(`left out what is in ${lines.join(", ")}`);
    return [...mounts, ...this.#own];
  }

  #note(what: string, paths: readonly string[]): void {
    if (paths.length > 0) this.#notes.push(`${what}: ${listed(paths)}`);
  }
}

function ownDirectory({ path, what }: RootsContext["own"][number], context: RootsContext): EmptiedDirectory {
  const real = realPathBelowRoot(path, context.directory, (link) => context.look.linkTarget(link));
  const at = context.look.at(`/${real}`);
  return { path: real, file: at.kind === "there" ? at.file : null, why: what };
}

function isSameFile(at: LookedAt, { file }: EmptiedDirectory): boolean {
  if (at.kind !== "there" || file === null) return false;
  return at.file.deviceId === file.deviceId && at.file.inode === file.inode;
}

/** Why a path cannot be backed up; undefined if it can. */
function problemWith({ path, at }: Found, look: PathLook): string | undefined {
  if (at.kind === "unknown") return `${shown(path)}: ${at.reason}`;
  if (at.kind === "there") {
    return at.type === "socket" ? `${shown(path)}: it is a socket, which no backup keeps` : undefined;
  }
  const slash = path.lastIndexOf("/");
  const near = nearestName(path.slice(slash + 1), look.namesIn(`/${path.slice(0, Math.max(0, slash))}`));
  const hint = near === undefined ? "" : `; did you mean ${shown(path.slice(0, slash + 1) + near)}?`;
  return `${shown(path)}: there is no such file or directory${hint}`;
}

/** Orders paths as a walk finds them: name by name. */
function compareInWalkOrder(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareByteStrings(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

const MOST_LISTED = 3;

function listed(paths: readonly string[]): string {
  const more = paths.length - MOST_LISTED;
  return paths.slice(0, MOST_LISTED).map((path) => shown(path)).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** A path for people: quoted if it contains anything that is not plain. */
function shown(path: string, root = "/"): string {
  const text = root + path;
  return /^[\p{L}\p{N}/._@+,=~-]+$/u.test(text) ? text : JSON.stringify(text);
}
