/** What a test run adds up to, from Deno's report, and when it needs an executable. */
import assert from "node:assert/strict";
import { countTests } from "../../scripts/tests/junit.ts";
import { judge, needsExecutable } from "../../scripts/tests/run.ts";

function report(...cases: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="deno test">\n<testsuite name="./a_test.ts">\n` +
    cases.join("\n") + "\n</testsuite>\n</testsuites>\n";
}

function testCase(name: string, content = ""): string {
  return `<testcase name="${name}" classname="./a_test.ts" time="0.001" line="1" col="6">\n${content}</testcase>`;
}

Deno.test("a report's tests are counted, its steps are not", () => {
  const text = report(
    testCase("one"),
    testCase("two", `<failure message="Uncaught Error: no &lt;testcase&gt;">Error: no</failure>`),
    testCase("three", "<skipped/>"),
    testCase("one &gt; step"),
    testCase("one &gt; step &gt; deeper", `<failure message="no">no</failure>`),
    `<testcase name="four" classname="./a_test.ts" time="0.001"/>`,
  );
  assert.deepEqual(countTests(text), { passed: 2, failed: 1, skipped: ["three"] });
});

Deno.test("a step belongs to its test although another file registered that test", () => {
  const steps = report(testCase("one &gt; step"));
  const text = steps + report(testCase("one")).replaceAll("a_test.ts", "helper.ts");
  assert.deepEqual(countTests(text), { passed: 1, failed: 0, skipped: [] });
});

Deno.test("a test whose name only looks like a step is counted", () => {
  assert.deepEqual(countTests(report(testCase("a &gt; b"))), { passed: 1, failed: 0, skipped: [] });
});

Deno.test("a skipped step is not passed over", () => {
  const text = report(testCase("one"), testCase("one &gt; &quot;step&quot; &amp; more", "<skipped/>"));
  assert.deepEqual(countTests(text), { passed: 1, failed: 0, skipped: [`one > "step" & more`] });
});

Deno.test("an empty report counts nothing", () => {
  assert.deepEqual(countTests(report()), { passed: 0, failed: 0, skipped: [] });
});

Deno.test("a file that does not load is a failure", () => {
  const counts = { passed: 3, failed: 0, skipped: [] };
  assert.equal(judge(counts, { exitedWell: false, watchSkips: false }).failed, 1);
  assert.equal(judge(counts, { exitedWell: true, watchSkips: false }).failed, 0);
  assert.equal(judge({ ...counts, failed: 2 }, { exitedWell: false, watchSkips: false }).failed, 2);
});

Deno.test("a skip without a reason fails where skips are watched", () => {
  const counts = {
    passed: 3,
    failed: 0,
    skipped: ["reads a dump (skipped: needs restic)", "later"],
  };
  const watched = judge(counts, { exitedWell: true, watchSkips: true });
  assert.deepEqual(watched, { passed: 3, failed: 1, skipped: 1, unexplained: ["later"] });
  assert.equal(judge(counts, { exitedWell: true, watchSkips: false }).skipped, 2);
});

Deno.test("the executable is built for whole runs and end-to-end tests alone", () => {
  for (const args of [[], ["--fail-fast"], ["tests"], ["./tests/"], ["tests/e2e/put_test.ts"], ["tests/stress"]]) {
    assert.equal(needsExecutable(args), true, args.join(" "));
  }
  for (const args of [["tests/store"], ["--fail-fast", "tests/scripts/junit_test.ts"]]) {
    assert.equal(needsExecutable(args), false, args.join(" "));
  }
});
