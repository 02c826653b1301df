/** Parts of files over HTTP: only what was asked for is taken. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { StoreError } from "../../../src/base/errors.ts";
import type { HttpAnswer } from "../../../src/store/http/client.ts";
import { bytesOfRange, rangeHeader, sizeOfUnsatisfied } from "../../../src/store/http/range_answer.ts";

const FILE = Uint8Array.from({ length: 10 }, (_, i) => i);

function answer(status: number, contentRange: string | undefined, body: Uint8Array<ArrayBuffer>): HttpAnswer {
  return { status, headers: new Map(contentRange === undefined ? [] : [["content-range", contentRange]]), body };
}

Deno.test("a range is asked for by its first and last byte", () => {
  assert.equal(rangeHeader({ offset: 0 }), "bytes=0-");
  assert.equal(rangeHeader({ offset: 5, length: 1 }), "bytes=5-5");
  assert.equal(rangeHeader({ offset: 5, length: 10 }), "bytes=5-14");
});

Deno.test("the part asked for is taken, whether its file's length is told or not", () => {
  for (const size of ["10", "*"]) {
    const part = answer(206, `bytes 2-4/${size}`, FILE.slice(2, 5));
    assert.deepEqual([...bytesOfRange(part, { offset: 2, length: 3 }, "f")], [2, 3, 4]);
  }
  assert.deepEqual([...bytesOfRange(answer(206, "bytes 8-9/10", FILE.slice(8)), { offset: 8 }, "f")], [8, 9]);
});

Deno.test("a part that stops before the end it was asked for is refused", () => {
  assert.throws(() => bytesOfRange(answer(206, "bytes 2-4/10", FILE.slice(2, 5)), { offset: 2 }, "f"), StoreError);
});

Deno.test("whatever a server answers, the result is the part asked for or an error", () => {
  const position = fc.integer({ min: 0, max: 12 });
  const answers = fc.record({
    status: fc.constantFrom(200, 206),
    first: position,
    last: position,
    size: fc.oneof(position.map(String), fc.constant("*")),
    start: position,
    end: position,
  });
  fc.assert(
    fc.property(
      answers,
      position,
      fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
      (told, offset, length) => {
        const body = told.status === 200 ? FILE : FILE.slice(told.start, told.end);
        const range = length === undefined ? { offset } : { offset, length };
        try {
          const bytes = bytesOfRange(
            answer(told.status, `bytes ${told.first}-${told.last}/${told.size}`, body),
            range,
            "f",
          );
          if (length !== undefined) assert.equal(bytes.length, length);
          if (told.status === 200) assert.deepEqual(bytes, FILE.slice(offset, offset + (length ?? 10)));
          else assert.equal(told.first, offset);
        } catch (thrown) {
          assert.ok(thrown instanceof StoreError, String(thrown));
        }
      },
    ),
    { seed: 7 },
  );
});

Deno.test("the length of a file may be told when its end was missed", () => {
  assert.equal(sizeOfUnsatisfied(answer(416, "bytes */10", new Uint8Array(0))), 10);
  for (const header of [undefined, "", "bytes 0-1/10", "bytes */x", `bytes */${2 ** 60}`]) {
    assert.equal(sizeOfUnsatisfied(answer(416, header, new Uint8Array(0))), undefined, header);
  }
});
