/** What keeps text that comes from elsewhere, such as a dump, from more than SQL in the client program. */
import type { ClientOptions } from "./mysql_client.ts";

/** No command of the client (`system`, `\!`, `source`), no file of this machine, and no statement after a failed one. */
const CONFINED = ["--binary-mode", "--local-infile=0", "--skip-force", "--skip-reconnect"];
/** The same where the program has it; without the second one an error quotes the whole statement, with its rows. */
const WHERE_KNOWN = ["sandbox", "skip-print-query-on-error"];

/** The arguments for a client program that gets such text on its standard input. `options` are those that it has. */
export function confinedArguments(options: ClientOptions): string[] {
  const known = WHERE_KNOWN.filter((name) => options.has(name.replace(/^skip-/, ""))).map((name) => `--${name}`);
  return ["--batch", "--max-allowed-packet=1G", ...CONFINED, ...known];
}
