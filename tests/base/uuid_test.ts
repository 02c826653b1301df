/** UUIDs: version and variant, whatever the bytes are. */
import assert from "node:assert/strict";
import { uuid4 } from "../../src/base/uuid.ts";

Deno.test("a UUID 4 keeps all bits but those of its version and variant", () => {
  assert.equal(uuid4((count) => new Uint8Array(count)), "00000000-0000-4000-8000-000000000000");
  assert.equal(uuid4((count) => new Uint8Array(count).fill(0xff)), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  assert.equal(uuid4(() => Uint8Array.from({ length: 16 }, (_, i) => i)), "00010203-0405-4607-8809-0a0b0c0d0e0f");
});
