/** The digests that a backup records of its streams or files. */
import { UsageError } from "../../base/errors.ts";
import { isOfFiles } from "../../format/manifest/manifest.ts";
import { digestLines } from "../../ops/restore/digest_lines.ts";
import type { FoundBackup } from "../../ops/restore/get.ts";

/** The digests of a stream or file, in hexadecimal digits; null if they are not known. */
export interface KnownDigests {
  /** Where it is restored, below the target. */
  readonly path: string;
  /** The MD5. */
  readonly md5: string | null;
  /** The SHA-256. */
  readonly sha256: string | null;
}

/** The digests of all streams or files. Throws `UsageError` if the backup has no manifest. */
export async function digestsOf(found: FoundBackup): Promise<KnownDigests[]> {
  const { backup, manifest } = found;
  if (manifest === null) {
    throw new UsageError("This backup has no manifest, so nobody knows its digests: `verify` computes them");
  }
  if (!isOfFiles(manifest)) {
    return manifest.files.map(({ path, md5, sha256 }) => ({ path: `${manifest.series}/${path}`, md5, sha256 }));
  }
  const digests: KnownDigests[] = [];
  for await (const lines of digestLines({ backup, manifest }, found)) {
    for (const { path, md5, sha256 } of lines) digests.push({ path, md5, sha256 });
  }
  return digests;
}
