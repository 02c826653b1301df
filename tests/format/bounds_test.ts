/** How large the parts of a repository may be: what restic and this program write passes, what fills memory does not. */
import assert from "node:assert/strict";
import { blobSizeProblem, MOST_CHUNK_BYTES, mostJsonBytes, SEALED_FILE_LIMITS } from "../../src/format/bounds.ts";
import { parseJson, validate } from "../../src/format/json/json_text.ts";
import { IntegrityError } from "../../src/base/errors.ts";
import * as v from "valibot";

const MIB = 2 ** 20;

Deno.test("blobs of all usual sizes pass, and none that claims what cannot be", () => {
  const problem = (kind: "chunk" | "tree", length: number, uncompressedLength: number) =>
    blobSizeProblem(
      { type: kind === "chunk" ? "data" : "tree", length, uncompressedLength },
      kind === "chunk" ? MOST_CHUNK_BYTES : undefined,
    );
  for (const plaintext of [0, 1, 4096, 512 * 1024, 8 * MIB, 16 * MIB]) {
    assert.equal(problem("chunk", plaintext + 32, 0), null);
    if (plaintext > 0) assert.equal(problem("chunk", plaintext + 32 + (plaintext >> 8) + 64, plaintext), null);
    if (plaintext > 0) assert.equal(problem("chunk", 45, plaintext), null);
  }
  assert.equal(problem("tree", 60 * MIB, 0), null);
  for (const [length, uncompressedLength] of [[31, 0], [0, 100], [100, 16 * MIB + 1], [100, 2 ** 32 - 1], [1000, 1]]) {
    assert.notEqual(problem("chunk", length!, uncompressedLength!), null, `${length} ${uncompressedLength}`);
  }
  assert.equal(problem("tree", 140 * MIB, 256 * MIB), null);
  assert.notEqual(problem("tree", 1000, 256 * MIB + 1), null);
  assert.notEqual(blobSizeProblem({ type: "data", length: 1000, uncompressedLength: 64 * MIB + 1 }), null);
});

Deno.test("an index of a million blobs may be that large, a small file may not", () => {
  const text = 1_000_000 * 150;
  const limits = SEALED_FILE_LIMITS.index;
  assert.ok(text < mostJsonBytes(limits, 40 * MIB) && 1_000_000 * 125 < limits.bytes);
  assert.equal(mostJsonBytes(limits, 1000), 4 * MIB);
  assert.equal(mostJsonBytes(SEALED_FILE_LIMITS.lock, 1000), 64 * 1024);
});

Deno.test("nesting and numbers of values are bounded before anything is made of a text; what strings hold is not counted", () => {
  const deep = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  assert.ok(parseJson(deep(500), "it"));
  assert.throws(() => parseJson(deep(501), "it"), (error) => {
    return error instanceof IntegrityError && error.message === "Damaged it: nested more than 500 deep";
  });
  assert.throws(() => parseJson(`[${"0,".repeat(1_000_001)}0]`, "it"), /more than 1000000 values/);
  const quoted = JSON.stringify({ text: `${"[,{".repeat(600_000)}\\"` });
  assert.equal(validate(v.object({ text: v.string() }), parseJson(quoted, "it"), "it").text.length, 1_800_002);
  for (const text of ['"', '"\\', '{"a', "[[", "]"]) assert.throws(() => parseJson(text, "it"), /not valid JSON/);
});
