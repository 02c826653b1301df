/** Files that hold a password. */
import { UsageError } from "../base/errors.ts";
import { decodeTextFile, trimWhiteSpace } from "./decode.ts";
import { readNamedFile } from "./named_file.ts";

/** Whether a password is for a new key, or must open an existing one. */
export interface PasswordUse {
  readonly isNew: boolean;
}

/**
 * Reads a password from a file, which messages call the `what` file. A new password must not be broken UTF-16: each
 * broken part decodes to U+FFFD, so many different files would give the same password. An existing password is decoded
 * as restic decodes it. Throws `UsageError` if the file has no fit password, and what `readNamedFile` throws.
 */
export async function passwordOfFile(path: string, what: string, { isNew }: PasswordUse): Promise<Uint8Array> {
  const { bytes, isExact } = decodeTextFile(await readNamedFile(path, what));
  const password = trimWhiteSpace(bytes);
  if (password.length === 0) {
    throw new UsageError(`Refusing an empty password: there is none in the ${what} file "${path}"; write one there`);
  }
  if (isNew && !isExact) {
    throw new UsageError(
      `Refusing the ${what} in "${path}": the file has a byte order mark of UTF-16 and is not UTF-16, so parts of it ` +
        "would not count; write it as UTF-8, or without these first two bytes",
    );
  }
  return password;
}
