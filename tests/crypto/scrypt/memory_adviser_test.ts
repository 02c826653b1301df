/** What the kernel is told of memory. */
import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { scryptBytes } from "../../../src/crypto/kdf.ts";
import { MemoryAdviser } from "../../../src/crypto/scrypt/memory_adviser.ts";

const MEGABYTE = 2 ** 20;

function filledMemory(): Uint8Array {
  return new Uint8Array(new WebAssembly.Memory({ initial: 4 * MEGABYTE / 65536 }).buffer).fill(7);
}

Deno.test("memory keeps what it holds when huge pages are advised, and is empty when it is not needed any more", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using adviser = new MemoryAdviser();
  const memory = filledMemory();
  adviser.advise(memory, "hugePages");
  assert.ok(memory.every((byte) => byte === 7));
  adviser.advise(memory, "notNeeded");
  assert.ok(memory.every((byte) => byte === 0));
});

Deno.test("without permission to call the C library, nothing is asked or advised, and keys are derived all the same", {
  permissions: { ffi: false },
}, async () => {
  using adviser = new MemoryAdviser();
  const memory = filledMemory();
  adviser.advise(memory, "notNeeded");
  assert.ok(memory.every((byte) => byte === 7));
  const [password, salt] = [new TextEncoder().encode("x"), new Uint8Array(64)];
  const parameters = { N: 4096, r: 8, p: 3 };
  const found = await scryptBytes(password, salt, parameters, 64);
  assert.deepEqual(found, new Uint8Array(scryptSync(password, salt, 64, parameters)));
});
