// deno-lint-ignore-file no-console -- a script for people, which prints to standard output
/** `deno task build`: makes `dist/agent`, one executable file, and says which form it has and why. */
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/base/errors.ts";
import { formatSize } from "../../src/base/text/size.ts";
import { buildCompiled } from "./compiled.ts";
import { bundleProgram, type Form, readVersion, withBuildInfo } from "./program.ts";
import { buildSelfExtracting } from "./self_extracting.ts";

const USAGE = "deno task build [--form auto|compiled|self-extracting] [--root PROJECT] [--output FILE]";

interface Executable {
  readonly form: Form;
  readonly reason: string;
  /** Where it was made. It is moved to its final place afterwards. */
  readonly path: string;
}

interface Plan {
  readonly form: Form | "auto";
  readonly root: string;
  readonly output: string;
}

function readPlan(args: string[]): Plan {
  const { values } = parseArgs({
    args,
    options: {
      form: { type: "string", default: "auto" },
      root: { type: "string", default: resolve(import.meta.dirname!, "../..") },
      output: { type: "string" },
    },
  });
  const { form, root } = values;
  if (form !== "auto" && form !== "compiled" && form !== "self-extracting") throw new TypeError(`Usage: ${USAGE}`);
  return { form, root, output: resolve(values.output ?? join(root, "dist/agent")) };
}

/** Builds as planned. The output appears by a rename, so that a running executable is never written to. */
async function build(plan: Plan): Promise<void> {
  const folder = dirname(plan.output);
  await Deno.mkdir(folder, { recursive: true });
  const scratch = await Deno.makeTempDir({ dir: folder, prefix: ".build-" });
  try {
    const executable = await makeExecutable(plan, scratch);
    if (executable.path !== plan.output) await Deno.rename(executable.path, plan.output);
    const size = formatSize((await Deno.stat(plan.output)).size);
    console.log(`Built ${plan.output}: ${executable.form}, ${size} (${executable.reason})`);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function makeExecutable({ form, root, output }: Plan, scratch: string): Promise<Executable> {
  const program = await bundleProgram(root, scratch);
  const version = await readVersion(root);

  async function compile(): Promise<Executable> {
    const path = await buildCompiled(withBuildInfo(program, { form: "compiled", ...version }), scratch);
    return { form: "compiled", reason: `runtime from ${Deno.env.get("DENORT_BIN") ?? "the download"}`, path };
  }

  async function pack(reason: string): Promise<Executable> {
    const path = await buildSelfExtracting(withBuildInfo(program, { form: "self-extracting", ...version }), {
      version: version.version,
      runtime: Deno.execPath(),
      scratch,
      previous: output,
    });
    return { form: "self-extracting", reason, path };
  }

  if (form === "compiled") return await compile();
  if (form === "self-extracting") return await pack("as asked for");
  return await compile().catch((error) => pack(`the compiled form cannot be made here: ${messageOf(error)}`));
}

if (import.meta.main) {
  try {
    await build(readPlan(Deno.args));
  } catch (error) {
    console.error(`build: ${messageOf(error)}`);
    Deno.exit(1);
  }
}
