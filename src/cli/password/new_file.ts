/**
 * A new password in a new file. The file is written before the password can open anything, and removed only if it opens
 * nothing.
 */
import { AgentError, messageOf, systemReason, UsageError } from "../../base/errors.ts";
import type { NewPassword } from "../../ops/new_password.ts";
import { temporaryBeside, writeNewFile } from "../../store/local/local_file.ts";

const PASSWORD_BYTES = 32;
const OWNER_ONLY = 0o600;

/** A password of 256 random bits, and the file that holds it. */
export interface PasswordFile extends NewPassword {
  readonly path: string;
  /** Adds to an error that the file remains, if it does. */
  explain(error: unknown): unknown;
}

/**
 * Makes a password and writes it to a new file that only its owner can read; flushes the file and its name. Throws
 * `UsageError` if the file exists.
 */
export async function writePasswordFile(
  path: string,
  randomBytes: (count: number) => Uint8Array<ArrayBuffer>,
): Promise<PasswordFile> {
  const text = randomBytes(PASSWORD_BYTES).toBase64({ alphabet: "base64url", omitPadding: true });
  await create(path, temporaryBeside(path, randomBytes), new TextEncoder().encode(`${text}\n`));
  let isThere = true;
  return {
    path,
    password: new TextEncoder().encode(text),
    isRandom: true,
    async onUnused() {
      // The original error must be reported, whether or not the file can be removed.
      isThere = await Deno.remove(path).then(() => false, (error) => !(error instanceof Deno.errors.NotFound));
    },
    explain(error) {
      if (!isThere || !(error instanceof AgentError)) return error;
      const { code, exitCode } = error;
      const message = `${messageOf(error)}; the new password may still open the repository, so it stays in "${path}"`;
      return new AgentError(message, { code, exitCode, cause: error });
    },
  };
}

async function create(path: string, temporaryPath: string, content: Uint8Array): Promise<void> {
  try {
    await writeNewFile({ path, temporaryPath }, [content], { replaces: false, mode: OWNER_ONLY });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new UsageError(
        `Refusing to overwrite "${path}": it may hold the password of another repository; name a new file, or use its password with -p`,
        {
          cause: error,
        },
      );
    }
    throw new AgentError(`Cannot write the password file "${path}": ${systemReason(error)}`, { cause: error });
  }
}
