/** Lines of a list that are taken as bytes: those that would be found one by one, and no others. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesOfByteString, compareByteStrings } from "../../src/format/byte_string.ts";
import { DigestLines } from "../../src/format/digest_lines.ts";
import { digestLineText } from "../../src/format/digest_list.ts";
import { goJson, quoteName } from "../../src/format/json/go_json.ts";
import { checkProperty, integrityError, textOf, utf8 } from "./codec_checks.ts";

const WHAT = '"etc/host.digests"';
const MD5 = "d41d8cd98f00b204e9800998ecf8427e";
const SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function lineOf(path: string): string {
  return digestLineText({ path, md5: path.endsWith("o") ? null : MD5, sha256: SHA256 });
}

function namesIn(directory: string, names: readonly string[]) {
  const quoted = names.map((name) => goJson(quoteName(name)));
  let end = 0;
  const starts = Uint32Array.from(quoted, (text) => (end += utf8(text).length) - utf8(text).length + 1);
  return { prefix: bytesOfByteString(directory), text: utf8(quoted.join("")), starts };
}

const fileName = fc.oneof(
  fc.constantFrom("a", "ab", "b o", "é", "\udcff", 'a"b', "a\\b", "a\\\\b", "a\nb", "<&>", "zero"),
  fc.string({ minLength: 1, maxLength: 3 }).map((name) => name.replaceAll("/", "_").replaceAll("\0", "_")),
);
const fileNames = fc.uniqueArray(fileName, { maxLength: 8 }).map((names) => names.toSorted(compareByteStrings));

Deno.test("lines that are taken are those of the files, in order", () => {
  checkProperty(
    fc.property(fileNames, fileNames, fc.constantFrom("", "etc/", "ü/"), (listed, asked, directory) => {
      const lines = new DigestLines(WHAT);
      lines.push(bytesOfByteString(listed.map((name) => lineOf(directory + name)).join("")));
      const names = namesIn(directory, asked);
      const got: string[] = [];
      while (got.length < asked.length) {
        const { bytes, files } = lines.take(names, got.length);
        const taken = asked.slice(got.length, got.length + files);
        assert.equal(textOf(bytes), textOf(bytesOfByteString(taken.map((name) => lineOf(directory + name)).join(""))));
        got.push(...taken);
        if (files > 0) continue;
        const name = asked[got.length]!;
        let current = lines.current;
        while (current !== undefined && compareByteStrings(current.path, directory + name) < 0) {
          lines.goOn();
          current = lines.current;
        }
        assert.equal(current?.path === directory + name, listed.includes(name));
        got.push(name);
      }
    }),
    300,
  );
});

Deno.test("a line that no list has is not taken", () => {
  const odd = [
    `${MD5.toUpperCase()} ${SHA256} a\n`,
    `${MD5} ${SHA256}  a\n`,
    `${MD5} ${SHA256.slice(1)} a\n`,
    `${MD5} ${SHA256} a`,
    `${MD5} ${SHA256} ab\n`,
    `\\${MD5} ${SHA256} a\n`,
  ];
  for (const text of odd) {
    const lines = new DigestLines(WHAT);
    lines.push(utf8(text));
    assert.deepEqual(lines.take(namesIn("", ["a"]), 0), { bytes: new Uint8Array(0), files: 0 }, text);
  }
  const lines = new DigestLines(WHAT);
  const names = namesIn("", ["a\\b"]);
  lines.push(utf8(`${MD5} ${SHA256} ${textOf(names.text).slice(1, -1)}\n`));
  assert.equal(lines.take(names, 0).files, 0, "a path that should be escaped");
});

Deno.test("the line after those that were taken must come after them", () => {
  const lines = new DigestLines(WHAT);
  lines.push(utf8(lineOf("b") + lineOf("c") + lineOf("a")));
  assert.equal(lines.take(namesIn("", ["b", "c"]), 0).files, 2);
  assert.throws(() => lines.current, integrityError(WHAT, /not in order at "a"/));
});
