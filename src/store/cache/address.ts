/** The address of the repository that a cache folder belongs to: people know repositories by address, not by id. */
import { openPlainFile } from "./plain_file.ts";

const NAME = "address";
/** Longer than any address; a file with more is not an address. */
const MOST_BYTES = 4096;

/** The path of the file that holds a repository's address in a cache directory. */
export function addressPath(directory: string, repositoryId: string): string {
  return `${directory}/${repositoryId.toLowerCase()}/${NAME}`;
}

/** The address that was written last; null if there is none or it cannot be read. */
export async function readAddress(directory: string, repositoryId: string): Promise<string | null> {
  try {
    using file = await openPlainFile(addressPath(directory, repositoryId));
    const bytes = new Uint8Array(MOST_BYTES);
    const count = await file?.read(bytes) ?? 0;
    const text = new TextDecoder().decode(bytes.subarray(0, count)).split("\n", 1)[0]!;
    return text === "" ? null : text;
  } catch {
    return null;
  }
}
