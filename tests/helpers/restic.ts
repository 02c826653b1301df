/** Stock restic in tests: Debian's version and the newest one, on the repository of a sandbox. */
import { doesNotMatch, equal, match, ok } from "node:assert/strict";
import type { Outcome, Running, Sandbox } from "./executable.ts";
import { findProgram, programTest } from "./programs.ts";

/** A snapshot as `restic snapshots --json` lists it. */
interface ResticSnapshot {
  readonly id: string;
  readonly tree: string;
  readonly paths: readonly string[];
  readonly hostname: string;
  readonly tags?: readonly string[];
  readonly parent?: string;
  readonly original?: string;
}

/** Options for a run of restic. */
interface ResticOptions {
  readonly stdin?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The variables that give restic a repository and its password. */
function environment(box: Sandbox): Record<string, string> {
  return { RESTIC_REPOSITORY: box.repo, RESTIC_PASSWORD_FILE: box.join("password") };
}

/** One version of restic in one sandbox. */
export class Restic {
  readonly #box: Sandbox;
  readonly program: string;
  /** The minor version: 14 in 0.14.0. */
  readonly minor: number;

  private constructor(box: Sandbox, program: string, minor: number) {
    this.#box = box;
    this.program = program;
    this.minor = minor;
  }

  static async in(box: Sandbox, program: string): Promise<Restic> {
    await using running = box.startProgram(program, ["version"]);
    await running.closeInput();
    const { stdout } = await running.outcome();
    const minor = /^restic 0\.(\d+)\./.exec(stdout)?.[1];
    ok(minor !== undefined, `Not a restic: ${stdout}`);
    return new Restic(box, program, Number(minor));
  }

  /** Starts restic with its standard input open. */
  start(args: readonly string[], env: ResticOptions["env"] = {}): Running {
    return this.#box.startProgram(this.program, [...args, "--no-cache"], { ...environment(this.#box), ...env });
  }

  /** Runs restic to its end. */
  async attempt(args: readonly string[], { stdin = "", env = {} }: ResticOptions = {}): Promise<Outcome> {
    await using running = this.start(args, env);
    await running.write(stdin);
    await running.closeInput();
    return await running.outcome();
  }

  /** Like `attempt`, but fails the test unless the exit code is 0; returns standard output. */
  async ok(args: readonly string[], options: ResticOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.attempt(args, options);
    equal(exitCode, 0, `restic ${args.join(" ")} failed: ${stderr}${stdout.slice(-2000)}`);
    return stdout;
  }

  /** Fails the test if `restic check --read-data` finds anything, including hints, which leave its exit code at 0. */
  async check(): Promise<void> {
    const { exitCode, stdout, stderr } = await this.attempt(["check", "--read-data"]);
    equal(exitCode, 0, `restic check failed: ${stderr}${stdout}`);
    match(stdout, /no errors were found/);
    doesNotMatch(stdout + stderr, /mix of tree|several indexes|additional files/);
  }

  /** The snapshots, oldest first; `args` may name some. */
  async snapshots(...args: string[]): Promise<ResticSnapshot[]> {
    return JSON.parse(await this.ok(["snapshots", "--json", ...args])) ?? [];
  }

  /** The MD5 of a file as `restic dump` writes it, in hex. */
  async md5(snapshot: string, path: string, ...args: string[]): Promise<string> {
    const script = `set -o pipefail; "$@" | md5sum`;
    const command = [this.program, "dump", "--no-cache", ...args, snapshot, path];
    await using running = this.#box.startProgram("bash", ["-c", script, "bash", ...command], environment(this.#box));
    await running.closeInput();
    const { exitCode, stdout, stderr } = await running.outcome();
    equal(exitCode, 0, `restic dump ${snapshot} ${path} failed: ${stderr}`);
    return stdout.slice(0, 32);
  }

  /** Rebuilds the index, with the command of this version. */
  repairIndex(): Promise<string> {
    return this.ok(this.minor >= 16 ? ["repair", "index"] : ["rebuild-index"]);
  }

  /** Copies all snapshots of a repository with the same password into the sandbox's own. */
  copyFrom(repository: string): Promise<string> {
    const passwordFile = this.#box.join("password");
    return this.ok(["copy"], { env: { RESTIC_FROM_REPOSITORY: repository, RESTIC_FROM_PASSWORD_FILE: passwordFile } });
  }
}

/**
 * Registers a test twice: with the restic on PATH and with the newest one. For everything in which versions may differ:
 * formats, keys, locks, retention. What builds on these is tested with the newest one alone: `resticTest`.
 */
export function everyResticTest(
  name: string,
  fn: (program: string, test: Deno.TestContext) => void | Promise<void>,
): void {
  programTest({ name: `${name} (restic on PATH)`, needs: ["restic"], fn: ({ restic }, test) => fn(restic, test) });
  programTest({
    name: `${name} (newest restic)`,
    needs: ["restic-newest"],
    fn: (programs, test) => fn(programs["restic-newest"], test),
  });
}

/** Registers a test with the newest restic available: `RESTIC_NEWEST`, or the one on PATH. */
export function resticTest(
  name: string,
  fn: (program: string, test: Deno.TestContext) => void | Promise<void>,
): void {
  const newest = findProgram("restic-newest") === undefined ? "restic" : "restic-newest";
  programTest({ name, needs: [newest], fn: (programs, test) => fn(programs[newest], test) });
}

/** Lets restic check the repository of a sandbox, if restic is installed. */
export async function assertResticFindsNoError(box: Sandbox): Promise<void> {
  const program = findProgram("restic");
  if (program !== undefined) await (await Restic.in(box, program)).ok(["check", "--read-data"]);
}
