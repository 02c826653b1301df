/**
 * Confirms that the store lists what it has to list, before anything goes that depends on it: a single answer may be
 * wrong. A proxy says that nothing is there while the server behind it starts anew, a listing leaves a file out, a removal
 * counts as done and is not.
 */
import type { Clock } from "../base/clock.ts";
import { StoreError } from "../base/errors.ts";
import type { SealedFiles, SealedKind } from "./sealed_files.ts";

/** What confirming takes. */
interface ConfirmTools {
  readonly files: SealedFiles;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** The files of a kind that there have to be, and no others. */
export interface ExpectedFiles {
  readonly kind: SealedKind;
  readonly names: Iterable<string>;
  /** Whether others may be there all the same, as where somebody else writes such files meanwhile; false by default. */
  readonly withOthers?: boolean;
}

/** Some stores are late to list what was written, and go on listing what was removed: they get so many more looks. */
const MORE_LOOKS = 7;
const PAUSE_MS = 1000;

/**
 * Resolves once the store lists these files. Throws `StoreError` where it goes on listing others; its message says
 * what became of the work, as `outcome` puts it. Throws what the store throws, and the signal's reason.
 */
export async function confirmListed(tools: ConfirmTools, expected: ExpectedFiles, outcome: string): Promise<void> {
  const { clock, signal } = tools;
  for (let looksLeft = MORE_LOOKS;; looksLeft--) {
    const difference = await differenceFrom(expected, tools);
    if (difference === null) return;
    if (looksLeft === 0) {
      throw new StoreError(
        `The store lists other ${PLURALS[expected.kind]} than it has to (${difference}): ${outcome}; run it again`,
      );
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}

const PLURALS: Readonly<Record<SealedKind, string>> = { index: "index files", snapshot: "snapshots", lock: "locks" };

/** How the listing differs from what is expected, in words; null where it does not. */
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
