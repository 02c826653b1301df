/** Secrets that the file refers to: where each repository's are. */
import type { Configuration, RepositorySettings } from "./configuration.ts";
import { parseSecret, type SecretReference } from "./values.ts";

/** Keys whose values are references to secrets. */
export const SECRET_KEYS = ["password", "rest-password", "s3-secret-access-key"] as const;
/** One of them. */
export type SecretKey = typeof SECRET_KEYS[number];

/** Keys with a command that prints a password. It may have a secret among its arguments. */
export const PASSWORD_COMMAND_KEY = /^(?:from-|also-)?password-command$/;

/** Where a repository's secret is; undefined if the file says nothing of it. */
export function secretOf({ settings }: RepositorySettings, key: SecretKey): SecretReference | undefined {
  const setting = settings.get(key);
  return setting === undefined ? undefined : parseSecret(setting.value as string);
}

/** The variables in which secrets of any repository are. */
export function secretVariables({ repositories }: Configuration): string[] {
  const references = [...repositories.values()].flatMap((repository) =>
    SECRET_KEYS.map((key) => secretOf(repository, key))
  );
  return [...new Set(references.flatMap((reference) => reference?.kind === "env" ? [reference.name] : []))];
}
