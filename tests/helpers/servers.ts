/** Servers in tests: programs that take a free port of the loopback device and say which, gone when disposed. */
import { ok } from "node:assert/strict";
import { eventually, isGone, type Outcome, type Running, type RunOptions, Sandbox } from "./executable.ts";

/** A user and a password. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A server under way; disposing kills it. */
export class Server implements AsyncDisposable {
  readonly #running: Running;
  /** Where it listens, such as `http://127.0.0.1:41234`. */
  readonly origin: string;

  private constructor(running: Running, origin: string) {
    this.#running = running;
    this.origin = origin;
  }

  /** Starts a program that tells where it listens: `address` finds the port in its output, as its first group. */
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

  /** What it told so far, on both of its outputs. */
  get output(): string {
    return this.#running.stdoutSoFar;
  }

  /** The repository URL of a path, with the credentials of a user where they are given. */
  repository(path: string, as?: Credentials): string {
    const url = new URL(`${this.origin}/${path}/`);
    if (as !== undefined) [url.username, url.password] = [as.user, as.password];
    return `rest:${url.href}`;
  }

  /** Asks it to end, as systemd does; gives how it ended. */
  async stop(): Promise<Outcome> {
    this.#running.kill("SIGTERM");
    return await this.#running.outcome();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }
}

/** A sandbox seen by a client of another repository: same directory and password. It owns nothing to dispose of. */
export class RemoteSandbox extends Sandbox {
  override readonly repo: string;
  readonly #env: Readonly<Record<string, string>>;

  /** `env` is added to the environment of everything that is started. */
  constructor(box: Sandbox, repo: string, env: Readonly<Record<string, string>> = {}) {
    super(box.path);
    this.repo = repo;
    this.#env = env;
  }

  override variables(env: RunOptions["env"] = {}): Record<string, string> {
    return super.variables({ ...this.#env, ...env });
  }

  /** The directory is its owner's to remove. */
  override async [Symbol.asyncDispose](): Promise<void> {}
}
