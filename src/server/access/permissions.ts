/** Who may do what. Pure: decides from a request's user, method and target. */
import { Refusal } from "../refusal.ts";
import type { Target } from "../routes.ts";

/** The server's rules. */
export interface Rules {
  /** Whether only locks may be removed. */
  readonly appendOnly: boolean;
  /** Whether the first segment of a repository's path must be the user's name. */
  readonly privateRepositories: boolean;
}

/**
 * With private repositories, only this user may read the metrics, because they cover all users; rest-server has the
 * same rule.
 */
const METRICS_USER = "metrics";

/** Throws `Refusal` with 403 if `user` may not do this. `user` is empty if users are not identified. */
export function checkPermission(method: string, target: Target, user: string, rules: Rules): void {
  if (target.at === "health") return;
  if (target.at === "metrics") {
    if (rules.privateRepositories && user !== METRICS_USER) {
      throw new Refusal(403, `Only the user "${METRICS_USER}" may read the metrics of private repositories`);
    }
    return;
  }
  if (rules.privateRepositories && (user === "" || target.repository.split("/")[0] !== user)) {
    throw new Refusal(403, "On this server, users may only open repositories below their own names");
  }
  const isLock = target.at === "file" && target.file.kind === "lock";
  if (method === "DELETE" && rules.appendOnly && !isLock) {
    throw new Refusal(403, "This server is append-only: nothing but locks may be removed");
  }
}
