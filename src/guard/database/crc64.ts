/**
 * CRC-64 of pushed bytes, for two polynomials in reflected form: Jones's, as in Redis, and that of ECMA-182, as in xz
 * and MongoDB's tools.
 *
 * A value is kept as two halves of 32 bits, and eight bytes are processed in one step ("slicing by eight").
 */

/**
 * The parameters of a CRC-64: the reflected polynomial, and whether the register is inverted at the beginning and the
 * end.
 */
interface Crc64Kind {
  readonly polynomial: bigint;
  readonly inverted: boolean;
}

/** For Redis dumps. Not inverted, so leading zero bytes do not count. */
export const CRC64_JONES: Crc64Kind = { polynomial: 0x95ac9329ac4bc9b5n, inverted: false };
/** For mongodump archives. The value of no bytes at all is 0. */
export const CRC64_ECMA: Crc64Kind = { polynomial: 0xc96c5795d7870f42n, inverted: true };

const SLICES = 8;

/** 256 values for each slice: their low and their high halves. */
interface Tables {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

const tablesByKind = new Map<Crc64Kind, Tables>();

/** A CRC-64 being computed. */
export class Crc64 {
  readonly #tables: Tables;
  readonly #mask: number;
  #low: number;
  #high: number;

  constructor(kind: Crc64Kind) {
    this.#tables = tablesOf(kind);
    this.#mask = kind.inverted ? -1 : 0;
    this.#low = this.#mask;
    this.#high = this.#mask;
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    const { low: tableLow, high: tableHigh } = this.#tables;
    let low = this.#low;
    let high = this.#high;
    let offset = 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const end = bytes.length - SLICES; offset <= end; offset += SLICES) {
      low ^= view.getUint32(offset, true);
      high ^= view.getUint32(offset + 4, true);
      const a = 0x700 | (low & 0xff);
      const b = 0x600 | ((low >>> 8) & 0xff);
      const c = 0x500 | ((low >>> 16) & 0xff);
      const d = 0x400 | (low >>> 24);
      const e = 0x300 | (high & 0xff);
      const f = 0x200 | ((high >>> 8) & 0xff);
      const g = 0x100 | ((high >>> 16) & 0xff);
      const h = high >>> 24;
      low = tableLow[a]! ^ tableLow[b]! ^ tableLow[c]! ^ tableLow[d]! ^ tableLow[e]! ^ tableLow[f]! ^ tableLow[g]! ^
        tableLow[h]!;
      high = tableHigh[a]! ^ tableHigh[b]! ^ tableHigh[c]! ^ tableHigh[d]! ^ tableHigh[e]! ^ tableHigh[f]! ^
        tableHigh[g]! ^ tableHigh[h]!;
    }
    for (; offset < bytes.length; offset++) {
      const index = (low ^ bytes[offset]!) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ tableLow[index]!;
      high = (high >>> 8) ^ tableHigh[index]!;
    }
    this.#low = low;
    this.#high = high;
  }

  /** The value over everything pushed so far, as eight bytes, lowest first. */
  digest(): Uint8Array {
    const view = new DataView(new ArrayBuffer(8));
    view.setInt32(0, this.#low ^ this.#mask, true);
    view.setInt32(4, this.#high ^ this.#mask, true);
    return new Uint8Array(view.buffer);
  }
}

function tablesOf(kind: Crc64Kind): Tables {
  const known = tablesByKind.get(kind);
  if (known !== undefined) return known;
  const tables = makeTables(kind.polynomial);
  tablesByKind.set(kind, tables);
  return tables;
}

function makeTables(polynomial: bigint): Tables {
  const values = Array.from({ length: 256 }, (_, byte) => divided(BigInt(byte), polynomial));
  const low = new Uint32Array(SLICES * 256);
  const high = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = values[byte]!;
    for (let slice = 0; slice < SLICES; slice++) {
      low[slice * 256 + byte] = Number(value & 0xffffffffn);
      high[slice * 256 + byte] = Number(value >> 32n);
      value = values[Number(value & 0xffn)]! ^ (value >> 8n);
    }
  }
  return { low, high };
}

/** The remainder of one byte. */
function divided(byte: bigint, polynomial: bigint): bigint {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
  return value;
}
