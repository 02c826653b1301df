/**
 * Confirms that the store lists the expected files, before anything is removed on the strength of that. A single answer
 * may be wrong: a proxy reports nothing while the server behind it restarts, a listing leaves out a file, or a removal
 * is acknowledged but not done.
 */
import type { Clock } from "../base/clock.ts";
import { StoreError } from "../base/errors.ts";
import type { SealedFiles, SealedKind } from "./sealed_files.ts";

/** What confirming needs. */
interface ConfirmTools {
  readonly files: SealedFiles;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** The files of a kind that must be there, and no others. */
export interface ExpectedFiles {
  readonly kind: SealedKind;
  readonly names: Iterable<string>;
  /** Whether other files are allowed, for example because other processes write some meanwhile; false by default. */
  readonly withOthers?: boolean;
}

/**
 * Some stores are slow to list what was written and to stop listing what was removed, so they get this many more looks.
 */
const MORE_LOOKS = 7;
const PAUSE_MS = 1000;

/**
 * Resolves once the store lists exactly the expected files. Throws `StoreError` if it keeps listing others; the message
 * includes `outcome`, which says what became of the work. Throws what the store throws, and the signal's reason.
 */
export async function confirmListed(tools: ConfirmTools, expected: ExpectedFiles, outcome: string): Promise<void> {
  const { clock, signal } = tools;
  for (let looksLeft = MORE_LOOKS;; looksLeft--) {
    const difference = await differenceFrom(expected, tools);
    if (difference === null) return;
    if (looksLeft === 0) {
      throw new StoreError(
        `The store does not list the expected ${PLURALS[expected.kind]} (${difference}): ${outcome}; run it again`,
      );
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}

const PLURALS: Readonly<Record<SealedKind, string>> = { index: "index files", snapshot: "snapshots", lock: "locks" };

/** How the listing differs from what is expected, in words; null if it does not. */
async function differenceFrom(
  { kind, names: expected, withOthers = false }: ExpectedFiles,
  { files, signal }: ConfirmTools,
): Promise<string | null> {
  const names = new Set(expected);
  const listed = new Set<string>();
  for await (const { name } of files.list(kind, { signal })) listed.add(name);
  const missing = names.difference(listed).size;
  const additional = withOthers ? 0 : listed.difference(names).size;
  return missing + additional === 0 ? null : `${missing} are missing, ${additional} are too many`;
}
