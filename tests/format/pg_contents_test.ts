/** Tables of contents of pg_dump's archives: taken apart and put together again they are what they were. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../src/base/errors.ts";
import {
  blockHeadBytes,
  dumpIdOfBlock,
  readPgContents,
  readPgHeader,
  writePgContents,
} from "../../src/format/archive/pg_contents.ts";
import { createGuard } from "../../src/guard/formats.ts";
import type { DumpPiece } from "../../src/guard/tables/piece.ts";

/** An archive that PostgreSQL 15 wrote to a file, so that it says where its data lies. */
async function archive(): Promise<Uint8Array<ArrayBuffer>> {
  const text = await Deno.readTextFile(new URL("../guard/testdata/pg15-custom-seekable.base64", import.meta.url));
  return Uint8Array.from(atob(text.replaceAll(/\s/g, "")), (character) => character.charCodeAt(0));
}

async function piecesOf(bytes: Uint8Array): Promise<DumpPiece[]> {
  const pieces: DumpPiece[] = [];
  const guard = createGuard("auto", { piece: (piece) => void pieces.push(piece), giveUp: () => {} });
  guard.push(bytes);
  assert.equal((await guard.finish()).complete, true);
  return pieces;
}

Deno.test("pg contents: all entries make the same archive, and some make a whole one", async () => {
  const bytes = await archive();
  const pieces = await piecesOf(bytes);
  assert.equal(pieces.reduce((sum, piece) => sum + piece.bytes, 0), bytes.length);
  const header = readPgHeader(bytes.slice(0, pieces[0]!.bytes), "x");
  const lengths = pieces.slice(1, header.entries + 1).map((piece) => piece.bytes);
  const contentsEnd = pieces[0]!.bytes + lengths.reduce((sum, length) => sum + length, 0);
  const entries = readPgContents(bytes.slice(pieces[0]!.bytes, contentsEnd), lengths, header, "x");
  const blocks = pieces.slice(header.entries + 1);
  let block = 0;
  let start = contentsEnd;
  const kept = entries.map((entry) => {
    const blockBytes = entry.hasData ? blocks[block++]!.bytes : 0;
    if (entry.hasData) {
      assert.equal(dumpIdOfBlock(bytes.slice(start, start + blockHeadBytes(header)), header), entry.dumpId);
    }
    start += blockBytes;
    return { ...entry, blockBytes };
  });
  assert.deepEqual(writePgContents(header, kept), bytes.slice(0, contentsEnd));
  const withoutData = writePgContents(header, kept.filter(({ hasData }) => !hasData));
  assert.equal((await piecesOf(withoutData)).length, 1 + entries.filter(({ hasData }) => !hasData).length);
});

Deno.test("pg contents: what is none is refused", async () => {
  const bytes = await archive();
  const head = bytes.slice(0, (await piecesOf(bytes))[0]!.bytes);
  assert.throws(() => readPgHeader(head.slice(1), "x"), IntegrityError);
  assert.throws(() => readPgHeader(head.slice(0, 8), "x"), IntegrityError);
  assert.throws(() => readPgHeader(new Uint8Array(0), "x"), IntegrityError);
  const header = readPgHeader(head, "x");
  assert.throws(() => readPgContents(new Uint8Array(100), [100], header, "x"), IntegrityError);
});
