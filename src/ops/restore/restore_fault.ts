/** Whose fault it is that a restore on trial failed: that of the backup, which is a verdict, or another one. */
import { AgentError, IntegrityError, InterruptedError, StoreError, UsageError } from "../../base/errors.ts";
import { contentFormat } from "../../engine/scratch/decompressing.ts";
import type { TestPlace } from "../../engine/scratch/test_place.ts";
import type { Manifest, ManifestFile } from "../../format/manifest/manifest.ts";

/** What a server of another machine may have, and this one lacks. */
const LACKS =
  /extension .* is not available|extension control file|tablespace|invalid locale|Unknown storage engine|Plugin .* is not loaded|no such module/i;

/** What a server says to whoever may not do something. A dump that switches events on, say, is not damaged. */
const REFUSED = /Access denied|command denied|permission denied|must be (?:super)?(?:user|owner|member)/i;

/** What PostgreSQL says of what cannot be dropped. */
const MISSING = /does not exist|cannot be dropped/;

/** What the guard found in a stream, without what it is compressed with. */
export function formatOf({ guard }: ManifestFile): string {
  return contentFormat(guard?.format.split(",")[0] ?? "none").format;
}

/** Throws whatever a backup is not to blame for, as an error that says why. */
export async function throwIfNotItsFault(
  error: unknown,
  { place, manifest, isBlind, signal }: {
    readonly place: TestPlace;
    readonly manifest: Manifest | null;
    /** Whether the dump drops what has to be there. */
    readonly isBlind: boolean;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  if (error instanceof IntegrityError) return;
  signal.throwIfAborted();
  if (error instanceof UsageError) throw asPlace(error);
  const isOther = !(error instanceof AgentError) || error instanceof InterruptedError ||
    error instanceof StoreError || error.code === "bug";
  if (isOther) throw error;
  const misses = isBlind && MISSING.test(error.message)
    ? "the dump begins by dropping what is not there: dump with --clean --if-exists, or without --clean"
    : null;
  const why = misses ?? reasonOfPlace(error.message, place, manifest) ??
    (await place.isUp() ? null : "the server is gone");
  if (why !== null) throw notTried(error, why);
}

/** A place that is not empty is never overwritten here, so the advice of `agent get` would lead nowhere. */
function asPlace(error: UsageError): UsageError {
  const message = error.message.replace(/: --overwrite replaces .*$/s, ": a restore on trial needs an empty place");
  return new UsageError(message, { cause: error });
}

/** Why a refusal may be that of the place; null if it is due to the backup. */
function reasonOfPlace(message: string, { server }: TestPlace, manifest: Manifest | null): string | null {
  if (/no space left|disk (?:is )?full|errno: 28\b|could not extend file/i.test(message)) {
    return "the disk of the server is full";
  }
  if (/backslash commands are restricted/.test(message)) {
    return "no command of psql in a dump is run; pg_dump --create and pg_dumpall need a version that writes \\restrict";
  }
  if (REFUSED.test(message)) return `${server} does not give a dump such rights here: ask one of your own, by its URL`;
  if (LACKS.test(message)) return `${server} lacks here what the backup needs`;
  const isOfMysql = manifest?.files.some((file) => formatOf(file) === "mysqldump") ?? false;
  if (isOfMysql && server.startsWith("MariaDB")) {
    return `MySQL's dumps do not all load into ${server}: give --restore the URL of a MySQL server`;
  }
  const [, made] = /^(\d+)/.exec(String(manifest?.source.server ?? "")) ?? [];
  const [, here] = /^PostgreSQL (\d+)/.exec(server) ?? [];
  if (made !== undefined && here !== undefined && Number(made) > Number(here)) {
    return `${server} is older than the server of the backup`;
  }
  return null;
}

/** The error of a restore that could not be tried. `why` adds to what the error says, `what` tells where it arose. */
export function notTried(error: AgentError, why: string | null, what = ""): AgentError {
  const reason = why === null ? "" : ` (${why})`;
  return new AgentError(`The restore could not be tried: ${what}${error.message}${reason}; no verdict was kept`, {
    cause: error,
  });
}
