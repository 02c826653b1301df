/**
 * Opens files that decide what this program does: they and all folders above them must belong to root or to the user,
 * and nobody else may write there. A link on the way is followed, and must lie in such folders, too.
 */
import { AgentError, systemReason, UsageError } from "../base/errors.ts";

/** Whose files are trusted besides root's. */
export interface TrustedOwner {
  /** The user of this process; null where there are no users, and nothing is trusted. */
  readonly uid: number | null;
}

/** What messages call what is opened, and what it is. */
export interface TrustedThing {
  /** As in "the configuration file". */
  readonly what: string;
  readonly kind: "file" | "folder";
}

/** As many links as Linux follows. */
const MOST_LINKS = 40;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * The real path of a file or folder at the absolute path `path`. Throws `UsageError` if somebody else could change it
 * or what lies there, and what the system throws if it is missing.
 */
export async function trustedPath(path: string, { what, kind }: TrustedThing, owner: TrustedOwner): Promise<string> {
  const refuse = (reason: string, advice: string) =>
    new UsageError(
      `Refusing the ${what} "${path}": ${reason}, so that somebody else may decide what it says; ${advice}`,
    );
  let real = "";
  let links = 0;
  const names = namesOf(path);
  judge("/", await look("/"));
  while (names.length > 0) {
    const name = names.shift()!;
    if (name === "..") {
      real = real.slice(0, real.lastIndexOf("/"));
      continue;
    }
    const here = `${real}/${name}`;
    const info = await look(here);
    judge(here, info);
    if (!info.isSymlink) {
      real = here;
      continue;
    }
    if (++links > MOST_LINKS) throw refuse("it leads through too many links", "name the file itself");
    const target = await Deno.readLink(here);
    if (target.startsWith("/")) real = "";
    names.unshift(...namesOf(target));
  }
  if (real === "" && kind === "file") throw isNoFile();
  return real === "" ? "/" : real;

  /** What is on the way; at its end, what was asked for. */
  async function look(at: string): Promise<Deno.FileInfo> {
    try {
      return await Deno.lstat(at);
    } catch (error) {
      // What is missing although there is a link to it, or what vanished.
      if (links === 0) throw error;
      throw new AgentError(`Cannot read the ${what} "${path}", a link to "${at}": ${systemReason(error)}`, {
        cause: error,
      });
    }
  }

  function isNoFile(): UsageError {
    return new UsageError(`Cannot use the ${what} "${path}": it is not a ${kind}; name a ${kind}`);
  }

  function judge(at: string, info: Deno.FileInfo): void {
    // The rights of a device or a pipe are not to be changed for this.
    const isEnd = names.length === 0 && !info.isSymlink && at !== "/";
    if (isEnd && (kind === "file" ? !info.isFile : !info.isDirectory)) throw isNoFile();
    const problem = distrust(info, owner);
    if (problem !== undefined) throw refuse(`"${at}" ${problem.reason}`, problem.advice(at));
  }
}

/** The text of a trusted file at an absolute path, read from what was judged. Throws what `trustedPath` throws. */
export async function readTrustedFile(
  path: string,
  { what, mostBytes }: { readonly what: string; readonly mostBytes: number },
  owner: TrustedOwner,
): Promise<string> {
  const real = await trustedPath(path, { what, kind: "file" }, owner);
  using file = await open(real, path, what);
  // The file may be another one by now. Nobody else can have put it there, but its owner may have changed its mode.
  const info = await file.stat();
  const problem = info.isFile ? distrust(info, owner) : { reason: "is not a file", advice: () => "try again" };
  if (problem !== undefined) throw new UsageError(`Refusing the ${what} "${path}": it ${problem.reason}`);
  return await readText(file, path, { what, mostBytes });
}

async function open(real: string, path: string, what: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(real);
  } catch (error) {
    throw new AgentError(`Cannot read the ${what} "${path}": ${systemReason(error)}`, { cause: error });
  }
}

async function readText(
  file: Deno.FsFile,
  path: string,
  { what, mostBytes }: { readonly what: string; readonly mostBytes: number },
): Promise<string> {
  const bytes = new Uint8Array(mostBytes + 1);
  let size = 0;
  try {
    for (let count: number | null; size < bytes.length && (count = await file.read(bytes.subarray(size))) !== null;) {
      size += count;
    }
  } catch (error) {
    throw new AgentError(`Cannot read the ${what} "${path}": ${systemReason(error)}`, { cause: error });
  }
  if (size > mostBytes) throw new UsageError(`Refusing the ${what} "${path}": it has more than ${mostBytes} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, size));
  } catch (cause) {
    throw new UsageError(`The ${what} "${path}" is not UTF-8: write it in that encoding`, { cause });
  }
}

/** Why an entry is not trusted; undefined if it is. A link has no mode of its own. */
function distrust(
  { uid, mode, isSymlink }: Deno.FileInfo,
  owner: TrustedOwner,
): { readonly reason: string; readonly advice: (path: string) => string } | undefined {
  if (owner.uid === null || uid === null || mode === null) {
    return { reason: "has no owner on this system", advice: () => "use options and variables" };
  }
  if (uid !== 0 && uid !== owner.uid) {
    const reason = `belongs to the user ${uid}, neither to root nor to you (${owner.uid})`;
    return { reason, advice: (path) => `"chown" it, or name another file than "${path}"` };
  }
  if (isSymlink || (mode & WRITABLE_BY_OTHERS) === 0) return undefined;
  const others = (mode & 0o002) === 0 ? "its group" : "everybody";
  // A folder for everybody's temporary files is meant to be as it is.
  const isShared = (mode & STICKY) !== 0;
  return {
    reason: `may be written by ${others}`,
    advice: (path) => isShared ? "put it into a folder of your own" : `run chmod go-w "${path}"`,
  };
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
