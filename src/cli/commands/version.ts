/** `agent version`: which program this is. */
import { Command } from "commander";
import type { CliContext } from "../context.ts";
import { writeJson, writeLine } from "../output.ts";

/** The command's specification. */
export function versionCommand(context: CliContext): Command {
  return new Command("version")
    .description("tell version, Deno version and form of the executable")
    .option("--json", "one JSON object")
    .action((options: { json?: boolean }) => run(options, context));
}

async function run(options: { json?: boolean }, { stdout, version }: CliContext): Promise<void> {
  if (options.json) return await writeJson(stdout, version);
  const commit = version.commit ? ` (${version.commit})` : "";
  await writeLine(stdout, `agent ${version.version}${commit}, ${version.form}, Deno ${version.deno}`);
}
