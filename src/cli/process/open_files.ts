/** Whether this process may open enough files: the runtime ends with a crash where one of its threads can open none. */
import { AgentError } from "../../base/errors.ts";
import { parseOpenFilesLimit } from "../../server/connection/open_file_limit.ts";

/**
 * The least limit of open files. A `get` on eight threads has 140 open at once, the most there were; each thread takes six
 * before it does anything.
 */
export const LEAST_OPEN_FILES = 256;

/**
 * Throws `AgentError` where `limits`, the text of `/proc/self/limits`, has a lower limit. The runtime has raised the soft
 * limit to the hard one by then.
 */
export function assertOpenFiles(limits: string): void {
  const limit = parseOpenFilesLimit(limits);
  if (limit >= LEAST_OPEN_FILES) return;
  throw new AgentError(
    `No more than ${limit} files may be open here: raise the limit to ${LEAST_OPEN_FILES} or more ` +
      "(ulimit -n, LimitNOFILE= of a systemd unit)",
  );
}
