/** The error that every codec throws for bytes that neither it nor restic would write. */
import { IntegrityError } from "../base/errors.ts";

/**
 * The error for malformed bytes. `what` names the file as people know it (`snapshot 1a2b3c4d`); `problem` says what is
 * wrong with it. Neither may contain a secret.
 */
export function damaged(what: string, problem: string, cause?: unknown): IntegrityError {
  return new IntegrityError(`Damaged ${what}: ${problem}`, { cause });
}
