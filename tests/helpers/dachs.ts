/** Dump files with the rules of DaCHS, made and read by Python's tarfile. */
import { equal } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sourceOfStream } from "../../src/base/byte_source.ts";
import type { DumpFile } from "../../src/compat/dachs/read_dump.ts";

const SCRIPT = fileURLToPath(new URL("./dachs.py", import.meta.url));

/** What is in a dump file. */
interface DumpListing {
  readonly members: readonly { readonly name: string; readonly size: number; readonly mtime: number }[];
  readonly index: string;
}

/** Runs the script `dachs.py`, which tells its commands; returns what it prints. */
export async function dachs(python: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(python, { args: [SCRIPT, ...args] }).output();
  equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** What is in a dump file, as Python sees it. */
export async function dachsListing(python: string, path: string): Promise<DumpListing> {
  return JSON.parse(await dachs(python, "list", path));
}

/** A dump file of bytes. */
export function dumpOf(bytes: Uint8Array): DumpFile {
  const stream = () => new Blob([bytes.slice()]).stream();
  return { open: () => Promise.resolve(sourceOfStream(stream())) };
}
