/** Files that options and variables name. */
import { concatBytes } from "../base/bytes.ts";
import { UsageError } from "../base/errors.ts";
import { readNamedFile } from "../password/named_file.ts";
import type { CliContext } from "./context.ts";

/**
 * The text of a file. Messages call it the `what` file, such as `password`. Throws `NotFoundError` if it does not
 * exist, and `AgentError` if it cannot be read.
 */
export async function readTextFile(path: string, what: string): Promise<string> {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await readNamedFile(path, what));
}

/** The text of a file or, if `path` is `-`, of standard input. Throws `UsageError` if standard input is a terminal. */
export async function readTextFileOrInput(path: string, what: string, context: CliContext): Promise<string> {
  if (path !== "-") return await readTextFile(path, what);
  return new TextDecoder().decode(await readFileBytesOrInput(path, what, context));
}

/** The bytes of a file or, if `path` is `-`, of standard input. Throws what `readTextFileOrInput` throws. */
export async function readFileBytesOrInput(path: string, what: string, { stdin }: CliContext): Promise<Uint8Array> {
  if (path !== "-") return await readNamedFile(path, what);
  if (stdin.isTerminal) {
    throw new UsageError(`Standard input is a terminal: pipe the ${what} file into the command, or name it`);
  }
  const pieces: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (let size = await stdin.read(buffer); size !== null; size = await stdin.read(buffer)) {
    pieces.push(buffer.slice(0, size));
  }
  return concatBytes(pieces);
}
