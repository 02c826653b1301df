/** Checks HTTP Basic credentials against an htpasswd file, which may change while the server runs. */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, UsageError } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";
import { type Htpasswd, isPasswordOfSha, paddingCosts, parseHtpasswd } from "./htpasswd.ts";
import { PasswordThreads } from "./password_threads.ts";
import { Refusal } from "../refusal.ts";

/** What checking credentials needs. */
interface CredentialsOptions {
  readonly path: string;
  readonly clock: Clock;
  /** Returns that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** How many passwords are verified at once. */
  readonly passwordThreads: number;
  /** Called for unusable lines of the file, and when the file can no longer be read. */
  readonly onProblem: (message: string) => void;
}

/**
 * How long a refusal is remembered. An acceptance is remembered until the file changes, since it stays true until then:
 * a known user never has to wait behind password guesses.
 */
const REMEMBERED_MS = 5 * 60_000;
const MOST_REMEMBERED = 4096;
/** The file is examined at most this often. */
const LOOK_AGAIN_MS = 1000;

/** Checks credentials; made by `openCredentials`. */
class Credentials {
  readonly #options: CredentialsOptions;
  readonly #secret: Uint8Array;
  #file: LoadedFile;
  /** Why the last attempt to read the file failed. */
  #problem: string | undefined;
  #lookedMs: number;
  #looking: Promise<void> | undefined;
  readonly #verdicts = new Map<string, { readonly isRight: boolean; readonly untilMs: number }>();
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #threads: PasswordThreads;

  constructor(options: CredentialsOptions, file: LoadedFile) {
    this.#options = options;
    this.#secret = options.random(32);
    this.#threads = new PasswordThreads(options.passwordThreads);
    this.#file = file;
    this.#lookedMs = options.clock.monotonicMs();
  }

  /**
   * The user named by the Authorization header of a client (a name from `clientOf`). Throws `Refusal`: 401 if
   * credentials are missing or wrong, 503 if too many wait to be verified.
   */
  async userOf(authorization: string | undefined, client: string): Promise<string> {
    await this.#reload();
    const credentials = parseBasic(authorization);
    if (!credentials) throw unauthorized("Credentials are needed");
    const { user, password } = credentials;
    if (!await this.#isRight(user, password, client)) throw unauthorized("User or password is wrong");
    return user;
  }

  /** Stops the threads. */
  close(): void {
    this.#threads.close();
  }

  /** Verifies equal credentials once and remembers the answer. Passwords are not kept, only a keyed digest. */
  async #isRight(user: string, password: Uint8Array, client: string): Promise<boolean> {
    const digest = createHmac("sha256", this.#secret).update(`${Buffer.byteLength(user)}:${user}`).update(password);
    // The stamp is part of the key, so that a verification against an older file does not count for the current one.
    const key = `${this.#file.stamp} ${digest.digest("base64")}`;
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#verdicts.get(key);
    if (known && known.untilMs > nowMs) return known.isRight;
    const running = this.#running.get(key);
    if (running) return await running;
    const verification = this.#verify({ user, password, client, key }).finally(() => this.#running.delete(key));
    this.#running.set(key, verification);
    return await verification;
  }

  async #verify({ user, password, client, key }: Verification): Promise<boolean> {
    const file = this.#file;
    const isRight = await this.#isPasswordIn(file, { user, password, client });
    if (file === this.#file) this.#remember(key, isRight);
    return isRight;
  }

  /** Takes equally long to refuse every user, and every name that is no user. */
  async #isPasswordIn(file: LoadedFile, { user, password, client }: Omit<Verification, "key">): Promise<boolean> {
    if (password.length === 0) return false;
    const hash = file.users.get(user);
    if (hash?.method === "sha" && isPasswordOfSha(hash.text, password)) return true;
    if (file.highestCost === undefined) return false;
    const bcrypt = hash?.method === "bcrypt" ? hash : undefined;
    return await this.#threads.verify(client, {
      password: Uint8Array.from(password),
      ...(bcrypt && { hash: bcrypt.text }),
      paddingCosts: paddingCosts(bcrypt?.cost, file.highestCost),
    });
  }

  #remember(key: string, isRight: boolean): void {
    this.#verdicts.delete(key);
    if (this.#verdicts.size >= MOST_REMEMBERED) this.#forgetOne();
    const untilMs = isRight ? Infinity : this.#options.clock.monotonicMs() + REMEMBERED_MS;
    this.#verdicts.set(key, { isRight, untilMs });
  }

  /** Forgets a refusal first, so that guesses cannot push out known users. */
  #forgetOne(): void {
    const wrong = this.#verdicts.entries().find(([, { isRight }]) => !isRight);
    this.#verdicts.delete(wrong?.[0] ?? this.#verdicts.keys().next().value!);
  }

  #reload(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#looking && nowMs - this.#lookedMs < LOOK_AGAIN_MS) return Promise.resolve();
    this.#lookedMs = nowMs;
    return this.#looking ??= this.#look().finally(() => this.#looking = undefined);
  }

  /** Reads the file again if it has changed. If it cannot be read, the users stay as they are. */
  async #look(): Promise<void> {
    const { path, onProblem } = this.#options;
    try {
      const file = await stampOf(path) === this.#file.stamp ? this.#file : await loadFile(path);
      // An empty file may still be in the middle of being written: the old users stay until the next look.
      if (file.users.size === 0) throw new UsageError("it has no users");
      this.#problem = undefined;
      if (file === this.#file) return;
      this.#file = file;
      this.#verdicts.clear();
      for (const complaint of file.complaints) onProblem(`"${path}": ${complaint}`);
    } catch (thrown) {
      const problem = messageOf(thrown);
      if (this.#problem !== problem) onProblem(`Cannot read "${path}": ${problem}; the users stay as they were`);
      this.#problem = problem;
    }
  }
}

