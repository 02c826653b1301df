/**
 * The mixing of scrypt (RFC 7914, section 5), by the WebAssembly module of `romix.wat`: it uses vectors, which the
 * runtime's own does not, and takes half the time.
 */
import { AgentError, invariant } from "../../base/errors.ts";
import { useHugePages } from "./huge_pages.ts";
import { ROMIX_WASM_BASE64 } from "./romix_wasm.ts";

/** The module's exports; addresses and lengths are in bytes. `romix.wat` describes each. */
interface RomixModule {
  readonly memory: WebAssembly.Memory;
  fill(at: number, count: number, bytes: number): void;
  walk(at: number, count: number, bytes: number, n: number): void;
}

const PAGE_BYTES = 65536;
const BLOCK_WORDS = 16;

/** Mixed bytes after which others get their turn: some milliseconds. */
const TURN_BYTES = 8 * 2 ** 20;

/** Less is mixed before the C library could be asked for huge pages. */
const LEAST_HUGE_BYTES = 4 * 2 ** 20;

/** The parameters of the mixing. */
interface RomixParameters {
  /** How many pieces are kept in memory, a power of two above 1. */
  readonly N: number;
  /** A piece has `128 * r` bytes. */
  readonly r: number;
}

/**
 * Mixes each piece of `blocks` in its place. It works in this thread, and calls `turn` every few milliseconds, which
 * lets others work until it resolves. Throws `AgentError` if the system has not the memory.
 */
export async function romix(
  blocks: Uint8Array<ArrayBuffer>,
  { N, r }: RomixParameters,
  turn: () => Promise<void>,
): Promise<void> {
  const bytes = 128 * r;
  invariant(blocks.length % bytes === 0, "scrypt mixes whole pieces");
  const module = instantiate();
  const { memory } = module;
  growTo(memory, (N + 3) * bytes);
  if (memory.buffer.byteLength >= LEAST_HUGE_BYTES) useHugePages(new Uint8Array(memory.buffer as ArrayBuffer));
  const first = 2 * bytes;
  const last = first + N * bytes;
  const atOnce = Math.max(2, 2 ** Math.floor(Math.log2(TURN_BYTES / bytes)));
  for (let at = 0; at < blocks.length; at += bytes) {
    const piece = blocks.subarray(at, at + bytes);
    moveWords(piece, new Uint8Array(memory.buffer, first, bytes), DIAGONAL);
    for (let done = 0; done < N; done += atOnce) {
      module.fill(first + done * bytes, Math.min(atOnce, N - done), bytes);
      await turn();
    }
    for (let done = 0; done < N; done += atOnce) {
      module.walk(last, Math.min(atOnce, N - done), bytes, N);
      await turn();
    }
    moveWords(new Uint8Array(memory.buffer, last, bytes), piece, STRAIGHT);
  }
  new Uint8Array(memory.buffer).fill(0, 0, first);
}

function growTo(memory: WebAssembly.Memory, bytes: number): void {
  try {
    memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES));
  } catch (error) {
    const size = `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new AgentError(`Cannot derive a key: there is no memory for the ${size} that its key file asks for`, {
      cause: error,
    });
  }
}

/** Which word of a block goes to each place of the order by diagonals. */
const DIAGONAL = Array.from({ length: BLOCK_WORDS }, (_, i) => (5 * i) % BLOCK_WORDS);
/** And back. */
const STRAIGHT = Array.from({ length: BLOCK_WORDS }, (_, i) => DIAGONAL.indexOf(i));

function moveWords(from: Uint8Array, to: Uint8Array, order: readonly number[]): void {
  for (let at = 0; at < from.length; at += 4) {
    const place = at / 4 % BLOCK_WORDS;
    const source = at + (order[place]! - place) * 4;
    to.set(from.subarray(source, source + 4), at);
  }
}

let compiled: WebAssembly.Module | undefined;

function instantiate(): RomixModule {
  compiled ??= new WebAssembly.Module(Uint8Array.fromBase64(ROMIX_WASM_BASE64));
  return new WebAssembly.Instance(compiled).exports as unknown as RomixModule;
}
