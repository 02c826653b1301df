/** Servers in tests: programs that choose a free loopback port and print it; disposing of them kills them. */
import { ok } from "node:assert/strict";
import { eventually, isGone, type Outcome, type Running, type RunOptions, Sandbox } from "./executable.ts";

/** A user and a password. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A running server; disposing of it kills it. */
export class Server implements AsyncDisposable {
  readonly #running: Running;
  /** Its address, such as `http://127.0.0.1:41234`. */
  readonly origin: string;

  private constructor(running: Running, origin: string) {
    this.#running = running;
    this.origin = origin;
  }

  /** Starts a program that prints its address; the first group of `address` matches the port in its output. */
  static async start(
    box: Sandbox,
    program: string,
    args: readonly string[],
    { address, scheme = "http" }: { readonly address: RegExp; readonly scheme?: "http" | "https" },
  ): Promise<Server> {
    const running = box.startProgram("bash", ["-c", 'exec "$0" "$@" 2>&1', program, ...args]);
    try {
      const port = await eventually(`${program} to listen`, () => {
        ok(!isGone(running.pid), `${program} ended: ${running.stdoutSoFar}`);
        return address.exec(running.stdoutSoFar)?.[1];
      });
      return new Server(running, `${scheme}://127.0.0.1:${port}`);
    } catch (error) {
      await running[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Its output so far, standard output and standard error together. */
  get output(): string {
    return this.#running.stdoutSoFar;
  }

  /** The repository URL for a path, with a user's credentials if they are given. */
  repository(path: string, as?: Credentials): string {
    const url = new URL(`${this.origin}/${path}/`);
    if (as !== undefined) [url.username, url.password] = [as.user, as.password];
    return `rest:${url.href}`;
  }

  /** Asks it to end, as systemd does; returns how it ended. */
  async stop(): Promise<Outcome> {
    this.#running.kill("SIGTERM");
    return await this.#running.outcome();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }
}

/**
 * A sandbox with another repository: same directory and password, as a client of a server sees it. It owns nothing to
 * dispose of.
 */
export class RemoteSandbox extends Sandbox {
  override readonly repo: string;
  readonly #env: Readonly<Record<string, string>>;

  /** `env` is added to the environment of every program that is started. */
  constructor(box: Sandbox, repo: string, env: Readonly<Record<string, string>> = {}) {
    super(box.path);
    this.repo = repo;
    this.#env = env;
  }

  override variables(env: RunOptions["env"] = {}): Record<string, string> {
    return super.variables({ ...this.#env, ...env });
  }

  /** Removes nothing: the directory belongs to the original sandbox. */
  override async [Symbol.asyncDispose](): Promise<void> {}
}
