/** `agent version`: which program this is. */
import { Command } from "commander";
import { allOptions } from "../options/all_options.ts";
import { versionJson } from "../report/json/machine.ts";
import type { CliContext, VersionInfo } from "../context.ts";
import { writeJson, writeLine } from "../terminal/output.ts";

/** The command's specification. */
export function versionCommand(context: CliContext): Command {
  return new Command("version")
    .description("tell version, Deno version and form of the executable")
    .option("--json", "one JSON object")
    .action((options: { json?: boolean }, self: Command) => run(allOptions(self, options), context));
}

async function run(options: { json?: boolean }, { stdout, version }: CliContext): Promise<void> {
  if (options.json) return await writeJson(stdout, versionJson(version));
  await writeLine(stdout, versionLine(version));
}

/** The version for people. */
export function versionLine({ version, commit, form, deno }: VersionInfo): string {
  return `agent ${version}${commit ? ` (${commit})` : ""}, ${form}, Deno ${deno}`;
}
