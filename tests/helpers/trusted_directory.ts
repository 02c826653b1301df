/**
 * A temporary directory in which files are trusted that decide what the program does: unlike that for temporary files,
 * no folder above it may be written by others.
 */

/** Candidates for the folder above: those of the user's session, root's, and the checkout. */
function parents(): string[] {
  const uid = Deno.uid();
  const session = Deno.env.get("XDG_RUNTIME_DIR");
  const own = uid === 0 ? ["/run"] : [`/run/user/${uid}`];
  return [...session ? [session] : [], ...own, Deno.cwd()];
}

/** The folder in which such directories can be made; undefined if there is none. */
export const TRUSTED_PARENT: string | undefined = parents().find((path) => {
  try {
    const names = path.split("/").filter((name) => name !== "");
    const above = names.map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
    for (const folder of ["/", ...above]) {
      const { uid, mode, isDirectory } = Deno.lstatSync(folder);
      if (!isDirectory || uid !== 0 && uid !== Deno.uid() || (mode! & 0o022) !== 0) return false;
    }
    Deno.removeSync(Deno.makeTempDirSync({ dir: path }));
    return true;
  } catch {
    return false;
  }
});

/** Such a directory. */
export class TrustedDirectory implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ dir: TRUSTED_PARENT!, prefix: "agent-trusted-" });

  at(path: string): string {
    return `${this.path}/${path}`;
  }

  /** Writes a file that only its owner may write, and makes the folders above it. */
  write(path: string, content: string): string {
    const folders = path.split("/").slice(0, -1);
    folders.forEach((_, i) => makeFolder(this.at(folders.slice(0, i + 1).join("/"))));
    Deno.writeTextFileSync(this.at(path), content);
    Deno.chmodSync(this.at(path), 0o600);
    return this.at(path);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true });
  Deno.chmodSync(path, 0o700);
}

/** Registers a test that needs such a directory; without one it is ignored, with the reason in its name. */
export function trustedTest(name: string, fn: () => void | Promise<void>): void {
  const isPossible = TRUSTED_PARENT !== undefined;
  const reason = "(skipped: every folder here may be written by others)";
  Deno.test({ name: isPossible ? name : `${name} ${reason}`, ignore: !isPossible, fn });
}
