/** Text for terminals: what is escaped, how many cells it takes, where it is cut. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import stringWidth from "string-width";
import {
  cutToWidth,
  padToWidth,
  printable,
  shortenName,
  shortenPaths,
  widthOf,
} from "../../../src/cli/terminal/terminal_text.ts";

/** Every kind that plays with a terminal, or with the reader. */
const HOSTILE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Text in which such characters are frequent, and so are wide, combining and joined ones. */
const hostileText = fc.array(
  fc.oneof(
    fc.constantFrom(
      ..."\0\x07\b\t\n\r\x1b\x7f\x80\x85\x9b\x9f",
      ..."\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2064",
      ..."\u2066\u2067\u2068\u2069\ufeff\ufff9\u{e0001}\u{e007f}",
      ..."\ud800\udc80\udfff",
      ...["漢", "🇩🇪", "👩🏽‍🚀", "e\u0301", "\\", '"', "❤️", "각", "नि"],
    ),
    fc.string({ unit: "binary", maxLength: 3 }),
  ),
  { maxLength: 30 },
).map((parts) => parts.join(""));

Deno.test("printable text has no control or format character, and does not change when it is made so again", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const shown = printable(text);
      assert.ok(!HOSTILE.test(shown), JSON.stringify(shown));
      assert.equal(printable(shown), shown);
    }),
    { seed: 20261128, numRuns: 1000 },
  );
});

Deno.test("JSON text stays JSON and says the same", () => {
  fc.assert(
    fc.property(hostileText, hostileText, (key, value) => {
      const text = printable(JSON.stringify({ [key]: value, list: [value] }));
      assert.ok(!HOSTILE.test(text), text);
      assert.deepEqual(JSON.parse(text), { [key]: value, list: [value] });
    }),
    { seed: 20261128, numRuns: 1000 },
  );
});

Deno.test("escapes tell which character it is", () => {
  for (
    const [text, shown] of [
      ["a\x1b[31mb", "a\\x1b[31mb"],
      ["\x7f\x9b2J", "\\u007f\\u009b2J"],
      ["moc.\u202egnp.exe", "moc.\\u202egnp.exe"],
      ["pay\u200bpal", "pay\\u200bpal"],
      ["\u{e0041}", "\\udb40\\udc41"],
      ["a\udc80\udcff\ud800", "a\\x80\\xff\\ud800"],
      ["größe 漢字 👍 \\x1b", "größe 漢字 👍 \\x1b"],
    ] as const
  ) assert.equal(printable(text), shown);
});

Deno.test("widths are those of graphemes", () => {
  for (
    const [text, cells] of [
      ["plain", 5],
      ["漢字", 4],
      ["e\u0301", 1],
      ["👍🏽", 2],
      ["🇩🇪", 2],
      ["a" + "\u0301".repeat(1000), 1],
      ["", 0],
    ] as const
  ) assert.equal(widthOf(text), cells, text);
});

Deno.test("widths agree with those of string-width", () => {
  const uncommon = fc.constantFrom(
    ..."漢ｱＡ가각ᄒ\u1161\u11a8한e\u0301ä\u20dd\u0e33\u0e01न\u093f\ufe0e\ufe0f\u20e31#*©❤⌚☝✊🏽🏿👍👩🚀🇩🇪…—α\u{1f1e6}",
    ...["👍🏽", "1\ufe0f\u20e3", "❤️", "⌚\ufe0e", "🏴"],
  );
  const text = fc.array(fc.oneof(uncommon, fc.string({ unit: "binary", maxLength: 2 })), { maxLength: 8 });
  fc.assert(
    fc.property(text.map((parts) => printable(parts.join(""))), (shown) => {
      assert.equal(widthOf(shown), stringWidth(shown), JSON.stringify(shown));
    }),
    { seed: 20261129, numRuns: 20_000 },
  );
});

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

