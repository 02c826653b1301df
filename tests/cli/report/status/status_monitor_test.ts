/** The line that monitors show: text, then numbers as the guidelines for plugins of Nagios have them. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import { monitorLine } from "../../../../src/cli/report/status/status_monitor.ts";
import { type ExpectationVerdict, parseExpectation } from "../../../../src/policy/expectation.ts";
import { RESTORE_TESTS_PREFIX } from "../../../../src/format/manifest/series.ts";
import type { StatusReport } from "../../../../src/ops/status.ts";

const HOUR_MS = 3_600_000;

/** One series on one host, whose newest backup is so old. */
function reportOn(
  series: string,
  host: string,
  ages: readonly (number | null)[],
  spans: readonly string[],
): StatusReport {
  const verdicts: ExpectationVerdict[] = ages.map((ageMs, i) => {
    const expectation = parseExpectation(spans[i]!);
    return { expectation, series, host, ageMs, isOverdue: ageMs === null || ageMs > expectation.spanMs };
  });
  const latest = { size: 4096 };
  const runs = ages.filter((ageMs) => ageMs !== null).map((ageMs) => ({ runType: null, ageMs, latest }));
  return { rows: [{ series, host, runs }], verdicts, damaged: [] } as unknown as StatusReport;
}

Deno.test("age with its limit, and size", () => {
  assert.equal(
    monitorLine(reportOn("prod/shop", "db1", [10.5 * HOUR_MS], ["26h"])),
    "OK 1 expectation met | 'prod/shop@db1'=37800s;;93600;0 'prod/shop@db1 size'=4096B;;;0",
  );
});

Deno.test("an age that nobody knows is U, and has no size", () => {
  assert.equal(
    monitorLine(reportOn("prod/shop", "db1", [null], ["26h"])),
    "OVERDUE prod/shop@db1 no good backup (at most 1 d 2 h) | 'prod/shop@db1'=U;;93600;0",
  );
});

Deno.test("a series without a backup comes with the most similar one that has some, if that is what is meant", () => {
  const { rows } = reportOn("prod/shop", "db1", [HOUR_MS], ["26h"]);
  const lineOf = (series: string) => {
    const { verdicts } = reportOn(series, "db1", [null], ["26h"]);
    return monitorLine({ ...reportOn(series, "db1", [], []), rows, verdicts });
  };
  assert.equal(
    lineOf("prod/shpo"),
    "OVERDUE prod/shpo@db1 no good backup (at most 1 d 2 h; did you mean \"prod/shop\"?) | 'prod/shpo@db1'=U;;93600;0",
  );
  for (const series of ["wiki", `${RESTORE_TESTS_PREFIX}prod/shop`, "kv/prod/shop"]) {
    assert.equal(lineOf(series).split(" | ")[0], `OVERDUE ${series}@db1 no good backup (at most 1 d 2 h)`);
  }
});

Deno.test("a label comes once, with the strictest of its limits", () => {
  const line = monitorLine(reportOn("s", "h", [HOUR_MS, HOUR_MS], ["3h", "2h"]));
  assert.equal(line, "OK 2 expectations met | 's@h'=3600s;;7200;0 's@h size'=4096B;;;0");
});

Deno.test("no name breaks the line: there is one mark, and every label is what its quotes hold", () => {
  const name = fc.string({ unit: fc.constantFrom(..."ab/ |='\n\x1b\\é"), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(name, name, (series, host) => {
      const line = monitorLine(reportOn(series, host, [HOUR_MS], ["30m"]));
      assert.match(
        line,
        /^OVERDUE [^|\p{Cc}]* \| '(''|[^'=|\p{Cc}])+'=3600s;;1800;0 '(''|[^'=|\p{Cc}])+ size'=4096B;;;0$/u,
      );
    }),
    { seed: 1, numRuns: 500 },
  );
});
