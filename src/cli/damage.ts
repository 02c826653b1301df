/** Damage in a repository whose other backups could be read and were told of all the same. */
import type { AgentError } from "../base/errors.ts";

/** Throws the first damage there is, so that the exit code tells of it. */
export function throwFirstDamage(damaged: readonly { readonly error: AgentError }[]): void {
  const [first] = damaged;
  if (first !== undefined) throw first.error;
}
