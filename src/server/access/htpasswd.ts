/** The file of users and password hashes that Apache's htpasswd writes. */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";

/** The hash of one user's password. */
type PasswordHash =
  | { readonly method: "bcrypt"; readonly text: string; readonly cost: number }
  | { readonly method: "sha"; readonly text: string };

/** The content of a file. */
export interface Htpasswd {
  readonly users: ReadonlyMap<string, PasswordHash>;
  /** The highest cost of all bcrypt hashes; undefined if there are none. */
  readonly highestCost: number | undefined;
  /** One text for each unusable line, without its content. */
  readonly complaints: readonly string[];
}

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const SHA = /^\{SHA\}[A-Za-z0-9+/]{27}=$/;

/** bcrypt has no lower cost. With a higher one, each guess would keep a thread busy for more than a second. */
const LOWEST_COST = 4;
const HIGHEST_COST = 14;

/** Parses the text of a file. If a user has several lines, the first counts, as with Apache. Never throws. */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, PasswordHash>();
  const complaints: string[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const colon = line.indexOf(":");
    const hash = parseHash(line.slice(colon + 1).trim());
    const user = line.slice(0, Math.max(colon, 0));
    const problem = user === "" || hash === undefined ? "not a user with a bcrypt or {SHA} hash" : problemOf(hash);
    if (problem !== undefined) {
      complaints.push(`line ${i + 1} is passed over: ${problem}; write it with htpasswd -B`);
    } else if (!users.has(user)) users.set(user, hash!);
  }
  const costs = [...users.values()].flatMap((hash) => hash.method === "bcrypt" ? [hash.cost] : []);
  return { users, highestCost: costs.length === 0 ? undefined : Math.max(...costs), complaints };
}

function parseHash(text: string): PasswordHash | undefined {
  const cost = BCRYPT.exec(text)?.[1];
  if (cost !== undefined) return { method: "bcrypt", text, cost: Number(cost) };
  if (SHA.test(text)) return { method: "sha", text };
  return undefined;
}

function problemOf(hash: PasswordHash): string | undefined {
  if (hash.method === "sha" || hash.cost >= LOWEST_COST && hash.cost <= HIGHEST_COST) return undefined;
  return `its bcrypt cost ${hash.cost} is not one of ${LOWEST_COST} to ${HIGHEST_COST}`;
}

/** Whether the password matches a `{SHA}` hash, which takes almost no time. */
export function isPasswordOfSha(text: string, password: Uint8Array): boolean {
  const digest = createHash("sha1").update(password).digest();
  return timingSafeEqual(digest, Buffer.from(text.slice("{SHA}".length), "base64"));
}

/**
 * The costs of extra hashes that make refusing a wrong password as slow for every user as for the one with the highest
 * cost: each step of the cost doubles the work. `cost` is that of the hash already computed; undefined if there was
 * none, because the user does not exist or has a `{SHA}` hash.
 */
export function paddingCosts(cost: number | undefined, highestCost: number): readonly number[] {
  if (cost === undefined) return [highestCost];
  return Array.from({ length: highestCost - cost }, (_, i) => cost + i);
}
