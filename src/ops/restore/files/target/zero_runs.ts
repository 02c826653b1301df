/** Runs of zeros in the content of files, which become holes. */
import { isAllZero } from "../../../../base/bytes.ts";

/** The least run that becomes a hole, and what it is aligned to in the file. */
export const HOLE_BYTES = 64 * 1024;

/** What is done with runs. Offsets are those in the file. */
interface RunVisitor {
  readonly write: (bytes: Uint8Array, at: number) => void;
  readonly leaveHole: (at: number, end: number) => void;
}

/** Splits content, which begins at `offset` of a file, into bytes to be written and aligned runs of zeros. */
export function eachRun(content: Uint8Array, offset: number, { write, leaveHole }: RunVisitor): void {
  if (content.length < HOLE_BYTES) return write(content, offset);
  const end = offset + content.length;
  let dataStart = offset;
  let holeStart = -1;
  const aligned = Math.ceil(offset / HOLE_BYTES) * HOLE_BYTES;
  for (let at = aligned; at + HOLE_BYTES <= end; at += HOLE_BYTES) {
    const isZero = isAllZero(content.subarray(at - offset, at - offset + HOLE_BYTES));
    if (isZero && holeStart < 0) {
      if (at > dataStart) write(content.subarray(dataStart - offset, at - offset), dataStart);
      holeStart = at;
    } else if (!isZero && holeStart >= 0) {
      leaveHole(holeStart, at);
      [dataStart, holeStart] = [at, -1];
    }
  }
  if (holeStart >= 0) {
    dataStart = holeStart + Math.floor((end - holeStart) / HOLE_BYTES) * HOLE_BYTES;
    leaveHole(holeStart, dataStart);
  }
  if (dataStart < end) write(content.subarray(dataStart - offset), dataStart);
}
