/** Which key file opened a store last, kept in the cache directory: a store may hold many, and each try costs time. */
import { hash } from "node:crypto";
import { encodeHex } from "../../base/hex.ts";
import { isId } from "../../base/id.ts";
import { osCode } from "../local_errors.ts";
import { temporaryPath } from "./entry.ts";

/** The folder in the cache directory; no repository's folder has such a name. */
export const LAST_KEYS_FOLDER = "last-keys";

/** What remembering takes. */
export interface LastKeyOptions {
  /** The cache directory of all repositories. It need not exist. */
  readonly directory: string;
  /** The store, as its `location` names it. */
  readonly location: string;
  /** Gives that many random bytes; they make the names of temporary files unique. */
  readonly random: (lengthBytes: number) => Uint8Array;
}

/** Reads and writes one file with the name of a key file in it. Whatever goes wrong only costs the next opening time. */
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
      const { isFile, size } = await Deno.lstat(this.#path);
      if (!isFile || size > LONGEST_TEXT_BYTES) return undefined;
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
      await Deno.mkdir(this.#path.slice(0, this.#path.lastIndexOf("/")), { recursive: true, mode: 0o700 })
        .then(() => this.#write(`${id}\n`)).catch(() => {});
    }
  }

  async #write(text: string): Promise<void> {
    const temporary = temporaryPath(this.#path, encodeHex(this.#random(8)));
    try {
      await Deno.writeTextFile(temporary, text, { createNew: true, mode: 0o600 });
      await Deno.rename(temporary, this.#path);
    } catch (thrown) {
      await Deno.remove(temporary).catch(() => {});
      throw thrown;
    }
  }
}

/** 64 digits and a line feed. */
const LONGEST_TEXT_BYTES = 65;
