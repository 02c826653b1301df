/** What concerns the program as a whole: its exit codes and the variables that it reads. */
import { ExitCode } from "../../base/errors.ts";

/** Every exit code with what it means, in ascending order. */
export const EXIT_CODES: readonly (readonly [ExitCode, string])[] = [
  [ExitCode.done, "done"],
  [ExitCode.failed, "failed"],
  [ExitCode.usage, "wrong usage, or no such backup"],
  [ExitCode.source, "the source was incomplete, nothing committed"],
  [ExitCode.integrity, "integrity: what was read is not what was written"],
  [ExitCode.overdue, "a backup is overdue"],
  [ExitCode.partial, "done in part, what is missing is named"],
  [ExitCode.noRepository, "no repository there"],
  [ExitCode.locked, "locked"],
  [ExitCode.wrongPassword, "wrong password"],
  [ExitCode.interrupted, "interrupted"],
];

/** The variables of every day with what they mean. docs/repositories.md has all of them. */
export const VARIABLES: readonly (readonly [string, string])[] = [
  ["AGENT_CONFIG", "the configuration file; /dev/null for none"],
  ["AGENT_PROFILE", "the profile in that file"],
  ["AGENT_REPOSITORY", "the repository: a path, a URL or a name in the configuration file"],
  ["AGENT_REPOSITORY_FILE", "a file that holds the repository's URL"],
  ["AGENT_PASSWORD", "the password of the repository"],
  ["AGENT_PASSWORD_FILE", "a file that holds the password"],
  ["AGENT_PASSWORD_COMMAND", "a shell command that prints the password"],
  ["AGENT_VALUE_PASSWORD", "the password of values of agent kv, on top of that of the repository"],
  ["AGENT_REST_USERNAME", "the user for an HTTP store, if its URL names none"],
  ["AGENT_REST_PASSWORD", "the password of that user"],
  ["AGENT_GATEWAY", "as the option --gateway"],
  ["AGENT_CACERT", "as the option --cacert"],
  ["AGENT_TLS_CLIENT_CERT", "as the option --tls-client-cert"],
  ["AGENT_CACHE_DIR", "as the option --cache-dir"],
  ["AGENT_CACHE_LIMIT", "the size of the cache, such as 4G"],
  ["AGENT_CATALOGUE", "the file of the local catalogue; off for none"],
  ["AGENT_RUNTIME_DIR", "where an executable that unpacks itself does so"],
];
