/** Writes a configuration file. What was there before is kept beside it. */
import { dirname } from "node:path/posix";
import { AgentError, systemReason } from "../../base/errors.ts";
import { osCode } from "../../store/local/local_errors.ts";
import { temporaryBeside, writeNewFile } from "../../store/local/local_file.ts";
import { type TrustedOwner, trustedPath } from "../trusted_file.ts";
import { parseConfiguration } from "../parse/parse_configuration.ts";

/** What writing takes from its process. */
export interface WritingMachine extends TrustedOwner {
  readonly now: () => Date;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
}

const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/**
 * Writes `text` to `path`, whole or not at all, and returns where the file is kept that was there before; undefined if
 * there was none. Throws `ConfigurationError` for a text that could not be read again, before anything is written.
 */
export async function writeConfiguration(
  path: string,
  text: string,
  machine: WritingMachine,
): Promise<string | undefined> {
  parseConfiguration(text, path);
  try {
    await makeTrustedFolder(dirname(path), machine);
    const copy = await keepCopy(path, machine);
    await writePrivateFile(path, text, { replaces: true }, machine);
    return copy;
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError(`Cannot write the configuration file "${path}": ${systemReason(error)}`, { cause: error });
  }
}

/** Makes a folder if it is missing. Throws `UsageError` if somebody else could change what lies there. */
export async function makeTrustedFolder(path: string, owner: TrustedOwner): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: OWNER_ONLY_FOLDER });
  await trustedPath(path, { what: "folder of the configuration file", kind: "folder" }, owner);
}

/** Writes a file that only its owner may read. Throws the system's errors. */
export async function writePrivateFile(
  path: string,
  text: string,
  { replaces }: { readonly replaces: boolean },
  { randomBytes }: Pick<WritingMachine, "randomBytes">,
): Promise<void> {
  const place = { path, temporaryPath: temporaryBeside(path, randomBytes) };
  await writeNewFile(place, [new TextEncoder().encode(text)], { replaces, mode: OWNER_ONLY });
}

/** Copies a file that is about to be replaced, and returns where; undefined if there is none. */
async function keepCopy(path: string, machine: WritingMachine): Promise<string | undefined> {
  const earlier = await contentOf(path);
  if (earlier === undefined) return undefined;
  const time = machine.now().toISOString().replace(/\.\d+Z$/, "Z").replaceAll(/[-:]/g, "");
  for (let number = 1;; number++) {
    // Several may be made in one second.
    const copy = `${path}.bak-${time}${number === 1 ? "" : `-${number}`}`;
    try {
      await writePrivateFile(copy, earlier, { replaces: false }, machine);
      return copy;
    } catch (error) {
      if (osCode(error) !== "EEXIST") throw error;
    }
  }
}

/** What a file says; undefined if it is not there. Throws the system's errors. */
export async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
