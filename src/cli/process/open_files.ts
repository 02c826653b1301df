/** Checks whether this process may open enough files. The runtime crashes if one of its threads cannot open any. */
import { AgentError } from "../../base/errors.ts";
import { parseOpenFilesLimit } from "../../server/connection/open_file_limit.ts";

/**
 * The least limit of open files. The largest number measured was 140, in a `get` on eight threads; each thread takes
 * six at its start.
 */
export const LEAST_OPEN_FILES = 256;

/**
 * Throws `AgentError` if `limits`, the text of `/proc/self/limits`, has a lower limit. The runtime has already raised
 * the soft limit to the hard one.
 */
export function assertOpenFiles(limits: string): void {
  const limit = parseOpenFilesLimit(limits);
  if (limit >= LEAST_OPEN_FILES) return;
  throw new AgentError(
    `No more than ${limit} files may be open here: raise the limit to ${LEAST_OPEN_FILES} or more ` +
      "(ulimit -n, LimitNOFILE= of a systemd unit)",
  );
}
