/** The program as two JavaScript files: all of `src/` and its packages, bundled from the two entries. */
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

/** The two files of a program, as JavaScript text. Threads start from `worker.js`, which must be beside `main.js`. */
export interface Program {
  readonly main: string;
  readonly worker: string;
}

/**
 * Flags of the JavaScript engine. A stream's bytes are outside of the engine's heaps, of which there are four (main and
 * worker threads). Keeping those small saves some 40 MB of peak memory, and costs no measurable time.
 */
export const V8_FLAGS = "--v8-flags=--optimize-for-size";

/** Entries below the project's root. */
const MAIN_ENTRY = "src/main.ts";
const WORKER_ENTRY = "src/worker.ts";

/** Bundling takes a second. The first time, esbuild and the packages are fetched. */
const BUNDLE_TIMEOUT_MS = 180_000;

/**
 * Bundles the project at `root`; `scratch` is an empty directory for the build's own files. Throws `Error` if `deno
 * bundle` fails; it needs esbuild from the npm registry or the cache.
 *
 * The output is not minified: the bundler's replacement for `require` of a built-in does not survive that (commander is
 * CommonJS), and since V8 parses lazily, nothing would be gained. Names are kept because error classes take their name
 * from them.
 */
export async function bundleProgram(root: string, scratch: string): Promise<Program> {
  const bundle = async (entry: string, name: string) => {
    const output = join(scratch, name);
    const flags = ["--quiet", "--keep-names", "--platform=deno", `--output=${output}`];
    await runDeno(["bundle", ...flags, entry], { cwd: root, timeoutMs: BUNDLE_TIMEOUT_MS });
    return await Deno.readTextFile(output);
  };
  return { main: await bundle(MAIN_ENTRY, "main.js"), worker: await bundle(WORKER_ENTRY, "worker.js") };
}

/** `program` with `info` set by its first statement. */
export function withBuildInfo(program: Program, info: BuildInfo): Program {
  const prelude = [`globalThis.AGENT_BUILD = Object.freeze(${JSON.stringify(info)});`];
  if (info.form === "self-extracting") prelude.push(RESTORE_DENO_DIR);
  return { ...program, main: prelude.join("\n") + "\n" + program.main };
}

/**
 * The shell header sets DENO_DIR to its own directory. Commands that the program starts get the caller's value again.
 */
const RESTORE_DENO_DIR = `{
  const own = Deno.env.get("AGENT_CALLER_DENO_DIR");
  if (own) Deno.env.set("DENO_DIR", own);
  else Deno.env.delete("DENO_DIR");
  Deno.env.delete("AGENT_CALLER_DENO_DIR");
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
