/** Maps URLs of the restic REST protocol to targets; the only way from a request to a path. Pure. */
import { isId } from "../base/id.ts";
import { folderOfKind } from "../store/layout.ts";
import { CONFIG_FILE, type FileKind, type FileName } from "../store/store.ts";
import { Refusal } from "./refusal.ts";

/** The kinds of files that have their own folder. */
type FolderKind = Exclude<FileKind, "config">;

/** What a request addresses. `repository` is a path in the served folder; empty for that folder itself. */
export type Target =
  | { readonly at: "health" }
  | { readonly at: "metrics" }
  | { readonly at: "root"; readonly repository: string; readonly create: boolean }
  | { readonly at: "folder"; readonly repository: string; readonly kind: FolderKind }
  | { readonly at: "file"; readonly repository: string; readonly file: FileName };

/** A target in a repository, not of the server as a whole. */
export type RepositoryTarget = Exclude<Target, { at: "health" | "metrics" }>;

/** The longest allowed URL; two segments, a kind and an id take less than half of it. */
const MOST_URL_CHARACTERS = 1024;
/** As in rest-server: a user's folder and a repository in it. */
const MOST_SEGMENTS = 2;

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$/;

/** The folder in which a filesystem repair saves what it found; never a repository, whatever it contains. */
export const LOST_AND_FOUND = "lost+found";

/** A URL in absolute form; group 1 is what follows the host. Source: RFC 9112, section 3.2.2. */
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]+(.*)$/is;

const KIND_BY_FOLDER: ReadonlyMap<string, FolderKind> = new Map(
  (["pack", "key", "lock", "snapshot", "index"] as const).map((kind) => [folderOfKind(kind), kind]),
);

const METHODS_BY_PLACE = {
  health: ["GET", "HEAD"],
  metrics: ["GET", "HEAD"],
  root: ["POST"],
  folder: ["GET"],
  file: ["GET", "HEAD", "POST", "DELETE"],
} as const;

/**
 * Finds the target of a request. Throws `Refusal`: 414 for a URL that is too long, 404 for one without a target, 405
 * for a method that the target does not support. Source: restic's documentation, section REST Backend.
 */
export function parseRoute(method: string, url: string): Target {
  if (url.length > MOST_URL_CHARACTERS) throw new Refusal(414, "The URL is too long");
  const target = parseTarget(url);
  if (target === undefined) throw new Refusal(404, "There is nothing at this path");
  const methods: readonly string[] = METHODS_BY_PLACE[target.at];
  if (!methods.includes(method)) {
    throw new Refusal(405, "This method does not work here", { headers: { allow: methods.join(", ") } });
  }
  return target;
}

/** Whether a text may be a segment of a repository's path. */
export function isRepositorySegment(text: string): boolean {
  return SEGMENT.test(text) && !KIND_BY_FOLDER.has(text) && text !== "config" && text !== LOST_AND_FOUND;
}

/** The name of a kind in URLs. */
export function urlNameOfKind(kind: FileKind): string {
  return kind === "config" ? "config" : folderOfKind(kind);
}

function parseTarget(url: string): Target | undefined {
  const [path, query = ""] = split(originForm(url), "?");
  if (path === "/healthz") return { at: "health" };
  if (path === "/metrics") return { at: "metrics" };
  if (!path.startsWith("/")) return undefined;
  const names = path.slice(1).split("/");
  const last = names.pop()!;
  if (last === "config") return inRepository(names, { at: "file", file: CONFIG_FILE });
  const kind = KIND_BY_FOLDER.get(names.at(-1) ?? "");
  if (kind === undefined) {
    const create = new URLSearchParams(query).get("create") === "true";
    return last === "" ? inRepository(names, { at: "root", create }) : undefined;
  }
  if (last === "") return inRepository(names.slice(0, -1), { at: "folder", kind });
  return isId(last) ? inRepository(names.slice(0, -1), { at: "file", file: { kind, name: last } }) : undefined;
}

/** A URL from its path on; the host that it names makes no difference here. */
function originForm(url: string): string {
  const rest = ABSOLUTE_FORM.exec(url)?.[1];
  if (rest === undefined) return url;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

type WithoutRepository<T> = T extends unknown ? Omit<T, "repository"> : never;

function inRepository(names: readonly string[], target: WithoutRepository<RepositoryTarget>): Target | undefined {
  const segments = names.map(decodeSegment);
  if (segments.length > MOST_SEGMENTS || !segments.every(isRepositorySegment)) return undefined;
  return { ...target, repository: segments.join("/") } as RepositoryTarget;
}

/** A percent-decoded segment; empty, which is never valid, if the escapes are malformed. */
function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function split(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