/** Opens an htpasswd file. Throws `UsageError` if it cannot be read or has no users. */
export async function openCredentials(options: CredentialsOptions): Promise<Credentials> {
  const { path, onProblem } = options;
  let file: LoadedFile;
  try {
    file = await loadFile(path);
  } catch (thrown) {
    const folder = dirname(path);
    const first = existsSync(folder) ? "" : `mkdir -p ${folder} && `;
    const hint = `make it with "${first}htpasswd -B -c ${path} USER", or serve without users with --no-auth`;
    throw new UsageError(`Cannot read the file of users "${path}": ${reasonOf(thrown)}; ${hint}`, { cause: thrown });
  }
  for (const complaint of file.complaints) onProblem(`"${path}": ${complaint}`);
  if (file.users.size === 0) {
    throw new UsageError(`The file "${path}" has no users; add one with "htpasswd -B ${path} USER"`);
  }
  return new Credentials(options, file);
}

interface LoadedFile extends Htpasswd {
  /** Changes whenever the file changes. */
  readonly stamp: string;
}

interface Verification {
  readonly user: string;
  readonly password: Uint8Array;
  readonly client: string;
  /** The key under which the answer is remembered. */
  readonly key: string;
}

/** Reads the file, again if it changed meanwhile: htpasswd writes in place, so a part could be missing. */
async function loadFile(path: string): Promise<LoadedFile> {
  const stamp = await stampOf(path);
  const htpasswd = parseHtpasswd(await Deno.readTextFile(path));
  if (await stampOf(path) !== stamp) return await loadFile(path);
  return { ...htpasswd, stamp };
}

async function stampOf(path: string): Promise<string> {
  const { mtime, size, ino } = await Deno.stat(path);
  return `${mtime?.getTime()} ${size} ${ino}`;
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Deno.errors.NotFound ? "there is no such file" : messageOf(thrown);
}

function unauthorized(message: string): Refusal {
  return new Refusal(401, message, { headers: { "www-authenticate": 'Basic realm="agent", charset="UTF-8"' } });
}

/** The user and password of a header; undefined if it has none. Source: RFC 7617. */
function parseBasic(header: string | undefined): { user: string; password: Uint8Array } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  const colon = bytes.indexOf(":");
  if (colon <= 0) return undefined;
  return { user: bytes.toString("utf8", 0, colon), password: bytes.subarray(colon + 1) };
}
