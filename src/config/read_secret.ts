/** Reads a secret from where the file says that it is. */
import { decodeTextFile, trimWhiteSpace } from "../password/decode.ts";
import { readNamedFile } from "../password/named_file.ts";
import { passwordOfCommand } from "../password/password_command.ts";
import type { SecretKey } from "./secret_references.ts";
import type { SecretReference } from "./values.ts";

/** What a secret is read with. */
interface SecretTools {
  /** The value of a variable. Throws if it is not set. */
  readonly variable: (name: string) => Uint8Array;
  /** The variables that a command lacks: it is named in the error of one that fails. */
  readonly withheld: readonly string[];
}

/** The bytes of a secret. Throws what `variable`, `passwordOfCommand` and `readNamedFile` throw. */
export async function readSecret(
  secret: SecretReference,
  key: SecretKey,
  { variable, withheld }: SecretTools,
): Promise<Uint8Array> {
  if (secret.kind === "env") return variable(secret.name);
  if (secret.kind === "command") return await passwordOfCommand(secret.command, withheld);
  return trimWhiteSpace(decodeTextFile(await readNamedFile(secret.path, key)).bytes);
}
