/**
 * The self-extracting form: one file with a shell header (`header.sh`), the program, and the gzipped runtime.
 *
 * Layout, in blocks of 4096 bytes: header, padded with newlines · the files of the program, each padded with newlines
 * (harmless in JavaScript, and included in the digest) · the runtime as one gzip stream up to the end of the file. The
 * shell reads whole blocks with `dd` and the end with `tail`, so that no reader of a pipe stops early: under a service
 * manager that ignores SIGPIPE, that would print error messages.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { concatBytes } from "../../src/base/bytes.ts";
import { LEAST_OPEN_FILES } from "../../src/cli/process/open_files.ts";
import { type Program, V8_FLAGS } from "./program.ts";

const BLOCK_BYTES = 4096;
const NEWLINE = 10;
/** Level 9 takes twice as long for 3 % less. */
const GZIP_LEVEL = 6;

/** As `CLOSED_WORLD` of the compiled form, but with the code cache, which is in the private directory here. */
const PROBE_FLAGS = "--no-prompt --no-config --no-lock --no-remote --no-npm --no-check --quiet";
/** As `PERMISSIONS` of the compiled form. */
const FLAGS = `--allow-all ${PROBE_FLAGS} ${V8_FLAGS}`;

/**
 * Two arenas for the heaps of the C library instead of one for nearly every thread: buffers that threads hand to each
 * other leave holes in each arena. Without effect in other libraries (glibc manual, "Memory Allocation Tunables").
 */
const TUNABLES = "glibc.malloc.arena_max=2";

/**
 * The engine reserves 48 GiB of addresses to find an aligned place for its heap; with the runtime itself, that makes
 * 50.7 million kB (measured with Deno 2.9.6 on x86-64). With less it starts only by chance, and with 33.8 million
 * never.
 */
const LEAST_ADDRESS_KB = 52_000_000;

/**
 * Writes the executable into the directory `scratch` and returns its path. The runtime is the file of a Deno
 * executable. If `previous` is exactly the same build, its path is returned and nothing is written, since compressing
 * takes seconds.
 */
export async function buildSelfExtracting(
  program: Program,
  { version, runtime, scratch, previous }: { version: string; runtime: string; scratch: string; previous: string },
): Promise<string> {
  const runtimeBytes = await Deno.readFile(runtime);
  const front = renderFront(await Deno.readTextFile(HEADER_TEMPLATE), program, { version, runtime: runtimeBytes });
  if (await startsWith(previous, front)) return previous;
  const output = join(scratch, "agent");
  const packed = await promisify(gzip)(runtimeBytes, { level: GZIP_LEVEL });
  using file = await Deno.open(output, { createNew: true, write: true, mode: 0o755 });
  const writer = file.writable.getWriter();
  await writer.write(front);
  await writer.write(packed);
  writer.releaseLock();
  return output;
}

const HEADER_TEMPLATE = new URL("header.sh", import.meta.url);

/**
 * Everything before the runtime: header and program. `template` is the text of `header.sh`; its `@NAMES@` are replaced.
 * Equal bytes mean an equal executable, since the header contains the digests of everything after it. Throws
 * `RangeError` if a name in the template has no value.
 */
export function renderFront(
  template: string,
  program: Program,
  { version, runtime }: { version: string; runtime: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const files = [...program].map(([name, text]) => ({ name, bytes: padToBlocks(text) }));
  const programBytes = concatBytes(files.map(({ bytes }) => bytes));
  const programSha256 = sha256(programBytes);
  const runtimeSha256 = sha256(runtime);
  const names = files.map(({ name }) => name).join(" ");
  const table = files.map(({ name, bytes }) => `${bytes.length / BLOCK_BYTES} ${name}`).join("\n");
  const headerOf = (headerBlocks: number) =>
    fillIn(template, {
      VERSION: version,
      FLAGS,
      PROBE_FLAGS,
      TUNABLES,
      LEAST_OPEN_FILES,
      LEAST_ADDRESS_KB,
      BLOCK: BLOCK_BYTES,
      HEADER_BLOCKS: headerBlocks,
      NAMES: names,
      TABLE: table,
      RUNTIME_POSITION: headerBlocks * BLOCK_BYTES + programBytes.length + 1,
      RUNTIME_ID: runtimeSha256.slice(0, 16),
      PROGRAM_ID: sha256(names + programSha256).slice(0, 16),
      RUNTIME_SHA256: runtimeSha256,
      PROGRAM_SHA256: programSha256,
      UNPACKED_BYTES: runtime.length + programBytes.length,
    });
  const headerBlocks = Math.ceil((headerOf(0).length + DIGITS_OF_POSITIONS) / BLOCK_BYTES);
  return concatBytes([padToBlocks(headerOf(headerBlocks), headerBlocks), programBytes]);
}

/** More digits than the positions in a header take, which depend on its length. */
const DIGITS_OF_POSITIONS = 64;

function fillIn(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`Cannot render the shell header: no value for @${name}@`);
    return String(value);
  });
}

/** The bytes of `text`, padded with newlines to whole blocks, or to `blocks`. Throws `RangeError` if it needs more. */
function padToBlocks(text: string, blocks?: number): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array((blocks ?? Math.ceil(bytes.length / BLOCK_BYTES)) * BLOCK_BYTES).fill(NEWLINE);
  padded.set(bytes);
  return padded;
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

async function startsWith(path: string, front: Uint8Array): Promise<boolean> {
  try {
    using file = await Deno.open(path);
    const bytes = new Uint8Array(front.length);
    for (let filled = 0; filled < bytes.length;) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) return false;
      filled += count;
    }
    return bytes.every((byte, i) => byte === front[i]);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
