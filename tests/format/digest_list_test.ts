/** The list of digests: what is written is read again, in pieces of any size, and nothing else is accepted. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesOfByteString, byteStringOf, compareByteStrings, comparePaths } from "../../src/format/byte_string.ts";
import { type DigestLine, digestLineText, DigestListDecoder } from "../../src/format/digest_list.ts";
import { checkProperty, integrityError, utf8 } from "./codec_checks.ts";

const WHAT = '"etc/host.digests"';
const MD5 = "d41d8cd98f00b204e9800998ecf8427e";
const SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** A name of any bytes but slash and NUL, often with those that are escaped. */
const name = fc.array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(10, 13, 92, 0x61, 0x2e)), {
  minLength: 1,
  maxLength: 6,
}).map((bytes) => byteStringOf(Uint8Array.from(bytes.map((byte) => byte === 0x2f ? 0x5f : byte))));
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const digests = fc.record({ md5: fc.constantFrom(MD5, null), sha256: fc.constantFrom(SHA256, null) });

function decode(bytes: Uint8Array, pieceBytes: number): DigestLine[] {
  const decoder = new DigestListDecoder(WHAT);
  const lines: DigestLine[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const { path, md5, sha256 } of [...decoder.push(bytes.slice(at, at + pieceBytes))].flat()) {
      lines.push({ path, md5, sha256 });
    }
  }
  decoder.end();
  return lines;
}

Deno.test("lists survive encoding, whatever the paths are and wherever they are torn", () => {
  checkProperty(
    fc.property(
      fc.uniqueArray(fc.tuple(path, digests), { selector: ([path]) => path }),
      fc.integer({ min: 1, max: 200 }),
      (
        files,
        pieceBytes,
      ) => {
        const lines = files.map(([path, digests]) => ({ path, ...digests })).sort((a, b) =>
          comparePaths(a.path, b.path)
        );
        assert.deepEqual(decode(bytesOfByteString(lines.map(digestLineText).join("")), pieceBytes), lines);
      },
    ),
    300,
  );
});

Deno.test("lines are those of md5sum, with both digests", () => {
  const line = (path: string) => digestLineText({ path, md5: MD5, sha256: null });
  assert.equal(line("etc/hosts"), `${MD5} - etc/hosts\n`);
  assert.equal(line("a\\b\nc\rd"), `\\${MD5} - a\\\\b\\nc\\rd\n`);
});

Deno.test("anything else is refused", () => {
  const refused = [
    `${MD5} ${SHA256} a`,
    `${MD5} ${SHA256} \n`,
    `${MD5}  ${SHA256} a\n`,
    `${MD5.toUpperCase()} - a\n`,
    `\\${MD5} - a\n`,
    `${MD5} - a\\b\n`,
    `\\${MD5} - a\\x\n`,
    `\\${MD5} - a\\\n`,
    `${MD5} - b\n${MD5} - a\n`,
    `${MD5} - a\n${MD5} - a\n`,
    "\n",
  ];
  for (const text of refused) assert.throws(() => decode(utf8(text), 1000), integrityError(WHAT, /./), text);
});

Deno.test("paths are ordered name by name, by their bytes", () => {
  assert.deepEqual(["a.b", "a/x", "a", "a-b/c", "a/x/y", "a/\udc80"].sort(comparePaths), [
    "a",
    "a/x",
    "a/x/y",
    "a/\udc80",
    "a-b/c",
    "a.b",
  ]);
  checkProperty(
    fc.property(path, path, (a, b) => {
      const byNames = (left: string[], right: string[]): number => {
        for (let i = 0; i < Math.min(left.length, right.length); i++) {
          const order = compareByteStrings(left[i]!, right[i]!);
          if (order !== 0) return order;
        }
        return left.length - right.length;
      };
      assert.equal(Math.sign(comparePaths(a, b)), Math.sign(byNames(a.split("/"), b.split("/"))), `${a} ${b}`);
      assert.ok(bytesOfByteString(a).length > 0);
    }),
    500,
  );
});
