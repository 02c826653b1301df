/**
 * Remembers in the cache directory which key file opened a store last: a store may hold many, and each try costs time.
 */
import { hash } from "node:crypto";
import { dirname } from "node:path/posix";
import { encodeHex } from "../../base/hex.ts";
import { isId } from "../../base/id.ts";
import { temporaryPath } from "../layout.ts";
import { osCode } from "../local/local_errors.ts";
import { writeNewFile } from "../local/local_file.ts";
import { isForeign, makePrivateFolder, ownUid } from "./ownership.ts";

/** The folder in the cache directory; no repository's folder has such a name. */
export const LAST_KEYS_FOLDER = "last-keys";

/** What `LastKey` needs. */
interface LastKeyOptions {
  /** The cache directory of all repositories. It need not exist. */
  readonly directory: string;
  /** The store, as its `location` names it. */
  readonly location: string;
  /** Returns that many random bytes; they make the names of temporary files unique. */
  readonly random: (lengthBytes: number) => Uint8Array;
}

/**
 * Reads and writes one file that holds the name of a key file. If this fails, opening the store only takes longer next
 * time.
 */
export class LastKey {
  readonly #path: string;
  readonly #random: (lengthBytes: number) => Uint8Array;

  constructor({ directory, location, random }: LastKeyOptions) {
    this.#path = `${directory}/${LAST_KEYS_FOLDER}/${hash("sha256", location, "hex")}`;
    this.#random = random;
  }

  /** The name of the key file, if one is known. */
  async recall(): Promise<string | undefined> {
    try {
      const found = await Deno.lstat(this.#path);
      if (!found.isFile || found.size > LONGEST_TEXT_BYTES || isForeign(found, ownUid())) return undefined;
      const id = (await Deno.readTextFile(this.#path)).trimEnd();
      return isId(id) ? id : undefined;
    } catch {
      return undefined;
    }
  }

  /** Remembers the name of a key file. */
  async keep(id: string): Promise<void> {
    try {
      await this.#write(`${id}\n`);
    } catch (thrown) {
      if (osCode(thrown) !== "ENOENT") return;
      await makePrivateFolder(dirname(this.#path)).then(() => this.#write(`${id}\n`)).catch(() => {});
    }
  }

  async #write(text: string): Promise<void> {
    const file = { path: this.#path, temporaryPath: temporaryPath(this.#path, encodeHex(this.#random(8))) };
    const publication = { replaces: true, mode: 0o600, isFlushed: false };
    await writeNewFile(file, [new TextEncoder().encode(text)], publication);
  }
}

/** 64 digits and a line feed. */
const LONGEST_TEXT_BYTES = 65;
