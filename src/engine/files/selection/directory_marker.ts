/** Files whose presence says that the content of their directory is to be left out. */
import { UsageError } from "../../../base/errors.ts";
import { bytesOfByteString } from "../../../format/byte_string.ts";

/** A file that marks the directory in which it lies. */
export interface DirectoryMarker {
  /** Its name, as a byte string. */
  readonly name: string;
  /** What its content begins with, as a byte string; null if its presence is enough. */
  readonly header: string | null;
}

/** The tag of cache directories (Cache Directory Tagging Specification, bford.info/cachedir). */
export const CACHE_DIRECTORY_TAG: DirectoryMarker = {
  name: "CACHEDIR.TAG",
  header: "Signature: 8a477f597d28d172789f06886806bc55",
};

/** Reads a marker from `NAME` or `NAME:HEADER`. Throws `UsageError`. */
export function parseDirectoryMarker(text: string): DirectoryMarker {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const header = colon < 0 ? null : text.slice(colon + 1);
  const problem = name === "" || name === "." || name === ".." || name.includes("/")
    ? "the name of a file is needed, and no path"
    : header === ""
    ? "there is nothing behind the colon"
    : undefined;
  if (problem === undefined) return { name, header };
  throw new UsageError(
    `Not a file that excludes its directory: ${JSON.stringify(text)}: ${problem}; write for example .nobackup or ` +
      "'CACHEDIR.TAG:Signature: '",
  );
}

/** Reads up to so many bytes from the beginning of a file in the directory; null if it is no regular file. */
export type ReadHead = (name: string, bytes: number) => Uint8Array | null;

/** Asks markers about directories. */
export class DirectoryMarkers {
  readonly #markers: readonly { readonly name: string; readonly header: Uint8Array | null }[];

  constructor(markers: readonly DirectoryMarker[]) {
    this.#markers = markers.map(({ name, header }) => ({
      name,
      header: header === null ? null : bytesOfByteString(header),
    }));
  }

  /** The name of a marker in the directory that has those names; undefined if there is none. */
  among(names: { has(name: string): boolean }, readHead: ReadHead): string | undefined {
    const found = this.#markers.find(({ name, header }) => {
      if (!names.has(name)) return false;
      if (header === null) return true;
      const head = readHead(name, header.length);
      return head !== null && header.every((byte, i) => head[i] === byte);
    });
    return found?.name;
  }
}
