/** Nothing is opened outside of a folder, even while a thread swaps a folder in it for a link that leads out. */
import assert from "node:assert/strict";
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileSystemError } from "../../src/base/errors.ts";
import type { FileSystem, Folder } from "../../src/filesystem/file_system.ts";
import { LibcFileSystem } from "../../src/filesystem/libc/libc_file_system.ts";
import { PortableFileSystem } from "../../src/filesystem/portable/portable_file_system.ts";
import { bytes, makeBench } from "../conformance/file_system_suite.ts";

const ATTEMPTS = 20_000;

/** Runs `use` while the other thread swaps `path/target/a` for a link to `path/outside`. */
async function whileSwapped(path: string, use: () => void): Promise<void> {
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(new URL("./swapper.ts", import.meta.url).href, { type: "module" });
  const message = () => new Promise<void>((resolve) => worker.onmessage = () => resolve());
  const begun = message();
  worker.postMessage({ first: `${path}/target/a`, second: `${path}/target/link`, aside: `${path}/target/b`, stop });
  await begun;
  const ended = message();
  try {
    use();
  } finally {
    Atomics.store(new Int32Array(stop), 0, 1);
    await ended;
    worker.terminate();
  }
}

/** What an attempt opened, or the error number. */
function attemptOnce(target: Folder, attempt: number): bigint | string {
  try {
    if (attempt % 2 === 0) {
      using file = target.openFile(bytes("a/deep/file"));
      return file.status().inode;
    }
    using folder = target.openFolder(bytes("a"));
    using file = folder.openFile(bytes("deep/file"));
    return file.status().inode;
  } catch (error) {
    assert.ok(error instanceof FileSystemError, String(error));
    return error.errno;
  }
}

const WAYS: Readonly<Record<string, () => FileSystem>> = {
  "C library": () => new LibcFileSystem(),
  "C library without openat2": () => new LibcFileSystem({ hasOpenat2: false }),
  "runtime": () => new PortableFileSystem(),
};

for (const [label, open] of Object.entries(WAYS)) {
  Deno.test(`${label}: a folder swapped for a link ${ATTEMPTS} times never leads outside`, async () => {
    using bench = makeBench(open);
    const { folder, path } = bench;
    for (const place of ["target/a/deep", "outside/deep"]) {
      mkdirSync(join(path, place), { recursive: true });
      writeFileSync(join(path, place, "file"), "");
    }
    symlinkSync("../outside", join(path, "target/link"));
    const inodeOf = (place: string) => lstatSync(join(path, place), { bigint: true }).ino;
    const [inside, outside] = [inodeOf("target/a/deep/file"), inodeOf("outside/deep/file")];
    const seen = new Map<bigint | string, number>();
    const hasSeenBoth = () => seen.has(inside) && (seen.has("ENOTDIR") || seen.has("ELOOP"));
    using target = folder.openFolder(bytes("target"));
    await whileSwapped(path, () => {
      // How often the other thread gets its turn meanwhile is the machine's matter.
      for (let i = 0; i < ATTEMPTS || !hasSeenBoth(); i++) {
        const outcome = attemptOnce(target, i);
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    });
    assert.equal(seen.get(outside), undefined, "nothing outside was opened");
    const others = [...seen.keys()].filter((outcome) =>
      outcome !== inside && !["ENOTDIR", "ELOOP", "ENOENT"].includes(String(outcome))
    );
    assert.deepEqual(others, []);
  });
}
