/** Every file in a server's folder, even those that no list shows: the quota starts with their sizes. */
import { isId } from "../../base/id.ts";
import { folderOfKind, isPackFolder } from "../../store/layout.ts";
import { localError, osCode } from "../../store/local/local_errors.ts";
import type { FileKind } from "../../store/store.ts";
import { isServedName } from "./served_folder.ts";

/** A file by its path relative to the folder, with `/` between names. */
interface StoredFileInfo {
  readonly path: string;
  readonly sizeBytes: number;
}

/** How many files are examined at once. */
const AT_ONCE = 32;

/**
 * All files in a folder, at any depth and behind links, except those under a top-level name that no request reaches.
 * `onUnreadable` receives the reason why something cannot be examined.
 */
export async function* allStoredFiles(
  root: string,
  onUnreadable: (thrown: unknown) => void,
): AsyncGenerator<StoredFileInfo> {
  yield* filesIn({ root, path: "", above: [identityOf(await Deno.stat(root))], onUnreadable });
}

interface Walk {
  readonly root: string;
  /** Relative to the root; empty for the root itself. */
  readonly path: string;
  /** The folders above, by device and inode: a link back to one of them is not followed. */
  readonly above: readonly string[];
  readonly onUnreadable: (thrown: unknown) => void;
}

async function* filesIn(walk: Walk): AsyncGenerator<StoredFileInfo> {
  const names = await namesIn(walk);
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const paths = names.slice(at, at + AT_ONCE).map((name) => walk.path === "" ? name : `${walk.path}/${name}`);
    const infos = await Promise.all(paths.map((path) => infoOf(walk, path)));
    for (const [i, path] of paths.entries()) {
      const info = infos[i];
      if (info?.isFile) yield { path, sizeBytes: info.size };
      if (!info?.isDirectory) continue;
      const identity = identityOf(info);
      if (!walk.above.includes(identity)) yield* filesIn({ ...walk, path, above: [...walk.above, identity] });
    }
  }
}

function identityOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev} ${ino}`;
}

async function namesIn({ root, path, onUnreadable }: Walk): Promise<string[]> {
  const folder = path === "" ? root : `${root}/${path}`;
  try {
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    return (path === "" ? names.filter(isServedName) : names).sort();
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") onUnreadable(localError(thrown, "list", folder));
    return [];
  }
}

/** Undefined if the file was removed since it was listed, or is a link that leads nowhere. */
async function infoOf({ root, onUnreadable }: Walk, path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(`${root}/${path}`);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT" && osCode(thrown) !== "ELOOP") {
      onUnreadable(localError(thrown, "look at", `${root}/${path}`));
    }
    return undefined;
  }
}

const KIND_BY_FOLDER: ReadonlyMap<string, FileKind> = new Map(
  (["key", "lock", "snapshot", "index"] as const).map((kind) => [folderOfKind(kind), kind]),
);

/** The repository (as in URLs) and the kind of a file in a server's folder; undefined for a file that no list shows. */
export function ownerOfPath(path: string): { readonly repository: string; readonly kind: FileKind } | undefined {
  const folders = path.split("/");
  const name = folders.pop()!;
  const inRepository = (kind: FileKind, depth: number) => ({
    repository: folders.slice(0, folders.length - depth).join("/"),
    kind,
  });
  if (name === "config") return inRepository("config", 0);
  if (!isId(name)) return undefined;
  const last = folders.at(-1) ?? "";
  const kind = KIND_BY_FOLDER.get(last);
  if (kind !== undefined) return inRepository(kind, 1);
  const isPack = isPackFolder(last) && name.startsWith(last) && folders.at(-2) === folderOfKind("pack");
  return isPack ? inRepository("pack", 2) : undefined;
}
