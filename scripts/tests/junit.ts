/** What a JUnit report of `deno test` says: how many tests passed, failed and were skipped, and which were skipped. */

/** Counts of whole tests, steps not among them; a skipped step counts as skipped, so that none goes unseen. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** `file: test` of everything skipped, in the report's order. */
  readonly skipped: readonly string[];
}

interface TestCase {
  readonly file: string;
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

/** Counts the tests of a report, XML text as `deno test --junit-path` writes it. */
export function countTests(report: string): TestCounts {
  const cases = readCases(report);
  const names = new Set(cases.map(({ file, name }) => `${file}\n${name}`));
  const tests = cases.filter((test) => !isStep(test, names));
  const count = (outcome: TestCase["outcome"]) => tests.filter((test) => test.outcome === outcome).length;
  return {
    passed: count("passed"),
    failed: count("failed"),
    skipped: cases.filter(({ outcome }) => outcome === "skipped").map(({ file, name }) => `${file}: ${name}`),
  };
}

/** A step is reported after its test as a case of its own, named `test > step`. */
function isStep({ file, name }: TestCase, names: ReadonlySet<string>): boolean {
  for (let end = name.lastIndexOf(" > "); end > 0; end = name.lastIndexOf(" > ", end - 1)) {
    if (names.has(`${file}\n${name.slice(0, end)}`)) return true;
  }
  return false;
}

function readCases(report: string): TestCase[] {
  return [...report.matchAll(/<testcase ([^>]*[^/>])(?:\/>|>(.*?)<\/testcase>)/gs)].map((
    [, attributes, content = ""],
  ) => ({
    name: attribute(attributes!, "name"),
    file: attribute(attributes!, "classname").replace(/^\.\//, ""),
    outcome: /<(failure|error)\b/.test(content) ? "failed" : /<skipped\b/.test(content) ? "skipped" : "passed",
  }));
}

function attribute(attributes: string, name: string): string {
  const match = new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes);
  if (match === null) throw new SyntaxError(`Cannot read the test report: a test case without "${name}"`);
  return match[1]!.replace(/&(lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-f]+));/gi, unescapeXml);
}

function unescapeXml(_: string, name: string, decimal?: string, hex?: string): string {
  if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
  if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
  return { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" }[name.toLowerCase()]!;
}
