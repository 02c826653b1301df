/** Decides whether retention may remove backups although some snapshots cannot be read. */
import { IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { haveSameSeriesAndHost } from "../../policy/series_and_host.ts";
import type { DamagedSnapshot } from "../../repository/snapshots.ts";
import type { RetentionBackup } from "./forget_selection.ts";

/** The snapshots among `damaged` that may be of the same series and host as a `selected` backup. */
export function mayBeSelected(
  damaged: readonly DamagedSnapshot[],
  selected: readonly RetentionBackup[],
  all: readonly RetentionBackup[],
): DamagedSnapshot[] {
  return damaged.filter(({ id }) => {
    const children = all.filter(({ backup: { info, snapshot } }) => info !== null && snapshot.parent === id);
    // Our backups continue only backups of their own series and host.
    return children.length === 0 ||
      children.some((child) => selected.some((other) => haveSameSeriesAndHost(child, other)));
  });
}

const NAMED = 5;

/** The error that explains why nothing is removed; null if `damaged` is empty. `what` describes those snapshots. */
export function unreadableError(damaged: readonly DamagedSnapshot[], what: string): IntegrityError | null {
  const [first] = damaged;
  if (first === undefined) return null;
  const ids = damaged.slice(0, NAMED).map(({ id }) => shortId(id)).join(", ");
  const more = damaged.length > NAMED ? ` and ${damaged.length - NAMED} more` : "";
  const message = `Nothing was removed: what cannot be read (snapshot ${ids}${more}) ${what}; ${first.error.message}`;
  return new IntegrityError(message, { cause: first.error });
}
