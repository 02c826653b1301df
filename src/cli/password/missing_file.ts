/** What to do about a password file that is not there: who named it, and what makes one. */
import { NotFoundError } from "../../base/errors.ts";
import type { Configuration, Settings } from "../../config/configuration.ts";
import type { Selection } from "../../config/selection.ts";
import type { PasswordUse } from "../../password/password_file.ts";

/** The keys that name password files. */
const KEYS = /^(?:(?:from-|also-)?password-file|password)$/;

/**
 * `error` with the line of the configuration that names the file, if one does, and for the password of a new repository
 * with the option that makes the file. Every other error is returned as it is.
 */
export function explainMissing(
  error: unknown,
  path: string,
  { isNew }: PasswordUse,
  selection: Selection | undefined,
): unknown {
  if (!(error instanceof NotFoundError)) return error;
  const line = selection && lineNaming(path, selection.configuration);
  if (line === undefined && !isNew) return error;
  const advice = isNew ? "--new-password-file makes one" : "make it, or name another one there";
  const named = line === undefined ? "" : `, which ${selection!.configuration.path}:${line} names`;
  return new NotFoundError(`There is no password file "${path}"${named}; ${advice}`, { cause: error });
}

function lineNaming(path: string, { repositories, profiles, ...top }: Configuration): number | undefined {
  const sections = [top, ...profiles.values()];
  const tables: Settings[] = [
    ...[...repositories.values()].map(({ settings }) => settings),
    ...sections.flatMap((
      { options, commands },
    ) => [options, ...[...commands.values()].map(({ settings }) => settings)]),
  ];
  const found = tables.flatMap((settings) => [...settings]).find(([key, { value }]) =>
    KEYS.test(key) && (value === path || value === `file:${path}`)
  );
  return found?.[1].line;
}
