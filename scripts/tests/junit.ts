/** Reads a JUnit report of `deno test`: how many tests passed, failed and were skipped, and which were skipped. */

/** Counts of whole tests, not of steps. A skipped step, however, counts as skipped, so that it is noticed. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Names of all skipped tests and steps, in the order of the report. */
  readonly skipped: readonly string[];
}

interface TestCase {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

/** Counts the tests in a report, the XML text that `deno test --junit-path` writes. */
export function countTests(report: string): TestCounts {
  const cases = readCases(report);
  const names = new Set(cases.map(({ name }) => name));
  const tests = cases.filter(({ name }) => !isStep(name, names));
  return {
    passed: tests.filter(({ outcome }) => outcome === "passed").length,
    failed: tests.filter(({ outcome }) => outcome === "failed").length,
    skipped: cases.filter(({ outcome }) => outcome === "skipped").map(({ name }) => name),
  };
}

/**
 * A step is reported as a separate case, named `test > step`, and not always in its test's suite: Deno puts a case
 * under the file in which its function was registered, which may be a helper.
 */
function isStep(name: string, names: ReadonlySet<string>): boolean {
  for (let end = name.lastIndexOf(" > "); end > 0; end = name.lastIndexOf(" > ", end - 1)) {
    if (names.has(name.slice(0, end))) return true;
  }
  return false;
}

function readCases(report: string): TestCase[] {
  return [...report.matchAll(/<testcase ([^>]*[^/>])(?:\/>|>(.*?)<\/testcase>)/gs)]
    .map(([, attributes, content]) => ({ name: nameIn(attributes!), outcome: outcomeOf(content ?? "") }));
}

function outcomeOf(content: string): TestCase["outcome"] {
  if (/<(failure|error)\b/.test(content)) return "failed";
  return /<skipped\b/.test(content) ? "skipped" : "passed";
}

function nameIn(attributes: string): string {
  const match = /(?:^| )name="([^"]*)"/.exec(attributes);
  if (match === null) throw new SyntaxError("Cannot read the test report: a test case without a name");
  return match[1]!.replace(/&(lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-f]+));/gi, unescapeXml);
}

function unescapeXml(_: string, name: string, decimal?: string, hex?: string): string {
  if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
  if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
  return { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" }[name.toLowerCase()]!;
}
