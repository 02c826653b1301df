/** Runs of sorted tables in a folder of a test, and rows to put into them. */
import { writeAll } from "../../../src/base/bytes.ts";
import { RowBuffer } from "../../../src/store/sorted/row_buffer.ts";
import { KEY_WORDS, ROW_WORDS } from "../../../src/store/sorted/row_layout.ts";
import type { RunPlace } from "../../../src/store/sorted/run_reader.ts";
import { RunWriter } from "../../../src/store/sorted/run_writer.ts";
import { noise } from "../../helpers/world.ts";

/** A row as the words of its key and of its value. */
export interface MadeRow {
  readonly key: readonly number[];
  readonly value: readonly number[];
}

const SECRET = noise(32, "secret of a table");

let made = 0;

/** The place for a run in a folder. */
export function newPlace(folder: string, rows = 0): RunPlace {
  const name = noise(16, `run ${made++}`).toHex();
  return { path: `${folder}/${name}`, name, rows, secret: SECRET };
}

/** Writes rows, given in any order, as a run. */
export async function writeRun(folder: string, rows: readonly MadeRow[]): Promise<RunPlace> {
  const buffer = new RowBuffer();
  for (const { key, value } of rows) buffer.push(Uint32Array.from([...key, ...value]), 1);
  return await written(newPlace(folder), async (writer) => {
    for (const row of buffer.order()) {
      writer.add(buffer.words, row * ROW_WORDS);
      if (writer.isFull) await writer.flush();
    }
  });
}

/** A run that `write` writes. */
export async function written(place: RunPlace, write: (writer: RunWriter) => Promise<void>): Promise<RunPlace> {
  using file = await Deno.open(place.path, { write: true, createNew: true });
  const writer = new RunWriter({ ...place, write: (bytes) => writeAll(file, bytes) });
  await write(writer);
  await writer.finish();
  return { ...place, rows: writer.rows };
}

/** A key with these first words and zeros behind them. */
export function keyOf(...words: number[]): number[] {
  return [...words, ...Array<number>(KEY_WORDS - words.length).fill(0)];
}

/** A row whose value tells its number. */
export function rowOf(key: readonly number[], number: number): MadeRow {
  return { key, value: [number, 1, 2, 3] };
}
