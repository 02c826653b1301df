/** The file of users and password hashes that Apache's htpasswd writes. */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { bcryptVerify } from "hash-wasm";

/** How one user proves who it is. */
export interface PasswordHash {
  readonly method: "bcrypt" | "sha";
  readonly text: string;
}

/** What a file says. */
export interface Htpasswd {
  readonly users: ReadonlyMap<string, PasswordHash>;
  /** One text for each line that is of no use, without what it holds. */
  readonly complaints: readonly string[];
}

const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
const SHA = /^\{SHA\}[A-Za-z0-9+/]{27}=$/;

/** bcrypt looks at so many bytes of a password; htpasswd and Apache pass the others over, too. */
const BCRYPT_BYTES = 72;

/** Reads the text of a file. Of several lines for one user the first counts, as with Apache. Never throws. */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, PasswordHash>();
  const complaints: string[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const colon = line.indexOf(":");
    const hash = parseHash(line.slice(colon + 1).trim());
    if (colon <= 0 || hash === undefined) {
      complaints.push(
        `line ${i + 1} is passed over: not a user with a bcrypt or {SHA} hash; write it with htpasswd -B`,
      );
    } else if (!users.has(line.slice(0, colon))) users.set(line.slice(0, colon), hash);
  }
  return { users, complaints };
}

function parseHash(text: string): PasswordHash | undefined {
  if (BCRYPT.test(text)) return { method: "bcrypt", text };
  if (SHA.test(text)) return { method: "sha", text };
  return undefined;
}

/** Whether a password is the one that was hashed. bcrypt keeps the thread busy: 70 ms at cost 10, twice for each step. */
export async function isPasswordOf(hash: PasswordHash, password: Uint8Array): Promise<boolean> {
  if (hash.method === "sha") {
    const digest = createHash("sha1").update(password).digest();
    return timingSafeEqual(digest, Buffer.from(hash.text.slice("{SHA}".length), "base64"));
  }
  if (password.length === 0) return false;
  return await bcryptVerify({ password: password.subarray(0, BCRYPT_BYTES), hash: hash.text });
}
