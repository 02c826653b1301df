// deno-lint-ignore-file no-console -- a script for people, which prints to standard output
/**
 * `deno task test [PATH | FLAG of deno test]…`: builds the executable that the end-to-end tests run, runs the tests
 * with Deno's sanitizers on, names what was skipped, and ends with the line `N passed, N failed, N skipped`.
 *
 * Tests run in parallel, in threads of one process, each of which loads several files (groups.ts): a test uses its own
 * directory and port, and changes neither the environment nor the working directory, nor what other files import unless
 * it restores that. `DENO_JOBS` sets how many threads there are at a time. A test that hangs is ended and fails
 * (time_limit.ts). Types are not checked here, but by `deno task ok`. `AGENT_EXECUTABLE` names a built executable to test
 * instead. With CI=true, nothing may be skipped without a reason in the test's name (tests/helpers/programs.ts).
 */
import { join, resolve } from "node:path";
import { groupFiles, moduleOf } from "./groups.ts";
import { countTests, type TestCounts } from "./junit.ts";

const ROOT = resolve(import.meta.dirname!, "../..");
const TESTS = join(ROOT, "tests");
const DIST = join(ROOT, "dist");
const EXECUTABLE = join(DIST, "agent");

/** The flags for `deno test`. Each thread collects its own garbage, since all cores have tests to run anyway. */
export const TEST_FLAGS = [
  "--allow-all",
  "--no-prompt",
  "--no-check",
  "--parallel",
  "--sanitize-ops",
  "--sanitize-resources",
  "--v8-flags=--single-threaded-gc",
  `--preload=${join(ROOT, "scripts/tests/preload.ts")}`,
];

const isFlag = (arg: string) => arg.startsWith("-");

/**
 * What the C library's heap is told, by a variable that tests do not see (preload.ts). Large buffers get pages of their
 * own, which cost nothing until they are written to, and what is free is not given back: a tenth less CPU in all.
 */
const GLIBC_TUNABLES = ["mmap_threshold=131072", "trim_threshold=268435456", "top_pad=4194304"]
  .map((tunable) => `glibc.malloc.${tunable}`).join(":");

/** Whether the end-to-end tests are about to run, by the paths among the arguments of `deno test`. */
export function needsExecutable(args: readonly string[]): boolean {
  const paths = args.filter((arg) => !isFlag(arg)).map((path) => path.replace(/^\.\//, "").replace(/\/$/, ""));
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

/** Tests wait for programs half of their time; more than eight threads take more memory than they save time. */
function threadsAtATime(cores: number): number {
  return Math.max(cores, Math.min(2 * cores, 8));
}

/** The files of tests in the paths given, which are files or folders below the project's root. */
async function testFiles(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map(async (path) => {
    const absolute = resolve(ROOT, path);
    if (!(await Deno.stat(absolute)).isDirectory) return [absolute];
    const entries = await Array.fromAsync(Deno.readDir(absolute));
    const inside = entries.filter(({ name, isDirectory }) => isDirectory || name.endsWith("_test.ts"));
    return await testFiles(inside.map(({ name }) => join(absolute, name)));
  }));
  return [...new Set(found.flat())];
}

/** Writes modules that load the files in the paths given into a folder; returns the paths of the modules. */
async function writeGroups(paths: readonly string[], folder: string): Promise<string[]> {
  const files = await Promise.all((await testFiles(paths)).map(async (path) => {
    return { path, text: await Deno.readTextFile(path) };
  }));
  return await Promise.all(
    groupFiles(files, TESTS).map(async (group) => {
      const path = join(folder, `${group.name}.ts`);
      await Deno.writeTextFile(path, moduleOf(group));
      return path;
    }),
  );
}

async function runTests(args: string[]): Promise<{ counts: TestCounts; exitedWell: boolean }> {
  await Deno.mkdir(DIST, { recursive: true });
  const scratch = await Deno.makeTempDir({ dir: DIST, prefix: "tests-" });
  try {
    const [flags, paths] = [args.filter(isFlag), args.filter((arg) => !isFlag(arg))];
    const groups = await writeGroups(paths.length > 0 ? paths : [TESTS], scratch);
    const templates = join(scratch, "templates");
    await Deno.mkdir(templates);
    const env = {
      GLIBC_TUNABLES,
      AGENT_TEST_TEMPLATES: templates,
      DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(threadsAtATime(navigator.hardwareConcurrency)),
      PATH: await pathOfTests(Deno.env.get("PATH") ?? ""),
    };
    const report = join(scratch, "report.xml");
    await Deno.writeTextFile(report, ""); // What is left if the run does not get so far.
    const exitedWell = await runDeno(["test", ...TEST_FLAGS, `--junit-path=${report}`, ...flags, ...groups], env);
    return { counts: countTests(await Deno.readTextFile(report)), exitedWell };
  } finally {
    await Deno.remove(scratch, { recursive: true });
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
