/** The program as JavaScript files: all of `src/` and its packages, bundled from the two entries. */
import { join } from "node:path";
import { runDeno } from "./deno_process.ts";

/** How an executable contains the runtime. A run from the source tree has neither form. */
export type Form = "compiled" | "self-extracting";

/** What the build tells the program about itself, as `globalThis.AGENT_BUILD`; absent in a run from source. */
export interface BuildInfo {
  readonly form: Form;
  /** The version in deno.json. */
  readonly version: string;
  /**
   * The abbreviated commit, with `-dirty` appended if the work tree differs from it; absent outside of a git work tree.
   */
  readonly commit?: string;
}

/**
 * The files of a program: their texts by name. It starts from `main.js`, and its threads from `worker.js`; both import
 * the others. All of them must lie in one folder.
 */
export type Program = ReadonlyMap<string, string>;

/** The file from which a program starts. */
export const MAIN_FILE = "main.js";

/**
 * Flags of the JavaScript engine: smaller heaps, of which every thread has one, for more collections; each thread moves
 * what lives in its young generation alone; and that generation has two megabytes from the start, since the code that a
 * start loads stays anyway. A backup runs beside a database, which needs memory and the other cores more
 * (docs/decisions.md).
 */
export const V8_FLAGS = "--v8-flags=--optimize-for-size,--no-parallel-scavenge,--min-semi-space-size=2";

/** Entries below the project's root. */
const MAIN_ENTRY = "src/main.ts";
const WORKER_ENTRY = "src/worker.ts";

/** Bundling takes a second. The first time, esbuild and the packages are fetched. */
const BUNDLE_TIMEOUT_MS = 180_000;

/**
 * Bundles the project at `root`; `scratch` is an empty directory for the build's own files. Throws `Error` if `deno
 * bundle` fails; it needs esbuild from the npm registry or the cache.
 *
 * What only some commands or threads need is in files of its own, which are loaded on demand: a small command spends
 * most of its CPU on being loaded. The output is not minified: the bundler's replacement for `require` of a built-in
 * does not survive that (commander is CommonJS), and since V8 parses lazily, little would be gained. Names are kept
 * because error classes take their name from them.
 */
export async function bundleProgram(root: string, scratch: string): Promise<Program> {
  const folder = join(scratch, "bundle");
  const flags = ["--quiet", "--keep-names", "--platform=deno", "--code-splitting", `--outdir=${folder}`];
  await runDeno(["bundle", ...flags, MAIN_ENTRY, WORKER_ENTRY], { cwd: root, timeoutMs: BUNDLE_TIMEOUT_MS });
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const texts = names.sort().map(async (name) => [name, await Deno.readTextFile(join(folder, name))] as const);
  return loadingOnDemand(new Map(await Promise.all(texts)));
}

/**
 * The same program, which loads at a start only what every command needs. The runtime reads, hashes and analyses also
 * the files that are named in an `import()` before the program begins, unless the name is the result of a call. And the
 * bundler's `require` would load the built-in modules of a package at once, even those that the package never uses.
 */
export function loadingOnDemand(program: Program): Program {
  return new Map([...program].map(([name, text]) => [name, withLateFiles(withLateBuiltIns(text), program)]));
}

function withLateFiles(text: string, program: Program): string {
  return text.replace(/\bimport\("\.\/([^"/]+)"\)/g, (found, name: string) => {
    return program.has(name) ? `import(String("./${name}"))` : found;
  });
}

/** The bundler's `require` of built-in modules, which needs the loader of CommonJS modules. */
const BUNDLED_REQUIRE =
  /import \{ createRequire as (\w+) \} from "node:module";\s*var __require = \1\(import\.meta\.url\);/;
const LATE_REQUIRE =
  "var __require = (name) => new Proxy({}, { get: (_, key) => globalThis.process.getBuiltinModule(name)[key] });";

function withLateBuiltIns(text: string): string {
  return text.replace(BUNDLED_REQUIRE, LATE_REQUIRE);
}

/** Writes the files of a program into a folder. */
export async function writeProgram(program: Program, folder: string): Promise<void> {
  for (const [name, text] of program) await Deno.writeTextFile(join(folder, name), text);
}

/** `program` with `info` set by the first statement of its entry, which runs after the modules that it imports. */
export function withBuildInfo(program: Program, info: BuildInfo): Program {
  const prelude = [`globalThis.AGENT_BUILD = Object.freeze(${JSON.stringify(info)});`];
  if (info.form === "self-extracting") prelude.push(RESTORE_VARIABLES);
  return new Map([...program, [MAIN_FILE, prelude.join("\n") + "\n" + program.get(MAIN_FILE)]]);
}

/**
 * The shell header sets variables for the runtime. Commands that the program starts get the caller's values again, which
 * it kept under other names.
 */
const RESTORE_VARIABLES = `for (const name of ["DENO_DIR", "GLIBC_TUNABLES"]) {
  const kept = "AGENT_CALLER_" + name;
  const own = Deno.env.get(kept);
  if (own) Deno.env.set(name, own);
  else Deno.env.delete(name);
  Deno.env.delete(kept);
}`;

/** Version and commit of the project at `root`. */
export async function readVersion(root: string): Promise<Omit<BuildInfo, "form">> {
  const { version } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  if (typeof version !== "string") throw new TypeError(`Cannot read the version of ${root}: deno.json has none`);
  const commit = await describeCommit(root);
  return commit === undefined ? { version } : { version, commit };
}

async function describeCommit(root: string): Promise<string | undefined> {
  const git = new Deno.Command("git", {
    args: ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
    cwd: root,
    stderr: "null",
  });
  try {
    const { success, stdout } = await git.output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
