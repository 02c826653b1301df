/** Verify: everything of a backup is read and compared, and its chain is looked at. */
import { IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import type { CheckedMember } from "../../backup/chain/chain_check.ts";
import type { VerifiedStream } from "../../backup/content/read_verified.ts";
import type { VerifiedFiles } from "../../backup/files/verify_files.ts";
import type { OpenBackup } from "./get.ts";

/** What of a backup is verified, and who hears of it. */
export interface VerifyBackupOptions {
  /** Whether only the manifests of its chain are read, and no streams or files. */
  readonly chainOnly?: boolean;
  /** Called with each stream that is right. */
  readonly onStream?: (verified: VerifiedStream) => void | Promise<void>;
  /** Called when the files of a tree are right. */
  readonly onFiles?: (verified: VerifiedFiles) => void | Promise<void>;
  /** Called with the members of the chain, level 0 first, whatever state they are in. */
  readonly onChain?: (members: readonly CheckedMember[]) => void | Promise<void>;
}

/** A backup that is as it was made. */
export interface VerifiedBackup {
  /** The backup. */
  readonly backup: Backup;
  /** Its streams. */
  readonly streams: readonly VerifiedStream[];
  /** Its files, if it is a tree of files that was made by agent; null for any other. */
  readonly files: VerifiedFiles | null;
  /** The members of its chain, level 0 first; null for a backup of another tool whose chain was not asked for. */
  readonly chain: readonly CheckedMember[] | null;
}

/**
 * Reads all of an open backup, and compares every digest. Throws `IntegrityError` for the first thing that is wrong, for
 * a backup that holds nothing, and for a chain of which a member is not intact.
 */
export async function verifyBackup(open: OpenBackup, options: VerifyBackupOptions): Promise<VerifiedBackup> {
  const { chainOnly = false, onStream, onFiles, onChain } = options;
  refuseEmpty(open);
  const streams: VerifiedStream[] = [];
  for (const file of chainOnly ? [] : open.files) {
    const verified = await open.read(file, { write: () => Promise.resolve() }, { guard: "auto", md5: true });
    assertSameVerdict(verified);
    streams.push(verified);
    await onStream?.(verified);
  }
  if (!chainOnly) await open.verifyTables();
  const files = chainOnly ? null : await open.verifyFiles();
  if (files !== null) await onFiles?.(files);
  const { backup } = open;
  if (backup.info === null && !chainOnly) return { backup, streams, files, chain: null };
  const chain = await open.checkChain();
  await onChain?.(chain);
  const problems = chain.map(({ problem }) => problem).filter((problem) => problem !== null);
  if (problems.length > 0) throw new IntegrityError(chainMessage(problems));
  return { backup, streams, files, chain };
}

/** Refuses an empty backup, whose restore would succeed but produce nothing. */
function refuseEmpty({ backup: { series, id }, files, manifest }: OpenBackup): void {
  if (files.length === 0 && (manifest?.tree?.files ?? 0) === 0) {
    throw new IntegrityError(
      `The backup ${series}@${shortId(id)} holds no file, so it restores to nothing; "agent ls" shows others`,
    );
  }
}

function chainMessage(problems: readonly string[]): string {
  const shown = problems.slice(0, 3).join("; ");
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : "";
  return `Damaged chain: ${shown}${more}; begin a new one with "agent put --level full"`;
}

/** Refuses a stream that was whole when it was stored but is not when it is read. */
function assertSameVerdict({ file, summary: { verdict } }: VerifiedStream): void {
  if (file.expected?.guard?.complete === true && verdict.complete === false) {
    throw new IntegrityError(
      `"${file.path}" was whole when it was stored and is not any more: ${verdict.reason}; do not use it`,
    );
  }
}
