/** What a URL of the restic REST protocol means: pure, and the only way from a request to a path. */
import { isId } from "../base/id.ts";
import { folderOfKind } from "../store/layout.ts";
import { CONFIG_FILE, type FileKind, type FileName } from "../store/store.ts";
import { Refusal } from "./refusal.ts";

/** The kinds that lie in a folder of their own. */
type FolderKind = Exclude<FileKind, "config">;

/** What a request is about. `repository` is a path below the served folder, empty for that folder itself. */
export type Target =
  | { readonly at: "health" }
  | { readonly at: "metrics" }
  | { readonly at: "root"; readonly repository: string; readonly create: boolean }
  | { readonly at: "folder"; readonly repository: string; readonly kind: FolderKind }
  | { readonly at: "file"; readonly repository: string; readonly file: FileName };

/** The target of a repository, not of the server. */
export type RepositoryTarget = Exclude<Target, { at: "health" | "metrics" }>;

/** Longest URL: two segments, a kind and an id take less than half. */
const MOST_URL_CHARACTERS = 1024;
/** As rest-server: a user's folder and a repository in it. */
const MOST_SEGMENTS = 2;

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$/;

/** Where a filesystem keeps what a repair of it found: never a repository, whatever lies there. */
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
 * The target of a request. Throws `Refusal`: 414 for a URL that is too long, 404 for one that means nothing, 405 for a
 * method that the target does not have. Source: restic's REST backend, section REST Backend of its documentation.
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

/** Whether a text may be one segment of a repository's path. */
export function isRepositorySegment(text: string): boolean {
  return SEGMENT.test(text) && !KIND_BY_FOLDER.has(text) && text !== "config" && text !== LOST_AND_FOUND;
}

/** The name of a kind as it stands in URLs. */
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

/** A URL from its path on; which host it names makes no difference here. */
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

/** A segment without percent signs; the empty text, which is no segment, where they encode nothing. */
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
