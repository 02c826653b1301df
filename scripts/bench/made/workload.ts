/** The input of a comparison: the dumps of two nights as files. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type DumpKind, generateKind } from "../../dumps/kinds.ts";

/** A dump on disk. */
export interface DumpFile {
  readonly night: number;
  readonly path: string;
  readonly bytes: number;
  readonly md5: string;
}

/** What a dump is to be. */
interface DumpRequest {
  readonly kind: DumpKind;
  /** The length of the first night's dump in units of 10^6 bytes. */
  readonly megabytes: number;
  readonly night: number;
}

/** Writes the dump of a night below `directory`. */
export async function writeDump(directory: string, { kind, megabytes, night }: DumpRequest): Promise<DumpFile> {
  const path = join(directory, `${kind}-${night}.sql`);
  const md5 = createHash("md5");
  let bytes = 0;
  using file = await Deno.open(path, { write: true, createNew: true });
  for (const piece of generateKind(kind, { bytes: megabytes * 1e6, night })) {
    for (let written = 0; written < piece.length;) written += await file.write(piece.subarray(written));
    md5.update(piece);
    bytes += piece.length;
  }
  return { night, path, bytes, md5: md5.digest("hex") };
}

/** Reads a file once, so that the next reader finds it in the page cache. */
export async function warm(path: string): Promise<void> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 20);
  while (await file.read(buffer) !== null);
}
