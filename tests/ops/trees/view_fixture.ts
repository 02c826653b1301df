/** A repository in memory with snapshots of trees, as another tool would make them. */
import { encodeHex } from "../../../src/base/hex.ts";
import type { BlobId, SnapshotId } from "../../../src/base/id.ts";
import { parseSeries } from "../../../src/format/manifest/series.ts";
import { formatTimestamp } from "../../../src/format/time.ts";
import { saveSnapshot } from "../../helpers/snapshots.ts";
import { type Planted, writeTree } from "../archive_fixture.ts";
import { backupsOf, type Checked, threeBackups } from "../check_fixture.ts";
import { write } from "../check_forging.ts";

/** The series of the snapshots. */
const PLANTED = parseSeries("planted");

/** A file with this content, which is one chunk. */
export function file(name: string, text: string, fields: Partial<Planted> = {}): Planted {
  return { name, chunks: [new TextEncoder().encode(text)], ...fields };
}

/** A directory. */
export function directory(name: string, entries: readonly Planted[], fields: Partial<Planted> = {}): Planted {
  return { name, entries, ...fields };
}

/** Adds snapshots of these trees, one a day from 2026-02-01 on. */
export async function plantNights(
  checked: Checked,
  nights: readonly (readonly Planted[])[],
  fields: { readonly hostname?: string } = {},
): Promise<SnapshotId[]> {
  const [ours] = await backupsOf(checked, "blog");
  const ids: SnapshotId[] = [];
  for (const [night, entries] of nights.entries()) {
    const root = await write(checked, (writer) => writeTree(writer, entries));
    const time = formatTimestamp(new Date(Date.UTC(2026, 1, 1 + night)));
    ids.push(
      await saveSnapshot(checked.repository.files, {
        ...ours!,
        ...fields,
        agent: null,
        time,
        paths: [`/${PLANTED}`],
        tree: encodeHex(root) as BlobId,
      }),
    );
  }
  return ids;
}

export { threeBackups };
