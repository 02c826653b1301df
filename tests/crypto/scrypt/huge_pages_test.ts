/** Memory that the kernel is asked to back with huge pages. */
import assert from "node:assert/strict";
import { useHugePages } from "../../../src/crypto/scrypt/huge_pages.ts";

const KNOWS_HUGE_PAGES = (() => {
  try {
    return Deno.statSync("/sys/kernel/mm/transparent_hugepage").isDirectory;
  } catch {
    return false;
  }
})();

/** What the kernel notes of the mapping that holds the beginning of `memory` (proc(5), `VmFlags` of smaps). */
function flagsOf(memory: Uint8Array<ArrayBuffer>): string[] {
  const address = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory)));
  let isInside = false;
  for (const line of Deno.readTextFileSync("/proc/self/smaps").split("\n")) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) isInside = BigInt(`0x${range[1]}`) <= address && address < BigInt(`0x${range[2]}`);
    if (isInside && line.startsWith("VmFlags:")) return line.split(/\s+/).slice(1);
  }
  assert.fail("no mapping holds the memory");
}

Deno.test({
  name: "the kernel is asked for huge pages, and the memory is as usable as before",
  ignore: !KNOWS_HUGE_PAGES,
  fn() {
    const memory = new Uint8Array(new WebAssembly.Memory({ initial: 128 }).buffer as ArrayBuffer);
    memory.fill(7, 0, 10);
    assert.ok(!flagsOf(memory).includes("hg"));
    useHugePages(memory);
    assert.ok(flagsOf(memory).includes("hg"));
    assert.deepEqual([...memory.subarray(8, 12)], [7, 7, 0, 0]);
  },
});

Deno.test({
  name: "without the permission to call the C library, nothing happens",
  permissions: { ffi: false, read: true },
  fn() {
    useHugePages(new Uint8Array(new WebAssembly.Memory({ initial: 64 }).buffer as ArrayBuffer));
  },
});
