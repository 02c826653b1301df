/** Which environment variables hold secrets of repositories, so that no program which the agent starts gets them. */

/** What the names of a second repository's variables have after `AGENT_`, and those of the main one's have not. */
export const REPOSITORY_PREFIXES = ["", "FROM_", "ALSO_"];
const ANY_PREFIX = `(?:${REPOSITORY_PREFIXES.join("|")})`;

/**
 * Passwords, also of values, credentials of HTTP stores, and files that hold either: `AGENT_PASSWORD_COMMAND`,
 * `RESTIC_REST_PASSWORD` …
 */
const SECRET = new RegExp(
  `^AGENT_VALUE_PASSWORD|^(AGENT|RESTIC)_${ANY_PREFIX}(PASSWORD|REST_|REPOSITORY_FILE|TLS_CLIENT_CERT)`,
);
const ADDRESS = new RegExp(`^(AGENT|RESTIC)_${ANY_PREFIX}REPOSITORY`);
const CREDENTIALS_IN_ADDRESS = /:\/\/.*@/;
const PREFIX_OF_AWS = new RegExp(`^AGENT_${ANY_PREFIX}(?=AWS_)`);
/** The only AWS variables that are known to grant no access. */
const AWS_SETTINGS: ReadonlySet<string> = new Set(["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"]);

/**
 * Whether a variable grants access to a repository or a store, or names what does. `value` is undefined if it is not
 * UTF-8.
 */
export function isRepositorySecret(name: string, value: string | undefined): boolean {
  const amazon = name.replace(PREFIX_OF_AWS, "");
  if (amazon.startsWith("AWS_")) return !AWS_SETTINGS.has(amazon);
  if (SECRET.test(name)) return true;
  return ADDRESS.test(name) && (value === undefined || CREDENTIALS_IN_ADDRESS.test(value));
}
