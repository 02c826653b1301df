/** Copies what is left of a run after packs have gone. */
import { decryptValues, type TableKeys } from "../../../crypto/table_keys.ts";
import { KEY_WORDS, ROW_WORDS } from "../../../store/sorted/row_layout.ts";
import { RunCursor } from "../../../store/sorted/run_cursor.ts";
import type { RunPlace } from "../../../store/sorted/run_reader.ts";
import type { RunWriter } from "../../../store/sorted/run_writer.ts";
import { PLACE_WORDS } from "./place_words.ts";

/** How many places are decrypted at once. */
const AT_ONCE = 4096;

/** What copying takes. */
interface CopyOptions {
  readonly keys: TableKeys;
  /** Numbers of packs. */
  readonly packs: ReadonlySet<number>;
  readonly signal: AbortSignal;
}

/**
 * Writes the rows of a run whose blobs lie in `packs`. Throws `IntegrityError`, the filesystem's own errors, and the
 * signal's reason.
 */
export async function copyRowsOf(run: RunPlace, writer: RunWriter, options: CopyOptions): Promise<void> {
  using cursor = RunCursor.open(run);
  const rows = new Uint32Array(AT_ONCE * ROW_WORDS);
  for (let left = run.rows; left > 0;) {
    const count = Math.min(left, AT_ONCE);
    for (let row = 0; row < count; row++) {
      if (cursor.mustRead) await cursor.read();
      cursor.advance();
      rows.set(cursor.words.subarray(cursor.at, cursor.at + ROW_WORDS), row * ROW_WORDS);
    }
    options.signal.throwIfAborted();
    await writeRowsOf(rows.subarray(0, count * ROW_WORDS), writer, options);
    left -= count;
  }
}

async function writeRowsOf(rows: Uint32Array, writer: RunWriter, { keys, packs }: CopyOptions): Promise<void> {
  const places = placesIn(rows, keys.places);
  for (let row = 0; row * ROW_WORDS < rows.length; row++) {
    if (!packs.has(places[row * PLACE_WORDS]!)) continue;
    writer.add(rows, row * ROW_WORDS);
    if (writer.isFull) await writer.flush();
  }
}

/** The places in rows that lie one after the other. */
function placesIn(rows: Uint32Array, secret: Uint8Array): Uint32Array {
  const count = rows.length / ROW_WORDS;
  const [keys, values] = [new Uint32Array(count * KEY_WORDS), new Uint32Array(count * PLACE_WORDS)];
  for (let row = 0; row < count; row++) {
    for (let word = 0; word < KEY_WORDS; word++) {
      keys[row * KEY_WORDS + word] = rows[row * ROW_WORDS + word]!;
      values[row * PLACE_WORDS + word] = rows[row * ROW_WORDS + KEY_WORDS + word]!;
    }
  }
  return decryptValues(secret, values, keys);
}
