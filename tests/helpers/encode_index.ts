/** The text of a whole index. */
import { type IndexedPack, IndexEncoder } from "../../src/format/index/index_file.ts";
import { ByteWriter } from "../../src/format/json/byte_writer.ts";

/** The JSON text of an index that lists these packs. */
export function encodeIndex(packs: Iterable<IndexedPack>): Uint8Array<ArrayBuffer> {
  const text = new ByteWriter();
  const encoder = new IndexEncoder();
  for (const pack of packs) encoder.add(text, pack);
  encoder.finish(text);
  return text.finish();
}
