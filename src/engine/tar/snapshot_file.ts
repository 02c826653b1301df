/**
 * The snapshot file of GNU tar's `--listed-incremental` (GNU tar manual, "Format of the Incremental Snapshot Files",
 * version 2): a line `GNU tar-VERSION-2`, the time of the backup as two fields, and a record a directory: six fields,
 * the last of which is its name, and a list of its entries. A field ends with NUL, and so do a list and a record.
 */

const LINE_END = 0x0a;
const HEADER = /^GNU tar-[^\n]*-2$/;
const TIME_FIELDS = 2;
/** NFS flag, two for the time, device, inode, name. */
const FIELDS = 6;

/**
 * The snapshot file without some directories, which tar then takes for new and stores as a whole. `isForgotten` gets
 * their names, a character a byte, as in `./etc`. Null if the file has another format.
 */
export function withoutDirectories(
  snapshot: Uint8Array,
  isForgotten: (name: string) => boolean,
): Uint8Array<ArrayBuffer> | null {
  const headerEnd = snapshot.indexOf(LINE_END);
  if (!HEADER.test(latin1(snapshot.subarray(0, headerEnd)))) return null;
  let start = fieldsEnd(snapshot, headerEnd + 1, TIME_FIELDS);
  const kept = new Uint8Array(snapshot.length);
  kept.set(snapshot.subarray(0, start));
  let length = start;
  while (start >= 0 && start < snapshot.length) {
    const nameStart = fieldsEnd(snapshot, start, FIELDS - 1);
    const listStart = fieldsEnd(snapshot, nameStart, 1);
    const end = recordEnd(snapshot, listStart);
    if (end < 0) return null;
    if (!isForgotten(latin1(snapshot.subarray(nameStart, listStart - 1)))) {
      kept.set(snapshot.subarray(start, end), length);
      length += end - start;
    }
    start = end;
  }
  return start < 0 ? null : kept.subarray(0, length);
}

/** Where that many fields end; -1 if there are fewer. */
function fieldsEnd(bytes: Uint8Array, start: number, count: number): number {
  let end = start;
  for (let i = 0; i < count && end >= 0; i++) end = bytes.indexOf(0, end) + 1 || -1;
  return end;
}

/** Where a record ends whose list begins at `start`; -1 if it does not end. */
function recordEnd(bytes: Uint8Array, start: number): number {
  let end = start;
  while (end >= 0 && end < bytes.length && bytes[end] !== 0) end = fieldsEnd(bytes, end, 1);
  return end >= 0 && bytes[end] === 0 && bytes[end + 1] === 0 ? end + 2 : -1;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
