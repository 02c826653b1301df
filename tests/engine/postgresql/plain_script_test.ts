/** What psql gets of a dump in plain text. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { AgentError } from "../../../src/base/errors.ts";
import { PlainScript } from "../../../src/engine/postgresql/load/plain_script.ts";

const OWN = "0wnKey";

/** What psql gets of a text that comes in pieces. */
function passed(text: string, cuts: readonly number[] = []): string {
  const script = new PlainScript(OWN);
  const bytes = new TextEncoder().encode(text);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const pieces = places.slice(1).map((end, i) => script.push(bytes.slice(places[i], end)));
  return new TextDecoder().decode(new Uint8Array([...pieces, script.finish()].flatMap((piece) => [...piece])));
}

const HEAD = "--\n-- PostgreSQL database dump\n--\n\n";

Deno.test("the key of a dump is replaced, and its lines keep their numbers", () => {
  const dump = `${HEAD}\\restrict Theirs\n\nSET x = 1;\nCOPY t FROM stdin;\n\\N\n\\\\unrestrict Theirs\n\\.\n\n` +
    "\\unrestrict Theirs\n\n-- end\n";
  assert.equal(
    passed(dump),
    dump.replace("\\restrict Theirs", `\\restrict ${OWN}`).replace("\n\\unrestrict Theirs\n", "\n\n"),
  );
  const script = new PlainScript(OWN);
  script.push(new TextEncoder().encode(dump));
  assert.equal(script.lineOf(7), 7);
});

Deno.test("a dump without a key gets one before its first statement", () => {
  const script = new PlainScript(OWN);
  const out = script.push(new TextEncoder().encode(`${HEAD}SET x = 1;\n\\! id\n\\unrestrict ${OWN}x\n`));
  assert.equal(new TextDecoder().decode(out), `${HEAD}\\restrict ${OWN}\nSET x = 1;\n\\! id\n\\unrestrict ${OWN}x\n`);
  assert.equal(script.lineOf(6), 5);
});

Deno.test("between sections a dump may connect to a database, with a name that means nothing else", () => {
  const section = (name: string) => `\\restrict ${name}\nSELECT 1;\n\\unrestrict ${name}\n`;
  const own = `\\restrict ${OWN}\nSELECT 1;\n\n`;
  const connecting = (to: string) =>
    `\\unrestrict ${OWN} \\\\ \\set ON_ERROR_STOP 1 \\\\ ${to} \\\\ \\restrict ${OWN}\n`;
  for (const to of ["\\connect shop", `\\connect -reuse-previous=on "dbname='a b=\u00fc'"`]) {
    assert.equal(passed(`${section("A")}-- x\n${to}\n${section("B")}`), `${own}-- x\n${connecting(to)}\nSELECT 1;\n\n`);
  }
  const refused = [
    "\\connect `id`",
    `\\connect -reuse-previous=on "dbname='\`id\`'"`,
    `\\connect -reuse-previous=on "dbname='a' host='b'"`,
    "\\connect :x",
    "\\connect a b",
    "\\! id",
    "SELECT 1;",
    " \\! id",
    `\\unrestrict ${OWN}`,
  ];
  for (const line of refused) {
    assert.throws(() => passed(`${section("A")}${line}\n${section("B")}`), (error) => {
      return error instanceof AgentError && /between its sections/.test(error.message);
    }, line);
  }
});

Deno.test("what psql takes for the end of a comment, or for no end of a line, does not hide a command", () => {
  for (const line of ["--x\r\\! id", "--x\0", "\0", "--\ry"]) {
    assert.equal(passed(`--\n${line}\n\\! id\n`), `--\n\\restrict ${OWN}\n${line}\n\\! id\n`);
    assert.throws(() => passed(`\\restrict A\n\\unrestrict A\n${line}\n`), /between its sections/);
  }
  assert.throws(() => passed(`--${"x".repeat(5000)}\n\\! id\n`, [4500]), /as a comment of great length/);
  assert.ok(passed("x".repeat(5000), [4500]).startsWith(`\\restrict ${OWN}\nx`));
});

Deno.test("what psql gets does not depend on how the dump is cut", () => {
  const line = fc.constantFrom(
    "",
    "-- x",
    "\\restrict A",
    "\\unrestrict A",
    "\\unrestrict AB",
    "\\unrestrict",
    "SELECT 1;",
    "\\N",
    "\\connect shop",
    "\\connect `id`",
    "\\! id",
    "x".repeat(5000),
    "--\r\\! id",
    "-- x\0",
  );
  const text = fc.tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom("", "\n")).map(([lines, end]) =>
    lines.join("\n") + end
  );
  const result = (dump: string, cuts: readonly number[]) => {
    try {
      return passed(dump, cuts);
    } catch (error) {
      assert.ok(error instanceof AgentError);
      return error.message;
    }
  };
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 5 }), (dump, cuts) => {
      const whole = result(dump, []);
      assert.equal(result(dump, cuts), whole);
      if (dump.length < 300) assert.equal(result(dump, Array.from(dump, (_, at) => at)), whole);
      // Nothing but comments comes before the first `\restrict`, and only connecting lifts it.
      const first = whole.split("\n").find((one) => one.trim() !== "" && !one.startsWith("--"));
      assert.ok(
        first === undefined || first.startsWith(`\\restrict ${OWN}`) || first.startsWith("The dump has"),
        whole,
      );
    }),
    { seed: 14, numRuns: 2000 },
  );
});
