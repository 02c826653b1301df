/** Commands that a helper runs in its directory: programs that dump something, or tell what there is. */
import { isAbsolute, join, normalize } from "node:path";
import { interruption, onAbort } from "../../base/abort.ts";
import { concatBytes } from "../../base/bytes.ts";
import { AgentError, messageOf, SourceError, UsageError } from "../../base/errors.ts";
import { Child } from "../../engine/child.ts";
import { nameInShell } from "../../engine/stream/command.ts";
import { makeFolders } from "../../ops/restore/make_folders.ts";
import { openOutputFile } from "../../ops/restore/output_file.ts";
import type { CallOptions } from "../opening/agent_parts.ts";

/** What a command writes is returned up to this size; longer outputs need a file. */
const MOST_TEXT_BYTES = 16 * 1024 * 1024;
const BUFFER_BYTES = 256 * 1024;

/** How a command is run. */
export interface RunOptions extends CallOptions {
  /**
   * The file that its standard output becomes, relative to the helper's directory. It gets its name once the command has
   * succeeded, and must not be there yet.
   */
  readonly output?: string;
  /** Variables that it gets besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Receives whole lines of its standard error. Without this function, only the error of a failed command quotes them. */
  readonly onStderr?: (bytes: Uint8Array) => Promise<void>;
}

/** Where output goes. */
interface Output {
  write(bytes: Uint8Array): Promise<void>;
  /** Called once the command has succeeded; the result of the run. */
  keep(): Promise<string>;
  discard(): Promise<void>;
}

/**
 * Runs a program and its arguments, or a text as `sh -c TEXT`, in a directory and with an empty standard input. Returns
 * its standard output as a text, which is empty if it became a file. Throws `SourceError` if the command cannot be
 * started or does not exit with 0: the message names its program alone, since its arguments may contain a password, and
 * quotes the last lines of its standard error.
 */
export async function runInDirectory(
  command: string | readonly string[],
  directory: string,
  { output, env = {}, onStderr, signal }: Omit<RunOptions, "signal"> & { readonly signal: AbortSignal },
): Promise<string> {
  const argv = typeof command === "string" ? ["sh", "-c", command] : command;
  if (!argv[0] || typeof command === "string" && command.trim() === "") {
    throw new UsageError("The command is empty: name a program");
  }
  const what = `The command${typeof command === "string" ? nameInShell(command) : ` (${command[0]} …)`}`;
  signal.throwIfAborted();
  const target = output === undefined ? textOutput(what) : await fileOutput(directory, output);
  try {
    const child = start(argv, { cwd: directory, env, onStderr });
    using _stopping = onAbort(signal, () => void child.stop());
    try {
      await pour(child, target);
      await judge(child, what);
    } finally {
      await child.stop();
    }
    signal.throwIfAborted();
    return await target.keep();
  } catch (error) {
    await target.discard();
    throw signal.aborted ? interruption(signal) : error;
  }
}

function start(
  [program, ...args]: readonly string[],
  { cwd, env, onStderr }: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly onStderr: RunOptions["onStderr"];
  },
): Child {
  const stderr = { take: onStderr, wholeLines: true };
  try {
    return Child.start({ program: program!, args, cwd, env, stdin: "null", ownGroup: true, stderr });
  } catch (error) {
    throw new SourceError(messageOf(error), { cause: error });
  }
}

async function pour({ output }: Child, target: Output): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let count = await output.read(buffer); count !== null; count = await output.read(buffer)) {
    await target.write(buffer.subarray(0, count));
  }
}

async function judge(child: Child, what: string): Promise<void> {
  const { success, code, signal } = await child.exit();
  if (success) return;
  const how = signal === null ? `exited with ${code}` : `was ended by ${signal}`;
  const said = child.lastLines.length === 0 ? "" : `: ${child.lastLines.join(" / ")}`;
  throw new SourceError(`${what} ${how}${said}`);
}

function textOutput(what: string): Output {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  return {
    write(piece) {
      bytes += piece.length;
      if (bytes > MOST_TEXT_BYTES) {
        throw new SourceError(`${what} writes more than 16 MiB: name a file for it, as { output: "dump.sql" }`);
      }
      pieces.push(piece.slice());
      return Promise.resolve();
    },
    keep: () => Promise.resolve(new TextDecoder().decode(concatBytes(pieces))),
    discard: () => Promise.resolve(),
  };
}

async function fileOutput(directory: string, name: string): Promise<Output> {
  const path = pathIn(directory, name);
  await refuseExisting(path, name);
  await makeFolders(join(path, ".."));
  const file = await openOutputFile(path, { overwrite: false });
  return {
    write: (bytes) => file.write(bytes),
    async keep() {
      await file.keep();
      return "";
    },
    discard: () => file.discard(),
  };
}

/** The path of a file in a directory. Throws `UsageError` for what does not lie in it. */
export function pathIn(directory: string, name: string): string {
  const path = normalize(name);
  if (name === "" || isAbsolute(name) || path === ".." || path.startsWith("../")) {
    throw new UsageError(`Not in the helper's directory: ${JSON.stringify(name)}; write for example dump.sql`);
  }
  return join(directory, path);
}

async function refuseExisting(path: string, name: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new AgentError(`Cannot write "${path}": ${messageOf(error)}`, { cause: error });
  }
  throw new UsageError(`"${name}" is in the helper's directory already: name another file, or remove it before`);
}
