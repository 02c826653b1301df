/** Who this process is, for the locks and snapshots that it writes. */
import { hostname, userInfo } from "node:os";
import type { Identity } from "../../repository/key_files.ts";
import { ownProcessMark } from "./process_table.ts";

/** The identity of this process. */
export function ownIdentity(): Identity {
  const mark = ownProcessMark();
  return { hostname: hostname(), ...user(), pid: Deno.pid, ...mark && { process: mark } };
}

/**
 * The user of this process. In containers, a uid may have no account; its number then serves as the name, as in `ls
 * -l`.
 */
function user() {
  try {
    const { username, uid, gid } = userInfo();
    return { username, uid, gid };
  } catch {
    const uid = Deno.uid() ?? 0;
    return { username: String(uid), uid, gid: Deno.gid() ?? 0 };
  }
}
