/**
 * The mixing of scrypt (RFC 7914, section 5), by the WebAssembly module of `romix.wat`: it uses vectors, which the
 * runtime's own does not, and takes 0.6 of the time.
 */
import { AgentError, invariant } from "../../base/errors.ts";
import { MemoryAdviser } from "./memory_adviser.ts";
import { ROMIX_WASM_BASE64 } from "./romix_wasm.ts";

/** The module's exports; addresses and lengths are in bytes. `romix.wat` describes each. */
interface RomixModule {
  readonly memory: WebAssembly.Memory;
  fill(at: number, count: number, bytes: number): void;
  walk(at: number, count: number, bytes: number, n: number): void;
  fill_two(at: number, count: number, bytes: number, lane: number): void;
  walk_two(at: number, count: number, bytes: number, n: number, lane: number): void;
}

const PAGE_BYTES = 65536;
const BLOCK_WORDS = 16;

/** Mixed bytes after which others get their turn: some milliseconds. */
const TURN_BYTES = 8 * 2 ** 20;

/**
 * The most memory that two pieces may take together to be mixed side by side, which takes less time than one after the
 * other, and twice the memory: enough for N = 32768 and r = 8, the cost of usual key files.
 */
export const MOST_SIDE_BY_SIDE_BYTES = 72 * 2 ** 20;

/** The parameters of the mixing. */
export interface RomixParameters {
  /** How many pieces are kept in memory, a power of two above 1. */
  readonly N: number;
  /** A piece has `128 * r` bytes. */
  readonly r: number;
}

/**
 * Mixes each piece of `blocks` in its place, `lanes` at a time; by default two, where that takes little memory. It works
 * in this thread, and calls `turn` every few milliseconds, which lets others work until it resolves. Throws `AgentError`
 * if the system has not the memory.
 */
export async function romix(
  blocks: Uint8Array<ArrayBuffer>,
  { N, r }: RomixParameters,
  turn: () => Promise<void>,
  lanes = lanesOf(blocks.length, { N, r }),
): Promise<void> {
  const bytes = 128 * r;
  invariant(blocks.length % bytes === 0, "scrypt mixes whole pieces");
  const module = instantiate();
  const laneBytes = laneBytesOf({ N, r });
  growTo(module.memory, lanes * laneBytes);
  using adviser = new MemoryAdviser();
  const used = new Uint8Array(module.memory.buffer);
  adviser.advise(used, "hugePages");
  try {
    for (let at = 0; at < blocks.length; at += lanes * bytes) {
      const pieces = blocks.subarray(at, at + lanes * bytes);
      await mixSideBySide(module, pieces, { bytes, N, laneBytes, turn });
    }
  } finally {
    // The first piece in memory is what the password was made into, and the last one what the key is made of.
    for (let at = 0; at < lanes * laneBytes; at += laneBytes) {
      used.fill(0, at, at + 3 * bytes);
      used.fill(0, at + laneBytes - bytes, at + laneBytes);
    }
    // The collector would leave it for seconds.
    adviser.advise(used, "notNeeded");
  }
}

/** How many of the pieces that have `blocksBytes` together are mixed side by side: one or two. */
export function lanesOf(blocksBytes: number, parameters: RomixParameters): 1 | 2 {
  const isMore = blocksBytes > 128 * parameters.r;
  return isMore && 2 * laneBytesOf(parameters) <= MOST_SIDE_BY_SIDE_BYTES ? 2 : 1;
}

/** The memory that a piece takes to be mixed. */
export function laneBytesOf({ N, r }: RomixParameters): number {
  return (N + 3) * 128 * r;
}

/** How the pieces of a call are mixed. */
interface MixOptions {
  /** The length of a piece. */
  readonly bytes: number;
  readonly N: number;
  /** How far behind each other the memories of two lanes begin, in bytes. */
  readonly laneBytes: number;
  readonly turn: () => Promise<void>;
}

/** Mixes one piece, or two side by side. */
async function mixSideBySide(
  module: RomixModule,
  pieces: Uint8Array<ArrayBuffer>,
  { bytes, N, laneBytes, turn }: MixOptions,
): Promise<void> {
  const first = 2 * bytes;
  const last = first + N * bytes;
  const lanes = pieces.length / bytes;
  const pieceOf = (lane: number) => pieces.subarray(lane * bytes, (lane + 1) * bytes);
  const placeOf = (lane: number, at: number) => new Uint8Array(module.memory.buffer, lane * laneBytes + at, bytes);
  const atOnce = Math.max(2, 2 ** Math.floor(Math.log2(TURN_BYTES / pieces.length)));
  for (let lane = 0; lane < lanes; lane++) moveWords(pieceOf(lane), placeOf(lane, first), DIAGONAL);
  for (let done = 0; done < N; done += atOnce) {
    const count = Math.min(atOnce, N - done);
    if (lanes === 1) module.fill(first + done * bytes, count, bytes);
    else module.fill_two(first + done * bytes, count, bytes, laneBytes);
    await turn();
  }
  for (let done = 0; done < N; done += atOnce) {
    const count = Math.min(atOnce, N - done);
    if (lanes === 1) module.walk(last, count, bytes, N);
    else module.walk_two(last, count, bytes, N, laneBytes);
    await turn();
  }
  for (let lane = 0; lane < lanes; lane++) moveWords(placeOf(lane, last), pieceOf(lane), STRAIGHT);
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
