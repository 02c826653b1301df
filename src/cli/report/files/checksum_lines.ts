/** Checksum lists as `md5sum -c` and `sha256sum -c` of GNU coreutils read them. */
import { bytesOfByteString } from "../../../format/byte_string.ts";
import { escapedPath } from "../../../format/digest_list.ts";
import type { Output } from "../../terminal/input_output.ts";
import { writePrintableLines } from "../../terminal/write.ts";

/** A file and its digest in hex. */
export interface Checksum {
  /** Its path, as a byte string (`byte_string.ts`). */
  readonly path: string;
  readonly sum: string;
}

/** Digest, two spaces, path. A line whose path is escaped begins with a backslash. */
export function checksumLine({ path, sum }: Checksum): string {
  // A dash alone would mean standard input.
  const named = path === "-" ? "./-" : path;
  const escaped = escapedPath(named);
  return `${escaped === named ? "" : "\\"}${sum}  ${escaped}`;
}

/** Writes lines exactly, byte for byte. On a terminal they are made printable. */
export async function writeChecksums(output: Output, sums: readonly Checksum[]): Promise<void> {
  const lines = sums.map(checksumLine);
  if (output.isTerminal) return await writePrintableLines(output, lines);
  await output.write(bytesOfByteString(lines.map((line) => `${line}\n`).join("")));
}
