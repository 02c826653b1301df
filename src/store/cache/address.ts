/** Where the repository is whose copies a folder of the cache holds: people know repositories by address, not by id. */

const NAME = "address";
/** No address is longer; more would be no address. */
const MOST_BYTES = 4096;

/** Where the address of a repository is written down in a cache directory. */
export function addressPath(directory: string, repositoryId: string): string {
  return `${directory}/${repositoryId.toLowerCase()}/${NAME}`;
}

/** The address that was written down last; null where there is none that can be read. */
export async function readAddress(directory: string, repositoryId: string): Promise<string | null> {
  try {
    using file = await Deno.open(addressPath(directory, repositoryId), { read: true });
    const bytes = new Uint8Array(MOST_BYTES);
    const count = await file.read(bytes) ?? 0;
    const text = new TextDecoder().decode(bytes.subarray(0, count)).split("\n", 1)[0]!;
    return text === "" ? null : text;
  } catch {
    return null;
  }
}
