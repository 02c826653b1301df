/** Option files of MariaDB and MySQL: how a password gets to a client program without being seen. */
import { lstatSync } from "node:fs";
import { join } from "node:path";

/** What an option file is made of. */
interface OptionFile {
  /** The password. */
  readonly password: string;
  /** The only option file that is read besides; null for those that clients read by themselves. */
  readonly optionFile: string | null;
  /** The user's home; null if there is none. */
  readonly home: string | null;
}

/**
 * The text of an option file with a password. Clients take the last value that they read. So the file includes the one
 * that would be read after it, `~/.my.cnf`, or the only other one.
 */
export function optionFileText({ password, optionFile, home }: OptionFile): string {
  const included = optionFile ?? (home === null ? null : ownFile(home));
  const include = included === null ? [] : [`!include ${included}`];
  return [...include, "[client]", `password=${quotedValue(password)}`, ""].join("\n");
}

function ownFile(home: string): string | null {
  const path = join(home, ".my.cnf");
  return lstatSync(path, { throwIfNoEntry: false }) === undefined ? null : path;
}

/** Escapes of option files: `my_getopt` of MariaDB and MySQL document `\n`, `\r`, `\\` and quotes. */
const ESCAPED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\\": "\\\\", '"': '\\"' };

function quotedValue(text: string): string {
  return `"${text.replaceAll(/[\n\r\\"]/g, (character) => ESCAPED[character]!)}"`;
}
