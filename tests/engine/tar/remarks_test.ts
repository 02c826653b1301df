/** What tar says becomes problems, and names of files that were not read. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Remarks, unescaped } from "../../../src/engine/tar/remarks.ts";

async function hear(text: string): Promise<Remarks> {
  const remarks = new Remarks(undefined);
  await remarks.take(new TextEncoder().encode(text));
  return remarks;
}

Deno.test("files that were not read are problems with their names, whatever is in them", async () => {
  const remarks = await hear(
    "tar: ./a\\: Warning\\: b: Warning: Cannot open: Permission denied\n" +
      "gtar: ./line\\nbreak\\377: Warning: Read error at byte 0, while reading 512 bytes: Input/output error\n" +
      "tar: ./log: file changed as we read it\n",
  );
  assert.deepEqual(remarks.problems, [
    "./a\\: Warning\\: b: Cannot open: Permission denied",
    "./line\\nbreak\\377: Read error at byte 0, while reading 512 bytes: Input/output error",
    "./log: file changed as we read it",
  ]);
  assert.deepEqual(remarks.unread, ["./a: Warning: b", "./line\nbreak\xff"]);
});

Deno.test("what cannot be understood makes all names unknown, so that nothing is taken for read", async () => {
  for (const name of ["./odd\\q", "", "./cut\\"]) {
    assert.equal((await hear(`tar: ${name}: Warning: Cannot open: Permission denied\n`)).unread, undefined, name);
  }
});

Deno.test("problems are counted beyond a hundred, and tar's last line is none", async () => {
  const lines = Array.from({ length: 150 }, (_, i) => `tar: ./f${i}: File removed before we read it\n`);
  const remarks = await hear(`${lines.join("")}tar: Exiting with failure status due to previous errors\n`);
  assert.equal(remarks.problems.length, 101);
  assert.equal(remarks.problems[100], "and 50 more, which standard error names");
  assert.ok(remarks.wentThrough);
  assert.ok(!(await hear("tar: Error is not recoverable: exiting now\n")).wentThrough);
});

Deno.test("every name comes back from tar's escapes", () => {
  const escapes: Readonly<Record<string, string>> = {
    "\n": "\\n",
    "\t": "\\t",
    "\\": "\\\\",
    ":": "\\:",
    "\x07": "\\a",
  };
  const escaped = (byte: number) => {
    const character = String.fromCharCode(byte);
    if (character in escapes) return escapes[character]!;
    return byte >= 0x20 && byte < 0x7f ? character : `\\${byte.toString(8).padStart(3, "0")}`;
  };
  fc.assert(
    fc.property(fc.array(fc.nat(255)), (bytes) => {
      assert.equal(unescaped(bytes.map(escaped).join("")), String.fromCharCode(...bytes));
    }),
    { seed: 3 },
  );
});
