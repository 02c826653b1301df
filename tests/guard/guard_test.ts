/** What holds for every format: recognition, truncation, slices, shared memory, choices. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { UsageError } from "../../src/base/errors.ts";
import { type BuiltInGuardChoice, GUARD_FORMATS, type GuardChoice, parseGuardChoice } from "../../src/guard/guard.ts";
import { createGuard } from "../../src/guard/formats.ts";
import { assertNoPrefixIsWhole, bytesOf, concat, judge, noise } from "./judging.ts";
import { MYSQLDUMP, SAMPLES } from "./samples.ts";

for (const [i, { format, bytes, spare }] of SAMPLES.entries()) {
  Deno.test(`guard: sample ${i}, ${format}, is recognised and whole`, async () => {
    const verdict = await judge(bytes);
    assert.deepEqual([verdict.format, verdict.complete], [format, true], verdict.reason);
    assert.ok(!/[^ -~]/.test(verdict.reason), verdict.reason);
  });

  Deno.test(`guard: no truncated sample ${i}, ${format}, is whole`, async () => {
    await assertNoPrefixIsWhole(bytes, bytes.length - spare);
  });

  Deno.test(`guard: sample ${i}, ${format}, is judged alike however it is cut`, async () => {
    const cutShort = bytes.subarray(0, bytes.length - spare - 1);
    for (const stream of [bytes, cutShort]) {
      // A choice of one format sees the pieces as they are, auto only when it has held back enough to recognise a format.
      for (const choice of ["auto", outermost(format)] as const) {
        const whole = await judge(stream, choice);
        assert.deepEqual(await judge(stream, choice, Array.from(stream.keys()).slice(1)), whole);
        const cuts = fc.array(fc.nat(stream.length), { maxLength: 8 });
        await fc.assert(
          fc.asyncProperty(cuts, async (offsets) => {
            assert.deepEqual(await judge(stream, choice, offsets.sort((a, b) => a - b)), whole);
          }),
          { seed: 7, numRuns: 25 },
        );
      }
    }
  });

  Deno.test(`guard: sample ${i}, ${format}, is judged alike from shared memory`, async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    for (const choice of ["auto", outermost(format)] as const) {
      const guard = createGuard(choice);
      await guard.push(shared);
      assert.deepEqual(await guard.finish(), await judge(bytes));
    }
  });

  Deno.test(`guard: sample ${i}, ${format}, is incomplete for every other explicit format`, async () => {
    const outer = format.split("+")[0]!;
    const sameTool = ["mysqldump", "mariadb-dump"];
    for (const choice of GUARD_FORMATS) {
      const fits = choice === outer || (sameTool.includes(choice) && sameTool.includes(outer));
      const verdict = await judge(bytes, choice);
      assert.equal(verdict.complete, fits, `${choice}: ${verdict.reason}`);
      assert.equal(verdict.format, fits ? format : choice);
    }
  });
}

/** The format to choose for a sample. */
function outermost(format: string): BuiltInGuardChoice {
  return GUARD_FORMATS.find((known) => known === format.split("+")[0])!;
}

Deno.test("guard: random damage never makes a guard throw, and its reason stays one line", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(SAMPLES.length - 1),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (which, where, flip) => {
        const bytes = SAMPLES[which]!.bytes.slice();
        bytes[where % bytes.length]! ^= flip;
        const { reason } = await judge(bytes);
        assert.match(reason, /^[ -~…]+$/);
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});

Deno.test("guard: what is nothing known is of format none and neither whole nor not", async () => {
  const unknown = [
    new Uint8Array(0),
    new Uint8Array(20_000),
    noise(20_000),
    bytesOf("hello\n"),
    concat(Uint8Array.of(0x1f, 0x8b, 9), noise(600)),
    concat(Uint8Array.of(0x1f, 0x8b, 8, 0xff), noise(600)),
    concat(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfc), noise(600)),
    concat(bytesOf("PGDMQ"), noise(600)),
    concat(bytesOf("PGCOPY\n\xff\n\0"), noise(600)),
    concat(bytesOf("BZh9"), noise(600)),
    concat(bytesOf("BZh01AY&SY"), noise(600)),
    concat(Uint8Array.of(0x5d, 0, 0, 0x80, 0), new Uint8Array(8).fill(0xff), noise(600)),
    concat(bytesOf("file"), new Uint8Array(144), bytesOf("0000123\0"), noise(600)),
  ];
  for (const bytes of unknown) {
    const { format, complete } = await judge(bytes);
    assert.deepEqual([format, complete], ["none", null]);
  }
});

Deno.test("guard: none looks at nothing", async () => {
  const { format, complete } = await judge(bytesOf(MYSQLDUMP).subarray(0, 500), "none");
  assert.deepEqual([format, complete], ["none", null]);
});

Deno.test("guard: an empty stream is incomplete for every explicit format", async () => {
  for (const choice of GUARD_FORMATS) {
    const { complete, reason } = await judge(new Uint8Array(0), choice);
    assert.equal(complete, false);
    assert.match(reason, /the stream is empty/);
  }
});

Deno.test("guard: a choice is parsed, and an unknown one is refused with the list", () => {
  for (const choice of ["auto", "none", ...GUARD_FORMATS] satisfies GuardChoice[]) {
    assert.equal(parseGuardChoice(choice), choice);
  }
  for (const wrong of ["", "Auto", "mysql", "toString"]) {
    assert.throws(
      () => parseGuardChoice(wrong),
      (e) => e instanceof UsageError && /auto, none, mysqldump/.test(e.message),
    );
  }
});

Deno.test("guard: dispose may be called at any time and twice", async () => {
  for (const { bytes } of SAMPLES) {
    const guard = createGuard("auto");
    await guard.push(bytes.subarray(0, bytes.length >> 1));
    guard.dispose();
    guard.dispose();
  }
});
