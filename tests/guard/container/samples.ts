/** Small whole streams of the containers whose content is not judged, made by hand. */
import { crc32 } from "node:zlib";
import { bytesOf, concat, littleEndianBytes, noise } from "../judging.ts";

/** `hello, hello, hello\n`, and nothing at all, as bzip2 1.0.8 compresses them. */
export const BZIP2 = fromHex(
  "425a6839314159265359cb52e5670000055100001040040244a00021243108602f1844c715178bb9229c284865a972b380",
);
export const BZIP2_EMPTY = fromHex("425a683917724538509000000000");

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g)!, (digits) => parseInt(digits, 16));
}

/** An integer of variable length, as xz writes it. */
function xzVariable(value: number): Uint8Array<ArrayBuffer> {
  return value < 128
    ? Uint8Array.of(value)
    : concat(Uint8Array.of(128 + value % 128), xzVariable(Math.floor(value / 128)));
}

function withCrc(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(bytes, littleEndianBytes(crc32(bytes), 4));
}

function padded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(bytes, new Uint8Array((4 - bytes.length % 4) % 4));
}

/** One chunk of LZMA2 that holds its content as it is. */
export function xzCopyChunk(content: Uint8Array, control = 1): Uint8Array<ArrayBuffer> {
  return concat(Uint8Array.of(control, (content.length - 1) >> 8, (content.length - 1) & 255), content);
}

/** What an xz block is made of; its lengths are told where `told` says so. */
export interface XzBlock {
  readonly chunks: Uint8Array;
  readonly contentBytes: number;
  readonly told?: boolean;
  readonly filters?: Uint8Array;
}

/** One xz stream with a CRC-32 over each block's content, which nobody looks at. */
export function xzStream(
  blocks: readonly XzBlock[],
  { index = (records: Uint8Array) => records }: { index?: (records: Uint8Array) => Uint8Array } = {},
): Uint8Array<ArrayBuffer> {
  const flags = Uint8Array.of(0, 1);
  const bodies: Uint8Array[] = [];
  const records: Uint8Array[] = [];
  for (const { chunks, contentBytes, told = false, filters = Uint8Array.of(0x21, 1, 22) } of blocks) {
    const data = concat(chunks, Uint8Array.of(0));
    const lengths = told ? concat(xzVariable(data.length), xzVariable(contentBytes)) : new Uint8Array(0);
    const count = filters.length > 3 ? 1 : 0;
    const fields = padded(concat(Uint8Array.of(0, count + (told ? 0xc0 : 0)), lengths, filters));
    fields[0] = fields.length / 4;
    const header = withCrc(fields);
    bodies.push(header, padded(data), bytesOf("sum!"));
    records.push(concat(xzVariable(header.length + data.length + 4), xzVariable(contentBytes)));
  }
  const indexed = withCrc(padded(index(concat(Uint8Array.of(0), xzVariable(blocks.length), ...records))));
  const footer = concat(littleEndianBytes(indexed.length / 4 - 1, 4), flags);
  return concat(
    bytesOf("\xfd7zXZ\0"),
    withCrc(flags),
    ...bodies,
    indexed,
    littleEndianBytes(crc32(footer), 4),
    footer,
    bytesOf("YZ"),
  );
}

/** A chunk of LZMA2 that claims to be compressed: nobody decompresses it. */
export const XZ_LZMA_CHUNK = concat(Uint8Array.of(0xe1, 0x02, 0x03, 0, 49, 93), noise(50));

export const XZ = xzStream([
  { chunks: concat(XZ_LZMA_CHUNK, xzCopyChunk(noise(200), 2)), contentBytes: 65_536 + 0x204 + 200, told: true },
  { chunks: xzCopyChunk(noise(300)), contentBytes: 300 },
  { chunks: xzCopyChunk(noise(7)), contentBytes: 7, filters: Uint8Array.of(3, 1, 0, 0x21, 1, 22) },
]);

/** An lz4 frame of independent blocks up to 64 KiB that are stored as they are, without checksums of them. */
export function lz4Frame(...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const blocks = contents.map((content) => concat(littleEndianBytes(2 ** 31 + content.length, 4), content));
  return concat(littleEndianBytes(0x184d2204, 4), Uint8Array.of(0x60, 0x40, 0x82), ...blocks, new Uint8Array(4));
}

/** A frame that lz4 and zstd pass over. */
export function skippableFrame(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(littleEndianBytes(0x184d2a5e, 4), littleEndianBytes(content.length, 4), content);
}

export const LZ4 = concat(skippableFrame(noise(9)), lz4Frame(noise(100), noise(60, 2)));