function graphemesOf(text: string): string[] {
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

Deno.test("cut text takes at most the cells there are, and its graphemes are those of the text", () => {
  fc.assert(
    fc.property(hostileText, fc.integer({ min: 1, max: 20 }), (hostile, columns) => {
      const text = printable(hostile);
      const cut = cutToWidth(text, columns);
      assert.ok(widthOf(cut) <= columns);
      if (cut === text) return;
      assert.ok(widthOf(text) > columns && cut.endsWith("…"));
      const kept = graphemesOf(cut.slice(0, -1));
      assert.deepEqual(kept, graphemesOf(text).slice(0, kept.length));
    }),
    { seed: 20261128, numRuns: 1000 },
  );
});

Deno.test("text of megabytes is cut to what can be shown, also where all of it is one grapheme", () => {
  const wide = cutToWidth("x".repeat(2 ** 20), 80);
  assert.equal(wide, "x".repeat(79) + "…");
  assert.equal(cutToWidth("a" + "\u0301".repeat(2 ** 20), 80), "…");
  assert.equal(cutToWidth("👍🏽👍🏽", 3), "👍🏽…");
  assert.equal(cutToWidth("👍🏽👍🏽", 2), "…");
  assert.equal(cutToWidth("漢字", 4), "漢字");
});

Deno.test("a name gives way in the middle", () => {
  assert.equal(shortenName("prod/warehouse/europe/shop", 16), "prod/war…pe/shop");
  assert.equal(shortenName("漢字漢字漢字漢字", 9), "漢字…漢字");
  assert.equal(shortenName("short", 16), "short");
  assert.equal(shortenName("short", 2), "s…");
  assert.equal(shortenName("a" + "\u0301".repeat(2 ** 20), 80), "…");
  assert.equal(shortenName("x".repeat(2 ** 20), 5), "xx…xx");
});

Deno.test("a shortened name takes at most the cells there are, and both ends are those of the name", () => {
  fc.assert(
    fc.property(hostileText, fc.integer({ min: 1, max: 20 }), (hostile, columns) => {
      const name = printable(hostile);
      const shortened = shortenName(name, columns);
      assert.ok(widthOf(shortened) <= columns);
      if (shortened === name) return;
      assert.ok(widthOf(name) > columns);
      const at = shortened.indexOf("…");
      const [head, tail] = [graphemesOf(shortened.slice(0, at)), graphemesOf(shortened.slice(at + 1))];
      const all = graphemesOf(name);
      assert.deepEqual(head, all.slice(0, head.length));
      assert.deepEqual(tail, all.slice(all.length - tail.length));
    }),
    { seed: 20261128, numRuns: 1000 },
  );
});

Deno.test("a long path in a message gives way in the middle, and command lines to copy stay whole", () => {
  const deep = "/d".repeat(1888);
  const kept = `${"/d".repeat(50)}…${"d/".repeat(49)}d`;
  assert.equal(shortenPaths(`"${deep}" lies deep / and ${deep} is gone`), `"${kept}" lies deep / and ${kept} is gone`);
  const spaced = `"/a b${"/c d".repeat(200)}" is gone`;
  assert.ok(widthOf(shortenPaths(spaced)) < 220 && shortenPaths(spaced).startsWith('"/a b/c d'));
  const command = `once that works, "agent copy --from rest:http://host/${"x ".repeat(200)} prod/shop" brings it`;
  assert.equal(shortenPaths(command), command);
  assert.equal(shortenPaths("short"), "short");
});

Deno.test("a message of megabytes is shortened, too", () => {
  assert.equal(shortenPaths("x".repeat(10_000_000)), `${"x".repeat(100)}…${"x".repeat(99)}`);
  assert.ok(shortenPaths("x ".repeat(5_000_000)).length < 100_000);
});

Deno.test("padding counts cells", () => {
  assert.equal(padToWidth("漢", 4, "left"), "漢  ");
  assert.equal(padToWidth("漢", 4, "right"), "  漢");
  assert.equal(padToWidth("too long", 4, "left"), "too long");
});
