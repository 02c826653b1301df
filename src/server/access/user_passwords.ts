/** Who sends a request: HTTP Basic credentials against an htpasswd file that may change while the server runs. */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, UsageError } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";
import { type Htpasswd, isPasswordOfSha, paddingCosts, parseHtpasswd } from "./htpasswd.ts";
import { PasswordThreads } from "./password_threads.ts";
import { Refusal } from "../refusal.ts";

/** What a checker of credentials needs. */
interface CredentialsOptions {
  readonly path: string;
  readonly clock: Clock;
  /** Gives that many random bytes. */
  readonly random: (lengthBytes: number) => Uint8Array;
  /** How many passwords are verified at the same time. */
  readonly passwordThreads: number;
  /** Told about lines of the file that are of no use, and about a file that cannot be read any more. */
  readonly onProblem: (message: string) => void;
}

/**
 * How long an answer of no is remembered. One of yes is as long as the file stays the same, which cannot make it wrong: who
 * came in once does not have to wait among guesses again.
 */
const REMEMBERED_MS = 5 * 60_000;
const MOST_REMEMBERED = 4096;
/** The file is looked at no more often. */
const LOOK_AGAIN_MS = 1000;

/** Checks credentials; made by `openCredentials`. */
class Credentials {
  readonly #options: CredentialsOptions;
  readonly #secret: Uint8Array;
  #file: LoadedFile;
  /** Why the file could not be read the last time. */
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
   * The user of an Authorization header that a client (as `clientOf` tells it) sent. Throws `Refusal`: 401 for credentials that are missing or wrong, 503 where too
   * many wait to be verified.
   */
  async userOf(authorization: string | undefined, client: string): Promise<string> {
    await this.#reload();
    const credentials = parseBasic(authorization);
    if (!credentials) throw unauthorized("Credentials are needed");
    const { user, password } = credentials;
    if (!await this.#isRight(user, password, client)) throw unauthorized("User or password is wrong");
    return user;
  }

  /** Ends the threads. */
  close(): void {
    this.#threads.close();
  }

  /** One answer for equal credentials at the same time and afterwards; passwords are not kept, only a keyed digest. */
  async #isRight(user: string, password: Uint8Array, client: string): Promise<boolean> {
    const digest = createHmac("sha256", this.#secret).update(`${Buffer.byteLength(user)}:${user}`).update(password);
    // A verification that began with the file of before does not count for the file of now.
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

  /** An answer of no takes as long for every user, and for every name that is none. */
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

  /** A wrong one first: guesses must not push out those who belong here. */
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

  /** A file that cannot be read leaves the users as they are. */
  async #look(): Promise<void> {
    const { path, onProblem } = this.#options;
    try {
      const file = await stampOf(path) === this.#file.stamp ? this.#file : await loadFile(path);
      // A file that is still being written is looked at again, and until then the last one counts.
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

/** Opens an htpasswd file. Throws `UsageError` where it cannot be read or has no users. */
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
  /** Changes whenever the file does. */
  readonly stamp: string;
}

interface Verification {
  readonly user: string;
  readonly password: Uint8Array;
  readonly client: string;
  /** Under which the answer is remembered. */
  readonly key: string;
}

/** Reads the file, once more where it changed meanwhile: htpasswd writes in place, so that a part could be missing. */
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

/** User and password of a header, or undefined where it has none. Source: RFC 7617. */
function parseBasic(header: string | undefined): { user: string; password: Uint8Array } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  const colon = bytes.indexOf(":");
  if (colon <= 0) return undefined;
  return { user: bytes.toString("utf8", 0, colon), password: bytes.subarray(colon + 1) };
}
