/** Index files that are read in pieces: the same calls as for the whole text, however it is written and cut. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { IntegrityError } from "../../../src/base/errors.ts";
import { decodeIndex, decodeIndexPieces } from "../../../src/format/index/index_file.ts";
import { ID_BEGINNINGS } from "../../../src/format/index/index_skim.ts";
import { sha256Hex } from "../../../src/crypto/digest.ts";
import { encodeIndex } from "../../helpers/encode_index.ts";
import { textOf, utf8 } from "../codec_checks.ts";

const WHAT = "index dad14c4f";

const IDS = Array.from({ length: 300 }, (_, i) => Uint8Array.fromHex(sha256Hex(Uint8Array.of(i, i >> 8))));

/** The text of an index of so many blobs a pack: every tenth is a tree. */
function indexOf(blobsOfPacks: readonly number[]): Uint8Array {
  return encodeIndex(blobsOfPacks.map((count, pack) => ({
    id: IDS[pack]!,
    blobs: Array.from({ length: count }, (_, i) => ({
      type: i % 10 === 0 ? "tree" : "data",
      id: IDS[i]!,
      offset: i * 1000,
      length: 1000,
      uncompressedLength: i % 3 === 0 ? 0 : 4000,
    })),
  })));
}

/** As others may write it: fields of packs in another order, unknown ones, white space. */
const WRITTEN: Record<string, (text: string) => string> = {
  "as restic writes it": (text) => text,
  "with white space": (text) => JSON.stringify(JSON.parse(text), null, 1),
  "with unknown fields": (text) => {
    const { packs } = JSON.parse(text);
    return JSON.stringify({
      supersedes: ["x".repeat(6000)],
      packs: packs.map((pack: object) => ({ ...pack, time: "y".repeat(5000) })),
      packs_to_delete: packs,
    });
  },
  "with ids behind blobs": (text) => {
    const { packs } = JSON.parse(text);
    return JSON.stringify({ packs: packs.map(({ id, blobs }: { id: string; blobs: object[] }) => ({ blobs, id })) });
  },
};

/** Cuts a text; each piece is gone when the next one comes. */
function* cut(text: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  const piece = new Uint8Array(Math.max(...sizes));
  for (let at = 0, n = 0; at < text.length; n++) {
    const size = Math.min(sizes[n % sizes.length]!, text.length - at);
    piece.fill(0x7b, 0, sizes[0]!);
    piece.set(text.subarray(at, at + size));
    yield piece.subarray(0, size);
    at += size;
  }
}

/** What the visitor hears of a text, and the error at its end. */
function heard(decode: (visitor: Parameters<typeof decodeIndex>[2]) => void, wantedData?: Uint8Array): string[] {
  const calls: string[] = [];
  try {
    decode({
      wantedData,
      pack: (id) => calls.push(id.toHex()),
      blob: (type, id, ...numbers) => {
        const isWanted = wantedData === undefined || type === "tree" || wantedData[(id[0]! << 8) | id[1]!] !== 0;
        if (isWanted) calls.push(`${type} ${id.toHex()} ${numbers}`);
      },
    });
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    calls.push("malformed");
  }
  return calls;
}

const shapes = fc.array(fc.nat(120), { maxLength: 5 });
const sizes = fc.array(fc.integer({ min: 30, max: 9000 }), { minLength: 1, maxLength: 5 });
const WANTED = Uint8Array.from({ length: ID_BEGINNINGS }, (_, beginning) => beginning % 50 === 0 ? 1 : 0);

for (const [how, write] of Object.entries(WRITTEN)) {
  Deno.test(`an index ${how} says the same in pieces, whole or cut off, all of it or what is wanted`, () => {
    const property = fc.property(
      shapes,
      sizes,
      fc.option(fc.nat(30_000)),
      fc.boolean(),
      (shape, sizes, end, isPart) => {
        const text = utf8(write(textOf(indexOf(shape)))).slice(0, end ?? undefined);
        const wanted = isPart ? WANTED : undefined;
        const whole = heard((visitor) => decodeIndex(text, WHAT, visitor), wanted);
        const inPieces = heard((visitor) => {
          for (const _ of decodeIndexPieces(cut(text, sizes), WHAT, visitor));
        }, wanted);
        assert.deepEqual(inPieces, whole);
      },
    );
    fc.assert(property, { numRuns: 25 });
  });
}

Deno.test("of a text as restic writes it, only a few pieces are read before the blobs in them are told", () => {
  const text = indexOf([300, 300, 300]);
  let [given, told, yields] = [0, 0, 0];
  function* counted() {
    for (const piece of cut(text, [5000])) {
      given += piece.length;
      yield piece;
    }
  }
  const blob = () => {
    told++;
    assert.ok(given - told * 120 < 5000 + 2 * 4096 + told * 60, `${given} bytes were read for ${told} blobs`);
  };
  for (const _ of decodeIndexPieces(counted(), WHAT, { pack: () => {}, blob })) yields++;
  assert.equal(told, 900);
  assert.ok(yields > 10, `${yields} yields`);
});
