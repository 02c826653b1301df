/** A test that hangs is ended, fails and is named, whatever it hangs in, and the others are run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { countTests } from "../../scripts/tests/junit.ts";
import { TEST_FLAGS } from "../../scripts/tests/run.ts";

const TESTS = `/** Tests that hang and tests that do not. */
// The runtime loads its timers at the first use. That must not coincide with the end of the loop below.
Deno.test("quick", () => clearTimeout(setTimeout(() => {}, 1)));
Deno.test("waits for ever", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await listener.accept();
});
Deno.test("turns for ever", () => {
  for (;;);
});
Deno.test("hangs in a step", async (t) => {
  await t.step("step", () => new Promise((resolve) => setTimeout(resolve, 2 ** 30)));
});
Deno.test({
  name: "says that it is long",
  timeout: 60_000,
  fn: () => new Promise((resolve) => setTimeout(resolve, 3000)),
});
Deno.test("with options", { ignore: false }, () => {});
`;

/** Runs tests as `deno task test` does, with another limit; gives the report and what was shown. */
async function runTests(tests: string, limitMs: number) {
  const directory = await Deno.makeTempDir({ prefix: "agent-time-limit-" });
  try {
    const limit = new URL("../../scripts/tests/time_limit.ts", import.meta.url).href;
    const [preload, report] = ["preload.ts", "report.xml"].map((name) => join(directory, name)) as [string, string];
    await Deno.writeTextFile(preload, `import { limitTests } from "${limit}";\nlimitTests(${limitMs});\n`);
    await Deno.writeTextFile(join(directory, "hang_test.ts"), tests);
    const flags = TEST_FLAGS.map((flag) => flag.startsWith("--preload=") ? `--preload=${preload}` : flag);
    const args = ["test", "--no-check", "--no-config", ...flags, `--junit-path=${report}`, "hang_test.ts"];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: directory, env: { NO_COLOR: "1" } });
    const { stdout } = await command.output();
    return { counts: countTests(await Deno.readTextFile(report)), shown: new TextDecoder().decode(stdout) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a test that hangs fails at its limit and is named with its place, and the others are run", async () => {
  const { counts, shown } = await runTests(TESTS, 2000);
  assert.deepEqual([counts.passed, counts.failed], [3, 3], shown);
  for (const [name, line] of [["waits for ever", 4], ["turns for ever", 8], ["hangs in a step", 11]] as const) {
    assert.match(shown, new RegExp(`${name} => \\./hang_test\\.ts:${line}:6\\nerror: Test timed out after 2000ms`));
  }
});

Deno.test("every run of the tests has the limit", async () => {
  const [preload] = TEST_FLAGS.filter((flag) => flag.startsWith("--preload=")).map((flag) => flag.slice(10));
  assert.match(await Deno.readTextFile(preload!), /^limitTests\(\d+ \* 60_000\);$/m);
});
