/** Sizes as people write and read them. */
import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { formatSize, parseSize } from "../../../src/base/text/size.ts";

const PARSED: readonly [string, number][] = [
  ["0", 0],
  ["512", 512],
  ["512B", 512],
  ["64K", 65536],
  ["64 kib", 65536],
  ["1.5k", 1536],
  ["16MiB", 16 * 2 ** 20],
  ["2mb", 2 * 2 ** 20],
  ["1g", 2 ** 30],
  ["3T", 3 * 2 ** 40],
];

for (const [text, bytes] of PARSED) {
  Deno.test(`the size "${text}" is ${bytes} bytes`, () => assert.equal(parseSize(text), bytes));
}

Deno.test("what is no size is refused", () => {
  for (const text of ["", " ", "-1", "K", "1,5K", "1e3", "0x10", "5 bananas", "12 K B", "99999999999T", "NaN"]) {
    assert.throws(() => parseSize(text), UsageError, text);
  }
});

const FORMATTED: readonly [number, string][] = [
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.00 KiB"],
  [10235, "10.0 KiB"],
  [12.3 * 2 ** 20, "12.3 MiB"],
  [999.4 * 2 ** 20, "999 MiB"],
  [1000 * 2 ** 20, "0.98 GiB"],
  [2 ** 40, "1.00 TiB"],
  [2 ** 53, "8.00 PiB"],
];

for (const [bytes, text] of FORMATTED) {
  Deno.test(`${bytes} bytes are shown as ${text}`, () => assert.equal(formatSize(bytes), text));
}
