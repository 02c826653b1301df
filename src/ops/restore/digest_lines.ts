/** Reads the digests of the files in a backup of files. */
import { IntegrityError } from "../../base/errors.ts";
import { contentsOf, findSeriesNodes } from "../../backup/content/contents.ts";
import { readDigestList } from "../../backup/content/read_digests.ts";
import type { DigestLine } from "../../format/digest_list.ts";
import { digestListPath } from "../../format/manifest/series.ts";
import type { FoundBackup } from "./get.ts";

/**
 * The digests of all regular files in walk order, many at a time. Their paths are relative to the root of the source.
 * Throws `IntegrityError` if the list is damaged or absent.
 */
export async function* digestLines(
  { backup, reading }: Pick<FoundBackup, "backup" | "reading">,
): AsyncGenerator<readonly DigestLine[]> {
  const path = digestListPath(backup.series);
  const { digests } = await findSeriesNodes(reading.repository, backup);
  if (digests === undefined) {
    throw new IntegrityError(`Damaged backup ${backup.id}: its tree holds no list of digests at ${path}`);
  }
  yield* readDigestList(
    contentsOf(reading.repository, digests, path),
    `list of digests of backup ${backup.id}`,
    reading,
  );
}
