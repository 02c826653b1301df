/** Makes signed URLs: finds what is meant, and signs for how long a gateway gives it to whoever has the URL. */
import { UsageError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import { parseGatewayUrl, signUrl, type UrlKind } from "../../gateway/signed_url.ts";
import { signingKey } from "../../ops/gateway/raise_generation.ts";
import type { RepositoryAccess, World } from "../../ops/access.ts";
import { withFoundBackup } from "../../ops/restore/get.ts";
import { type MeantPart, targetIn } from "./url_target.ts";

/** Where a gateway answers, unless somebody says otherwise. */
export const USUAL_GATEWAY = "http://127.0.0.1:8088/";

/** What a URL is to give. */
interface UrlRequest extends MeantPart {
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** For how many seconds from now it is valid; a fraction counts as a whole one. */
  readonly seconds: number;
  /** The address of the gateway; `USUAL_GATEWAY` by default. */
  readonly gateway?: string | undefined;
}

/** What URLs are made with. */
interface UrlTools {
  readonly access: RepositoryAccess;
  readonly world: World;
  /** The host that the record of the first generation belongs to. */
  readonly host: string;
  readonly signal?: AbortSignal | undefined;
}

/** A URL, and what it gives until when. */
export interface BackupUrl {
  /** The URL. Whoever has it gets what it names: handle it like a password. */
  readonly url: string;
  /** The backup. */
  readonly backup: Backup;
  /** What of it. */
  readonly kind: UrlKind;
  /** The path of the stream, file or table, names joined by slashes; the name of the archive or value. */
  readonly path: string;
  /** When the URL ends. */
  readonly expires: Date;
}

/** The longest that a URL may be valid, in seconds: ten years. */
const MOST_SECONDS = 10 * 366 * 86400;

/**
 * A URL for what is meant, as it is at this moment: a backup that is made later never takes its place. Writes the record
 * of the first generation of keys if there is none. Throws `UsageError` for what makes no sense, and what finding the
 * backup and its record throws.
 */
export async function urlOfBackup(
  { selector, file, table, seconds, gateway = USUAL_GATEWAY }: UrlRequest,
  { access, world, host, signal }: UrlTools,
): Promise<BackupUrl> {
  const base = parseGatewayUrl(gateway);
  if (!(seconds > 0 && seconds <= MOST_SECONDS)) {
    throw new UsageError(`A URL cannot be valid for ${seconds} seconds: choose more than none and at most ten years`);
  }
  const options = { world, ...signal && { signal } };
  const request = { selector, noLock: true, judgesStreams: false };
  return await withFoundBackup(access, request, options, async (found) => {
    const { kind, path } = await targetIn(found, { file, table }, { access, world });
    const key = await signingKey(access, found.reading.repository, { ...options, host });
    const { backup } = found;
    const expiresMs = Math.ceil(world.clock.now().getTime() / 1000 + seconds) * 1000;
    const url = signUrl(key, base, { snapshot: backup.snapshotId, kind, path, expiresMs });
    return { url, backup, kind, path: path.join("/"), expires: new Date(expiresMs) };
  });
}
