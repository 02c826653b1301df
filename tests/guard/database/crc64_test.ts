/** CRC-64: known values, and any bytes in any pieces against a computation bit by bit. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Crc64, CRC64_ECMA, CRC64_JONES } from "../../../src/guard/database/crc64.ts";
import { bytesOf } from "../judging.ts";
import { crc64, crc64Bytes } from "./samples.ts";

const KINDS = [
  { name: "Jones", kind: CRC64_JONES, mask: 0n, known: 0xe9c6d914c4b8d9can },
  { name: "ECMA-182", kind: CRC64_ECMA, mask: 0xffffffffffffffffn, known: 0x995dc9bbdf1939fan },
];

for (const { name, kind, mask, known } of KINDS) {
  Deno.test(`crc64: ${name}, the value of 123456789 and of nothing`, () => {
    const crc = new Crc64(kind);
    assert.deepEqual(crc.digest(), crc64Bytes(0n));
    crc.push(bytesOf("123456789"));
    assert.deepEqual(crc.digest(), crc64Bytes(known));
  });

  Deno.test(`crc64: ${name}, pieces of any length give what the whole does, bit by bit`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (pieces) => {
        const crc = new Crc64(kind);
        for (const piece of pieces) crc.push(piece);
        const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
        assert.deepEqual(crc.digest(), crc64Bytes(crc64(whole, kind.polynomial, mask)));
      }),
      { seed: 5 },
    );
  });
}
