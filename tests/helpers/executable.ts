/**
 * Runs the built executable as a black box: `AGENT_EXECUTABLE`, or `dist/agent`, which scripts/tests/run.ts builds.
 *
 * Every test works in a sandbox: a directory with its own repository and password, which is removed at the end.
 */
import assert from "node:assert/strict";
import { createCipheriv, hash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { systemClock } from "../../src/base/clock.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { initRepository, openRepository, type UnlockedRepository } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { CHEAP_KDF, IDENTITY, PASSWORD } from "./world.ts";

/** The executable under test. */
export const EXECUTABLE = resolve(
  Deno.env.get("AGENT_EXECUTABLE") ?? join(import.meta.dirname!, "../../dist/agent"),
);

/** The files of a repository are named by an id, except for its config. */
const FILE_NAME = /^[0-9a-f]{64}$/;

/** Far longer than any process of a test should run, also on a machine that is busy with other tests. */
const LONGEST_RUN_MS = 180_000;

/** How long to wait for what should be there soon. */
const LONGEST_WAIT_MS = 120_000;

/**
 * Where the self-extracting form unpacks itself, also in tests with a home of their own: each of them would unpack its
 * 150 MB again. What it looks for where nothing is set is tested in tests/e2e/odd_machine_test.ts.
 */
const RUNTIME_FOLDER = runtimeFolder();

function runtimeFolder(): string | undefined {
  const [named, cache, home] = ["AGENT_RUNTIME_DIR", "XDG_CACHE_HOME", "HOME"].map((name) =>
    Deno.env.get(name) || null
  );
  return named ?? cache ?? (home ? join(home, ".cache") : undefined);
}

/** Variables that must not reach the agent from the tests' environment. No test may write to the catalogue of a person. */
const FOREIGN_VARIABLES = /^(AGENT|RESTIC)_/;

/** How a process ended. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options for a run of the agent. */
export interface RunOptions {
  /** Its whole standard input; empty by default. */
  readonly stdin?: string | Uint8Array;
  /** Added to the environment; an undefined value removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A running process; disposing of it kills it if it still runs. */
export class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: CollectedStream;
  readonly #stderr: CollectedStream;
  #isOver = false;
  #isGivenUp = false;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#stdin.closed.catch(() => {});
    this.#stdout = new CollectedStream(child.stdout);
    this.#stderr = new CollectedStream(child.stderr);
    void child.status.then(() => this.#isOver = true);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The output so far. */
  get stdoutSoFar(): string {
    return this.#stdout.text;
  }

  get stderrSoFar(): string {
    return this.#stderr.text;
  }

  /** Writes to its standard input; a process that no longer reads is not an error. */
  async write(bytes: Uint8Array | string): Promise<void> {
    const chunk = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    await this.#stdin.write(chunk).catch(() => {});
  }

  /** Closes its standard input. */
  async closeInput(): Promise<void> {
    await this.#stdin.close().catch(() => {});
  }

  kill(signal: Deno.Signal): void {
    if (this.#isOver) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has just ended, and its status has not arrived yet.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /**
   * Waits for the process to end. If a signal ended it, the exit code is the shell's: 128 plus the signal's number.
   * Fails the test if the process, or one that it started and that keeps its output open, runs for too long. Standard
   * error comes without progress objects, whose number depends on the machine's speed; `stderrSoFar` includes them.
   */
  async outcome(): Promise<Outcome> {
    const tooLong = setTimeout(() => void this.#giveUp(), LONGEST_RUN_MS);
    const { code } = await this.#child.status;
    await this.closeInput();
    const [stdout, stderr] = await Promise.all([this.#stdout.whole(), this.#stderr.whole()]);
    clearTimeout(tooLong);
    assert.ok(!this.#isGivenUp, `the process, or what it started, did not end: ${stderr}`);
    return { exitCode: code, stdout, stderr: withoutProgressObjects(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isGivenUp) return;
    this.kill("SIGKILL");
    await this.outcome();
  }

  async #giveUp(): Promise<void> {
    this.#isGivenUp = true;
    this.kill("SIGKILL");
    await Promise.all([this.#stdout.stop(), this.#stderr.stop()]);
  }
}

/** Standard error without progress objects: how many there are depends on how busy the machine is. */
export function withoutProgressObjects(stderr: string): string {
  return stderr.replace(/^\{"message_type":"progress".*\n/gm, "");
}

/** Collects the text of a stream as it comes in. */
class CollectedStream {
  text = "";
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #end: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#end = this.#collect();
  }

  async whole(): Promise<string> {
    await this.#end;
    return this.text;
  }

  /** Ends the text with what has come so far. */
  async stop(): Promise<void> {
    await this.#reader.cancel();
  }

  async #collect(): Promise<void> {
    for (let piece = await this.#reader.read(); !piece.done; piece = await this.#reader.read()) {
      this.text += piece.value;
    }
  }
}

/** A directory with a repository, `repo`, and its password in the file `password`; disposing of it removes it. */
export class Sandbox implements AsyncDisposable {
  readonly path: string;
  readonly repo: string;

  constructor(path: string) {
    this.path = path;
    this.repo = join(path, "repo");
  }

  /** A path in the sandbox. */
  join(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** Writes a file in the sandbox, creating its parent directories; returns its path. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    const path = this.join(name);
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    return path;
  }

  /** Runs the agent to its end on the sandbox's repository. */
  async agent(args: readonly string[], { stdin = "", env = {} }: RunOptions = {}): Promise<Outcome> {
    await using running = this.start(args, { env });
    await running.write(stdin);
    await running.closeInput();
    return await running.outcome();
  }

  /** Like `agent`, but fails the test unless the exit code is 0; returns standard output. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.agent(args, options);
    assert.equal(exitCode, ExitCode.done, `agent ${args.join(" ")} failed: ${stderr}`);
    return stdout;
  }

  /** Like `ok`, with `--json`; returns one object for each line. */
  async json(args: readonly string[], options: RunOptions = {}): Promise<JsonRow[]> {
    return jsonRows(await this.ok(["--json", ...args], options));
  }

  /** Puts a stream; returns the backup's id. */
  async put(series: string, stdin: string | Uint8Array, ...args: string[]): Promise<string> {
    return (await this.ok(["put", series, "--quiet", ...args], { stdin })).trim();
  }

  /** Starts the agent with its standard input open. */
  start(args: readonly string[], { env = {} }: Pick<RunOptions, "env"> = {}): Running {
    return this.startProgram(EXECUTABLE, args, env);
  }

  /** Runs a shell script in the sandbox; `$AGENT` is the executable. */
  async shell(script: string, ...args: string[]): Promise<Outcome> {
    await using running = this.startProgram("/bin/bash", ["-c", script, "bash", ...args]);
    await running.closeInput();
    return await running.outcome();
  }

  /** The environment for programs, with `env` added. */
  variables(env: RunOptions["env"] = {}): Record<string, string> {
    const inherited = Object.entries(Deno.env.toObject()).filter(([name]) => !FOREIGN_VARIABLES.test(name));
    const all: Record<string, string | undefined> = {
      ...Object.fromEntries(inherited),
      AGENT: EXECUTABLE,
      AGENT_CATALOGUE: "off",
      AGENT_RUNTIME_DIR: RUNTIME_FOLDER,
      AGENT_REPOSITORY: this.repo,
      AGENT_PASSWORD_FILE: this.join("password"),
      ...env,
    };
    const set = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return Object.fromEntries(set);
  }

  /** Starts a program in the sandbox's directory with the agent's environment; `$AGENT` is the executable. */
  startProgram(program: string, args: readonly string[], env: RunOptions["env"] = {}): Running {
    return new Running(
      new Deno.Command(program, {
        args: [...args],
        cwd: this.path,
        env: this.variables(env),
        clearEnv: true,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
  }

  /** The sandbox's repository, opened by the library. */
  async open(): Promise<UnlockedRepository> {
    const store = openLocalStore(this.repo, { random: systemRandomBytes });
    return await openRepository(store, { password: PASSWORD, randomBytes: systemRandomBytes });
  }

  /** The names of the repository's files in `locks`, `snapshots`, `index` or `keys`, without half-written ones. */
  async names(folder: string): Promise<string[]> {
    const entries = await Array.fromAsync(Deno.readDir(join(this.repo, folder)));
    return entries.map(({ name }) => name).filter((name) => FILE_NAME.test(name)).sort();
  }

  /** The paths of all packs, the largest first. */
  async packs(): Promise<string[]> {
    const folders = await Array.fromAsync(Deno.readDir(join(this.repo, "data")));
    const packs = await Promise.all(folders.map(async ({ name: folder }) => {
      const paths = await Array.fromAsync(
        Deno.readDir(join(this.repo, "data", folder)),
        ({ name }) => join(this.repo, "data", folder, name),
      );
      return await Promise.all(
        paths.filter((path) => FILE_NAME.test(basename(path))).map(async (path) => ({
          path,
          size: (await Deno.stat(path)).size,
        })),
      );
    }));
    return packs.flat().sort((a, b) => b.size - a.size).map(({ path }) => path);
  }

  /** Flips one bit in the middle of the largest pack; returns the pack's id. */
  async damageLargestPack(): Promise<string> {
    const [path] = await this.packs();
    const bytes = await Deno.readFile(path!);
    bytes[bytes.length >> 1]! ^= 1;
    await this.replace(path!, bytes);
    return basename(path!);
  }

  /** Replaces the content of a file of the repository. */
  async replace(path: string, content: Uint8Array): Promise<void> {
    await Deno.chmod(path, 0o600);
    await Deno.writeFile(path, content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A sandbox with an empty repository, whose key derivation is cheap. */
export async function sandbox(): Promise<Sandbox> {
  const box = await emptySandbox();
  const store = openLocalStore(box.repo, { random: systemRandomBytes });
  const tools = { clock: systemClock, identity: IDENTITY, randomBytes: systemRandomBytes, kdf: CHEAP_KDF };
  await initRepository(store, PASSWORD, tools);
  await box.file("password", `${PASSWORD}\n`);
  return box;
}

/** A sandbox without a repository. */
export async function emptySandbox(): Promise<Sandbox> {
  return new Sandbox(await Deno.makeTempDir({ prefix: "agent-e2e-" }));
}

/** A JSON object from the agent's output. */
export type JsonRow = Record<string, unknown>;

/** The objects in output that has one per line; fails the test if it has anything else. */
export function jsonRows(text: string): JsonRow[] {
  assert.ok(text === "" || text.endsWith("\n"), "the last line ends");
  return text.split("\n").slice(0, -1).map((line) => {
    const value: unknown = JSON.parse(line);
    assert.ok(typeof value === "object" && value !== null && !Array.isArray(value), `not an object: ${line}`);
    return value as JsonRow;
  });
}

/**
 * Fails the test unless the agent failed as expected: with this exit code, nothing on stdout, and one matching line on
 * stderr.
 */
export function assertFails(outcome: Outcome, exitCode: ExitCode, message: RegExp): void {
  assert.equal(outcome.stdout, "", "nothing on standard output");
  assertFailsAfterOutput(outcome, exitCode, message);
}

/** Like `assertFails`, but allows earlier output on stdout. */
export function assertFailsAfterOutput(outcome: Outcome, exitCode: ExitCode, message: RegExp): void {
  const { stderr } = outcome;
  assert.match(stderr, message);
  assert.match(stderr, /^agent: [^\n]+\n$/, "one line on standard error");
  assert.doesNotMatch(stderr, /This is a fault of the program/);
  assert.equal(outcome.exitCode, exitCode, stderr);
}

/** Waits until `condition` returns a value, and returns it; fails the test if that takes too long. */
export async function eventually<T>(what: string, condition: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + LONGEST_WAIT_MS;
  while (performance.now() < deadline) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`waited in vain for ${what}`);
}

/** The id of the process that writes it into a file, once it is there with its line end: 0 would mean this very test. */
export function pidIn(path: string): Promise<number> {
  return eventually(`a process to write ${path}`, async () => {
    const text = await Deno.readTextFile(path).catch(() => "");
    return /^[1-9]\d*\n$/.test(text) ? Number(text) : undefined;
  });
}

/** Large amounts of bytes that neither compress nor repeat, and are the same in every run. */
export function bulkNoise(count: number, seed: string): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv("aes-128-ctr", hash("md5", seed, "buffer"), new Uint8Array(16));
  const noise = new Uint8Array(cipher.update(new Uint8Array(count)));
  cipher.final();
  return noise;
}

/** Whether no process has this id. */
export function isGone(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return false;
  } catch {
    return true; // No such process.
  }
}
