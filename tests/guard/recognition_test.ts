/** How far a stream was recognised, by its verdict's format. */
import { strict as assert } from "node:assert";
import { containersOf, contentOf, dumpsOf, type Recognition, recognitionOf } from "../../src/guard/recognition.ts";
import { SAMPLES } from "./samples.ts";

const CASES: readonly [format: string, recognition: Recognition, containers: string[], content: string | null][] = [
  ["none", "nothing", [], null],
  ["", "nothing", [], null],
  ["tar", "content", [], "tar"],
  ["gzip", "container", ["gzip"], null],
  ["xz", "container", ["xz"], null],
  ["bzip2", "container", ["bzip2"], null],
  ["lz4", "container", ["lz4"], null],
  ["gzip+mysqldump", "content", ["gzip"], "mysqldump"],
  ["zstd+gzip+tar", "content", ["zstd", "gzip"], "tar"],
  ["gzip+xz", "container", ["gzip", "xz"], null],
  ["gzip+format-of-tomorrow", "content", ["gzip"], "format-of-tomorrow"],
];

for (const [format, recognition, containers, content] of CASES) {
  Deno.test(`recognition: "${format}" is ${recognition}`, () => {
    assert.equal(recognitionOf(format), recognition);
    assert.deepEqual(containersOf(format), containers);
    assert.equal(contentOf(format), content);
  });
}

Deno.test("recognition: containers and content make up the format of every sample", () => {
  for (const { format } of SAMPLES) {
    const content = contentOf(format);
    assert.equal([...containersOf(format), ...content === null ? [] : [content]].join("+"), format);
  }
});

Deno.test("recognition: the dumps in a text of several are told, other contents are one", () => {
  assert.deepEqual(dumpsOf("gzip+pg_dumpall,pg_dump"), ["pg_dumpall", "pg_dump"]);
  assert.deepEqual(dumpsOf("tar"), ["tar"]);
  for (const format of ["none", "", "gzip", "zstd+xz"]) assert.deepEqual(dumpsOf(format), []);
});
