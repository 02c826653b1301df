/** What PostgreSQL's programs say when they fail, in one line and with advice. */

/** A reason in the last lines of a program, with where the server is. */
export function reasonIn(lines: readonly string[], place: string): string {
  const reason = firstError(lines);
  return adviceFor(reason, place);
}

/**
 * The first line that tells an error, without what leads to it, and with its detail. That the server went away is told
 * without such a word, in several lines.
 */
export function firstError(lines: readonly string[]): string {
  const at = lines.findIndex((line) => /\b(?:error|ERROR|FATAL|PANIC):/.test(line));
  if (at < 0) return lines.find((line) => WENT_AWAY.test(line)) ?? lines.at(-1) ?? "it gave no reason";
  const line = lines[at]!
    .replace(/^(?:\S*\/)?(?:psql|pg_dump|pg_dumpall|pg_restore)(?::[^:\s]+:\d+)?: /, "")
    .replace(/^(?:fatal|error): /, "")
    .replace(/^ERROR: {2}/, "");
  const detail = lines.slice(at + 1).find((one) => /^\s*(?:DETAIL|Detail):/.test(one));
  return [line, ...detail === undefined ? [] : [detail.trim().replace(/^DETAIL: */i, "")]].join("; ")
    .replace(/\s*password retrieved from file "[^"]*"/, "").replaceAll(/\s+/g, " ").trim();
}

/** What programs say when a server goes away. */
export const WENT_AWAY =
  /server closed the connection|connection to server was lost|no connection to the server|could not (?:send data to|receive data from) server|terminating connection|the database system is/;

/** Turns what programs say into what failed, and what to do about it. */
function adviceFor(reason: string, place: string): string {
  const server = `The PostgreSQL server ${place}`;
  if (/password authentication failed|no password supplied/.test(reason)) {
    return `${server} refuses the user: ${serverWords(reason)}; see user and password in the URL or in ~/.pgpass`;
  }
  if (/no pg_hba\.conf entry|authentication failed|role "[^"]*" does not exist|not permitted to log in/.test(reason)) {
    return `${server} refuses the user: ${serverWords(reason)}; see the user, and pg_hba.conf of the server`;
  }
  if (/FATAL: +database ".*" does not exist/.test(reason)) {
    return `${server} says: ${serverWords(reason)}; see the name`;
  }
  if (/definition of service|service file/.test(reason)) {
    return `${reason}; see ~/.pg_service.conf, PGSERVICEFILE and the name of the service`;
  }
  if (WENT_AWAY.test(reason)) return `${server} went away: ${serverWords(reason)}`;
  if (/could not connect|connection to server|could not translate host name|timeout expired/.test(reason)) {
    return `${server} cannot be reached: ${serverWords(reason)}; see whether it runs there`;
  }
  return `${server} says: ${reason}`;
}

/** The reason without the place, which is told before. */
function serverWords(reason: string): string {
  return reason.replace(/^connection to server (?:at|on socket) .*? failed: /, "").replace(/^FATAL: +/, "");
}
