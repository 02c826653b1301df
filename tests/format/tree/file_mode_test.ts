/** The file modes of trees have the numbers that Go gives them. */
import assert from "node:assert/strict";
import { DIR_MODE_0755, FILE_MODE_0644 } from "../../../src/format/tree/file_mode.ts";

Deno.test("modes are Go's", () => {
  assert.equal(FILE_MODE_0644, 420);
  assert.equal(DIR_MODE_0755, 2_147_484_141);
});
