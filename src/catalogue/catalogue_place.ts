/** Where the catalogue of this machine lies, by the environment alone. */

/** Returns an environment variable; undefined if it is not set. */
type Environment = (name: string) => string | undefined;

/** The name of the file in the state directory. Only a file of this name is set aside without being known as ours. */
export const CATALOGUE_NAME = "catalogue.sqlite";

/** The value of `AGENT_CATALOGUE` with which nothing is kept. */
const OFF = "off";

/**
 * The path of the catalogue: `AGENT_CATALOGUE`, or a file in `XDG_STATE_HOME` or `~/.local/state` (XDG Base Directory
 * Specification, which ignores relative paths). Undefined if it is switched off, and if no place is known. An empty
 * variable counts as not set, and so does a home of `/`, which containers give to users without one.
 */
export function cataloguePath(env: Environment): string | undefined {
  const own = env("AGENT_CATALOGUE");
  if (own === OFF) return undefined;
  if (own) return own;
  const xdg = env("XDG_STATE_HOME");
  if (xdg?.startsWith("/")) return `${xdg}/agent/${CATALOGUE_NAME}`;
  const home = env("HOME");
  return home && home !== "/" ? `${home}/.local/state/agent/${CATALOGUE_NAME}` : undefined;
}
