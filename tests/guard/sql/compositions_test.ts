/** Streams of several dumps, and dumps whose data quotes the beginning and end of others. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import type { SqlEvent } from "../../../src/guard/sql/scan_events.ts";
import { SqlJudge } from "../../../src/guard/sql/sql_judge.ts";
import { judge, noise } from "../judging.ts";
import { foreignText, type MadeDump, madeDump } from "./made_dumps.ts";

const encoder = new TextEncoder();
const compositions = fc.array(fc.tuple(foreignText, madeDump), { minLength: 1, maxLength: 4 });

function formatOf(dumps: readonly MadeDump[]): string {
  return [...new Set(dumps.map(({ format }) => format))].join(",");
}

Deno.test("sql: compositions of whole dumps are whole, whatever their data quotes", async () => {
  await fc.assert(
    fc.asyncProperty(compositions, foreignText, async (parts, end) => {
      const text = parts.map(([before, { text }]) => before + text).join("") + end;
      const verdict = await judge(encoder.encode(text));
      assert.deepEqual(
        [verdict.format, verdict.complete],
        [formatOf(parts.map(([, dump]) => dump)), true],
        verdict.reason,
      );
    }),
    { seed: 20261128, numRuns: 600 },
  );
});

/** Fewer bytes of a dump are no sign that there was one, and hold nothing of it; more where other text hangs on them. */
const LEAST_BYTES = { alone: 8, withText: 70 };

Deno.test("sql: compositions with one dump cut anywhere are refused", async () => {
  const cut = fc.tuple(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean());
  await fc.assert(
    fc.asyncProperty(compositions, cut, async (parts, [which, where, hasLineEnd]) => {
      const index = which % parts.length;
      const pieces = parts.map(([before, dump], i) => {
        const bytes = encoder.encode(dump.text);
        if (i !== index) return [encoder.encode(before), bytes];
        const last = encoder.encode(dump.text.trimEnd()).length;
        const next = parts[i + 1]?.[0].startsWith("\n") ? "" : parts[i + 1]?.[0];
        const least = next ? LEAST_BYTES.withText : LEAST_BYTES.alone;
        const piece = bytes.subarray(0, least + Math.floor(where * (last - least - 1)));
        return [encoder.encode(before), piece, encoder.encode(hasLineEnd ? "\n" : "")];
      });
      const stream = await new Blob(pieces.flat()).bytes();
      const verdict = await judge(stream);
      const shown = JSON.stringify(new TextDecoder().decode(stream));
      assert.notEqual(verdict.complete, true, `${verdict.reason}\n${shown}`);
    }),
    { seed: 20261129, numRuns: 3000 },
  );
});

function eventsOf(bytes: Uint8Array, cuts: readonly number[]): readonly [SqlEvent[], unknown] {
  const events: SqlEvent[] = [];
  const sqlJudge = new SqlJudge(null, (event) => events.push(event));
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    sqlJudge.push(bytes.slice(start, cut));
    start = cut;
  }
  return [events, sqlJudge.finish()];
}

Deno.test("sql: verdict and events are the same however the stream is cut", () => {
  fc.assert(
    fc.property(compositions, fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (parts, offsets, isShort) => {
      const text = parts.map(([before, { text }]) => before + text).join("");
      const bytes = encoder.encode(isShort ? text.slice(0, -20) : text);
      const whole = eventsOf(bytes, []);
      const cuts = offsets.map((offset) => offset % (bytes.length + 1)).sort((a, b) => a - b);
      assert.deepEqual(eventsOf(bytes, cuts), whole);
      assert.deepEqual(eventsOf(bytes, Array.from(bytes.keys()).slice(1)), whole);
    }),
    { seed: 20261130, numRuns: 60 },
  );
});

Deno.test("sql: up to a megabyte of anything before a header changes no verdict", async () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 1_000_000 }), fc.nat(), fc.boolean());
  await fc.assert(
    fc.asyncProperty(madeDump, sizes, async ({ text, format }, [size, seed, isText]) => {
      const prefix = noise(size, seed).map((byte) => isText ? 32 + byte % 95 : byte);
      for (let i = 60; isText && i < size; i += 61) prefix[i] = 10;
      const whole = encoder.encode(text);
      const cut = whole.subarray(0, whole.length - 40);
      const stream = (dump: Uint8Array) => new Blob([prefix, "\n", dump as Uint8Array<ArrayBuffer>]).bytes();
      const verdict = await judge(await stream(whole));
      assert.deepEqual([verdict.format, verdict.complete], [format, true], verdict.reason);
      assert.equal((await judge(await stream(cut))).complete, false);
    }),
    { seed: 20261201, numRuns: 40 },
  );
});
