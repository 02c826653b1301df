/**
 * Fast search in a window of text, by the WebAssembly module of `byte_search.wat`. It skips uninteresting bytes at more
 * than ten gigabytes a second, so that a guard costs little compared with the digests of a stream.
 */
import { Buffer } from "node:buffer";
import { BYTE_SEARCH_WASM_BASE64 } from "./byte_search_wasm.ts";

/** A set of bytes to stop at, as its address in the module's memory. It may contain a few bytes more than requested. */
export type ByteSet = number & { readonly brand: "ByteSet" };

/** The module's exports; addresses are in bytes. `byte_search.wat` describes each. */
interface ByteSearchModule {
  readonly memory: WebAssembly.Memory;
  readonly inside: WebAssembly.Global;
  find(any: number, first: number, at: number, end: number): number;
  findByte(byte: number, at: number, end: number): number;
  findLineStart(first: number, at: number, end: number): number;
  findRunEnd(goesOn: number, at: number, end: number): number;
}

const SET_BYTES = 32;
const SETS_BYTES = 65_536;
/** How far a search may read beyond the end of a window. */
const SLACK_BYTES = 128;

/** The tables of all sets, to be copied into each module. */
const tables: number[] = [];

/**
 * The set of the characters in a text, each of them a byte. With `beyondAscii` it also contains every byte from 128 on.
 */
export function byteSet(characters: string, { beyondAscii = false } = {}): ByteSet {
  const table = new Array<number>(SET_BYTES).fill(0);
  for (const character of characters) {
    const byte = character.charCodeAt(0);
    table[byte & 15]! |= bitOfHighHalf(byte >> 4);
  }
  if (beyondAscii) { for (let low = 0; low < 16; low++) table[low]! |= bitOfHighHalf(8); }
  for (let high = 0; high < 16; high++) table[16 + high] = bitOfHighHalf(high);
  tables.push(...table);
  return tables.length - SET_BYTES as ByteSet;
}

/** The bit of a byte's high half: 0 and 1 share one, and so do 8 to 15. */
function bitOfHighHalf(high: number): number {
  return high < 2 ? 1 : high < 8 ? 1 << high : 2;
}

/** The set without any byte. */
export const EMPTY_SET = byteSet("");

/**
 * One window and the searches in it. Positions are those of `bytes`, from `WINDOW_START` on; the byte before is
 * readable, too.
 */
export class ByteSearch {
  /** The module's memory. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #buffer: Buffer;
  readonly #module: ByteSearchModule;

  constructor() {
    this.#module = instantiate();
    const memory = this.#module.memory.buffer as ArrayBuffer;
    this.bytes = new Uint8Array(memory);
    this.#buffer = Buffer.from(memory);
    this.bytes.set(tables);
  }

  /** The bytes from `at` to `end` as text, one character for each byte. */
  text(at: number, end: number): string {
    return this.#buffer.toString("latin1", at, end);
  }

  /**
   * The first position from `at` on with a byte of `any`, or of `first` at the start of a line; `end` if there is none.
   */
  find(any: ByteSet, first: ByteSet, at: number, end: number): number {
    return this.#module.find(any, first, at, end);
  }

  /** The first position of this byte from `at` on; `end` if there is none. */
  findByte(byte: number, at: number, end: number): number {
    return this.#module.findByte(byte, at, end);
  }

  /** The first start of a line from `at` on with a byte of `first`; `end` if there is none. */
  findLineStart(first: ByteSet, at: number, end: number): number {
    return this.#module.findLineStart(first, at, end);
  }

  /** Whether the run is between apostrophes. */
  get isInsideQuotes(): boolean {
    return this.#module.inside.value === 1;
  }

  /** Begins a run outside quotes. */
  beginRun(): void {
    this.#module.inside.value = 0;
  }

  /**
   * Passes lines in which only apostrophes quote. Returns the position of the first line feed that is outside quotes
   * and not followed by a byte of `goesOn`, or inside quotes and followed by a possible beginning of a header; `end` if
   * there is none. The bytes after `end` may be anything.
   */
  findRunEnd(goesOn: ByteSet, at: number, end: number): number {
    return this.#module.findRunEnd(goesOn, at, end);
  }
}

/** Where a window begins, with room for a byte before it, and its size. */
export const WINDOW_START = SETS_BYTES + SLACK_BYTES;
export const WINDOW_BYTES = 3 * 65_536 - 2 * SLACK_BYTES;

let compiled: WebAssembly.Module | undefined;

function instantiate(): ByteSearchModule {
  compiled ??= new WebAssembly.Module(Buffer.from(BYTE_SEARCH_WASM_BASE64, "base64"));
  return new WebAssembly.Instance(compiled).exports as unknown as ByteSearchModule;
}
