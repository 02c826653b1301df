/**
 * Tests that need real programs: if one is missing, the test is ignored and its name says why; in CI it fails.
 *
 * `AGENT_TEST_ABSENT` lists, separated by commas, the programs that CI is known not to have; `.ci/run` sets and prints
 * it.
 */
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Programs whose path is in an environment variable, because PATH holds another version or none. */
const VARIABLE_BY_PROGRAM: Readonly<Record<string, string>> = {
  "restic-newest": "RESTIC_NEWEST",
  "deno-with-denort": "DENORT_DENO",
  "s3-server": "S3_SERVER",
};

interface ProgramTest<Name extends string> {
  readonly name: string;
  /** Program names as on PATH, or names in `VARIABLE_BY_PROGRAM`. */
  readonly needs: readonly Name[];
  /** The time limit in milliseconds, if it is longer than that of other tests. */
  readonly timeout?: number | undefined;
  /** Receives the absolute path of each needed program. */
  readonly fn: (programs: Readonly<Record<Name, string>>, test: Deno.TestContext) => void | Promise<void>;
}

/** Registers a test that runs only if every program in `needs` is found. */
export function programTest<const Name extends string>({ name, needs, timeout, fn }: ProgramTest<Name>): void {
  const found = needs.map((need) => [need, findProgram(need)] as const);
  const missing = found.flatMap(([need, path]) => path === undefined ? [need] : []);
  if (missing.length === 0) {
    const programs = Object.fromEntries(found) as Record<Name, string>;
    Deno.test({ name, ...timeout !== undefined && { timeout }, fn: (test) => fn(programs, test) });
  } else if (mayBeAbsent(missing)) {
    Deno.test.ignore(`${name} (skipped: needs ${missing.map(hintOf).join(", ")})`, () => {});
  } else {
    Deno.test(name, () => {
      throw new Error(`Cannot skip in CI: needs ${missing.map(hintOf).join(", ")}; see AGENT_TEST_ABSENT`);
    });
  }
}

/**
 * The path of a program: from its environment variable, on PATH, or where Debian installs servers; undefined if it is
 * nowhere.
 */
export function findProgram(name: string): string | undefined {
  const variable = VARIABLE_BY_PROGRAM[name];
  if (variable !== undefined) return Deno.env.get(variable) || undefined;
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders, "/usr/local/sbin", "/usr/sbin", "/sbin", ...postgresFolders()]
    .map((folder) => join(folder, name)).find(isExecutable);
}

/** PATH as people have it: with what their distribution puts before PostgreSQL's programs, which tests leave out. */
export function pathOfPeople(): string {
  const own = postgresFolders();
  return (Deno.env.get("PATH") ?? "").split(delimiter).filter((folder) => !own.includes(folder)).join(delimiter);
}

function postgresFolders(): string[] {
  const root = "/usr/lib/postgresql";
  try {
    return readdirSync(root).sort().reverse().map((version) => join(root, version, "bin"));
  } catch {
    return []; // No PostgreSQL server on this machine.
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // An answer, not an error.
  }
}

function mayBeAbsent(missing: readonly string[]): boolean {
  if (Deno.env.get("CI") !== "true") return true;
  const absent = (Deno.env.get("AGENT_TEST_ABSENT") ?? "").split(",");
  return missing.every((name) => absent.includes(name));
}

function hintOf(name: string): string {
  const variable = VARIABLE_BY_PROGRAM[name];
  return variable === undefined ? name : `${name} in ${variable}`;
}
