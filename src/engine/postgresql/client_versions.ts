/** Which of the installed versions of PostgreSQL's programs fits a server or an archive. */
import { delimiter } from "node:path";
import { SourceError } from "../../base/errors.ts";
import { type ClientProgram, findClientProgram, postgresqlFolders } from "../client/client_program.ts";
import type { ClientMachine } from "../client/machine.ts";
import { outputOf } from "./program_output.ts";

/** The programs that are used. */
type PostgresqlProgram = "psql" | "pg_dump" | "pg_dumpall" | "pg_restore";

/** A program and its version. */
export interface VersionedProgram {
  /** Its absolute path. */
  readonly path: string;
  /** Its version, such as 15.18. */
  readonly version: ClientVersion;
}

/** The version of a program. */
interface ClientVersion {
  /** As in 15 of 15.18. Before version 10 it had two numbers, of which this is the first. */
  readonly major: number;
  /** As in 18 of 15.18. */
  readonly minor: number;
}

/**
 * The program of the major version `major`, else the first one of a newer version, along PATH and then from the newest
 * version that Debian keeps apart. What newer programs write or say an older server may not understand. Throws `SourceError` that names the package if there is none.
 */
export async function findProgram(
  name: PostgresqlProgram,
  { environment }: ClientMachine,
  { major = 0, signal, apart = postgresqlFolders() }: {
    readonly major?: number;
    readonly signal?: AbortSignal | undefined;
    /** The folders that Debian keeps apart for each version. */
    readonly apart?: readonly string[];
  } = {},
): Promise<VersionedProgram> {
  const program: ClientProgram = {
    names: [name],
    debianPackage: "postgresql-client",
    purpose: "to talk to PostgreSQL",
  };
  const folders = [...(environment.PATH ?? "").split(delimiter), ...apart].filter((one) => one !== "");
  findClientProgram(program, folders.join(delimiter)); // Throws if there is none at all.
  let newest: ClientVersion | undefined;
  let fitting: VersionedProgram | undefined;
  for (const path of new Set(folders.flatMap((folder) => programIn(program, folder)))) {
    const version = parseVersion(await outputOf({ program: path, args: ["--version"], env: environment, signal }));
    if (version === undefined) continue;
    if (version.major === major || major === 0) return { path, version };
    if (version.major > major) fitting ??= { path, version };
    if (newest === undefined || version.major > newest.major) newest = version;
  }
  if (fitting !== undefined) return fitting;
  const own = newest === undefined ? "tells no version" : `is of version ${newest.major}`;
  throw new SourceError(
    `${name} ${own}, but version ${major} or a newer one is needed; Debian and apt.postgresql.org have it in the ` +
      `package postgresql-client-${major}`,
  );
}

/** The version in the output of `--version`: `psql (PostgreSQL) 15.18 (Debian …)`; undefined if there is none. */
export function parseVersion(output: string): ClientVersion | undefined {
  const match = /\) (\d+)(?:\.(\d+))?/.exec(output);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2] ?? 0) };
}

/** The first minor version of each major one whose psql has `\restrict`. Newer major versions always have it. */
const RESTRICTING: ReadonlyMap<number, number> = new Map([[13, 22], [14, 19], [15, 14], [16, 10], [17, 6]]);

/** Whether psql can be told to run no command of its own, whatever its input says (`\restrict`). */
export function canRestrict({ major, minor }: ClientVersion): boolean {
  return major > 17 || minor >= (RESTRICTING.get(major) ?? Infinity);
}

function programIn(program: ClientProgram, folder: string): string[] {
  try {
    return [findClientProgram(program, folder)];
  } catch {
    return []; // It is in another folder.
  }
}
