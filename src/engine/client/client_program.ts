/** The programs of a database: which of several is there, and which Debian package brings them. */
import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SourceError } from "../../base/errors.ts";

/** A program that several packages bring, sometimes under several names. */
export interface ClientProgram {
  /** Its names, the preferred one first. */
  readonly names: readonly string[];
  /** The Debian package that brings it. */
  readonly debianPackage: string;
  /** What it is needed for, as in `to dump MariaDB`. */
  readonly purpose: string;
  /** Folders besides those of PATH, searched last. */
  readonly folders?: readonly string[];
}

/** The absolute path of a program. Throws `SourceError` that names the package if it is not there. */
export function findClientProgram(program: ClientProgram, searchPath: string): string {
  const { names, debianPackage, purpose, folders = [] } = program;
  const searched = [...searchPath.split(delimiter).filter((folder) => folder !== ""), ...folders];
  const found = names.flatMap((name) => searched.map((folder) => join(folder, name))).find(isProgram);
  if (found !== undefined) return found;
  throw new SourceError(`There is no ${names.join(" or ")} ${purpose}; Debian has it in the package ${debianPackage}`);
}

/** The folders of the programs that Debian keeps apart for each version of PostgreSQL, the newest first. */
export function postgresqlFolders(root = "/usr/lib/postgresql"): readonly string[] {
  try {
    return readdirSync(root).filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a))
      .map((version) => join(root, version, "bin"));
  } catch {
    return []; // PostgreSQL is not installed, or elsewhere.
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // An answer, not an error.
  }
}
