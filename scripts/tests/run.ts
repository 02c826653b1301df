// deno-lint-ignore-file no-console -- a script for people, which prints to standard output
/**
 * `deno task test [PATH | FLAG of deno test]…`: builds the executable that the end-to-end tests run, runs the tests
 * with Deno's sanitizers on, names what was skipped, and ends with the line `N passed, N failed, N skipped`.
 *
 * Tests run in parallel, each file in a thread of one process: a test uses its own directory and port, and changes
 * neither the environment nor the working directory. `DENO_JOBS` sets how many files run at a time. A test that hangs is
 * ended and fails (time_limit.ts). Types are not checked here, but by `deno task ok`. `AGENT_EXECUTABLE` names a built
 * executable to test instead. With CI=true, nothing may be skipped without a reason in the test's name
 * (tests/helpers/programs.ts).
 */
import { join, resolve } from "node:path";
import { countTests, type TestCounts } from "./junit.ts";

const ROOT = resolve(import.meta.dirname!, "../..");
const EXECUTABLE = join(ROOT, "dist/agent");

/** The flags for `deno test`. */
export const TEST_FLAGS = [
  "--allow-all",
  "--no-prompt",
  "--no-check",
  "--parallel",
  "--sanitize-ops",
  "--sanitize-resources",
  `--preload=${join(ROOT, "scripts/tests/preload.ts")}`,
];

/** Whether the end-to-end tests are about to run, by the paths among the arguments of `deno test`. */
export function needsExecutable(args: readonly string[]): boolean {
  const paths = args.filter((arg) => !arg.startsWith("-")).map((path) => path.replace(/^\.\//, "").replace(/\/$/, ""));
  const isExecutableSuite = (path: string) => /^tests\/(e2e|interop|stress)/.test(path);
  return paths.length === 0 || paths.some((path) => path === "tests" || path === "." || isExecutableSuite(path));
}

/**
 * The result of a run. If a file does not load, `deno test` exits with an error but without a failed
 * case; that counts as one failure. If skips are watched, so does each skip without a reason.
 */
export function judge(counts: TestCounts, { exitedWell, watchSkips }: { exitedWell: boolean; watchSkips: boolean }) {
  const unexplained = watchSkips ? counts.skipped.filter((name) => !/\(skipped: .+\)$/.test(name)) : [];
  const skipped = counts.skipped.length - unexplained.length;
  const notLoaded = !exitedWell && counts.failed === 0 ? 1 : 0;
  return { passed: counts.passed, failed: counts.failed + unexplained.length + notLoaded, skipped, unexplained };
}

async function runDeno(args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env, stdin: "null" });
  return (await command.spawn().status).success;
}

/**
 * PATH with the programs of the newest PostgreSQL in front. What Debian has on PATH under their names is a script in
 * Perl, which looks for a server and then starts them: most of the time of tests that start hundreds.
 */
export async function pathOfTests(path: string, root = "/usr/lib/postgresql"): Promise<string> {
  try {
    const versions = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
    const newest = versions.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a))[0];
    return newest === undefined ? path : `${join(root, newest, "bin")}:${path}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

/** Tests wait for programs half of their time; more than eight files take more memory than they save time. */
function filesAtATime(cores: number): number {
  return Math.max(cores, Math.min(2 * cores, 8));
}

async function runTests(args: string[]): Promise<{ counts: TestCounts; exitedWell: boolean }> {
  const report = await Deno.makeTempFile({ prefix: "agent-tests-", suffix: ".xml" });
  try {
    const paths = args.some((arg) => !arg.startsWith("-")) ? args : [...args, "tests"];
    const env = {
      DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(filesAtATime(navigator.hardwareConcurrency)),
      PATH: await pathOfTests(Deno.env.get("PATH") ?? ""),
    };
    const exitedWell = await runDeno(["test", ...TEST_FLAGS, `--junit-path=${report}`, ...paths], env);
    return { counts: countTests(await Deno.readTextFile(report)), exitedWell };
  } finally {
    await Deno.remove(report);
  }
}

async function main(args: string[]): Promise<boolean> {
  if (needsExecutable(args) && !Deno.env.has("AGENT_EXECUTABLE")) {
    if (!await runDeno(["run", "--allow-all", "scripts/build/main.ts", `--output=${EXECUTABLE}`])) {
      console.log("The executable could not be built; no test was run\n0 passed, 1 failed, 0 skipped");
      return false;
    }
  }
  const { counts, exitedWell } = await runTests(args);
  const { passed, failed, skipped, unexplained } = judge(counts, {
    exitedWell,
    watchSkips: Deno.env.get("CI") === "true",
  });
  for (const name of counts.skipped) {
    console.log(unexplained.includes(name) ? `failed: ${name}: skipped without a reason` : `skipped: ${name}`);
  }
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return exitedWell && failed === 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args) ? 0 : 1);
