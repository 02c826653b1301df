/** The mixing of scrypt, compared with the runtime's scrypt. */
import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import fc from "fast-check";
import { scryptBytes } from "../../../src/crypto/kdf.ts";
import { romix } from "../../../src/crypto/scrypt/romix.ts";

Deno.test("scrypt's bytes are those of the runtime, whatever the parameters", async () => {
  const parameters = fc.record({ log2N: fc.integer({ min: 1, max: 9 }), r: fc.integer({ min: 1, max: 9 }) });
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
  const property = fc.asyncProperty(
    bytes(80),
    bytes(80),
    parameters,
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 100 }),
    async (password, salt, { log2N, r }, p, length) => {
      const expected = scryptSync(password, salt, length, { N: 2 ** log2N, r, p });
      const found = await scryptBytes(password, salt, { N: 2 ** log2N, r, p }, length);
      assert.deepEqual(found, new Uint8Array(expected));
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

Deno.test("scrypt's bytes are those of the runtime where its pieces take too much memory to be mixed side by side", async () => {
  const [password, salt] = [new TextEncoder().encode("x"), new Uint8Array(64)];
  const parameters = { N: 65536, r: 8, p: 2 };
  const found = await scryptBytes(password, salt, parameters, 64);
  assert.deepEqual(found, new Uint8Array(scryptSync(password, salt, 64, { ...parameters, maxmem: 2 ** 28 })));
});

Deno.test("pieces that are mixed over many turns are mixed as in one, and others have their turn meanwhile", async () => {
  const parameters = { N: 32768, r: 8 };
  let turns = 0;
  const blocks = new Uint8Array(128 * parameters.r).fill(1);
  await romix(blocks, parameters, () => {
    turns++;
    return Promise.resolve();
  });
  assert.ok(turns >= 8, `${turns} turns`);
  const password = new TextEncoder().encode("x");
  const salt = new Uint8Array(64);
  const found = await scryptBytes(password, salt, { ...parameters, p: 1 }, 64);
  assert.deepEqual(found, new Uint8Array(scryptSync(password, salt, 64, { ...parameters, p: 1, maxmem: 2 ** 26 })));
});

Deno.test("more memory than there can be is an error that says so", async () => {
  const mixing = romix(new Uint8Array(1024), { N: 2 ** 26, r: 8 }, () => Promise.resolve());
  await assert.rejects(mixing, { name: "AgentError", message: /no memory for the 65537 MiB/ });
});

Deno.test("a part of a piece is refused", async () => {
  await assert.rejects(romix(new Uint8Array(127), { N: 2, r: 1 }, () => Promise.resolve()), /whole pieces/);
});
