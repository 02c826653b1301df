/** `agent version`: the version of this program. */
import { versionJson } from "../report/json/machine_json.ts";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { VersionInfo } from "../../library/machine/version.ts";
import type { CliContext } from "../context.ts";
import { writeJson, writeLine } from "../terminal/write.ts";

/** The command's specification. */
function specification() {
  return new Command("version")
    .description("show version, Deno version and form of the executable")
    .option("--json", "one JSON object");
}

/** The command, to be run in `context`. */
export function versionCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

async function run(options: OptionsOf<typeof specification>, { stdout, version }: CliContext): Promise<void> {
  if (options.json) return await writeJson(stdout, versionJson(version));
  await writeLine(stdout, versionLine(version));
}

/** The version for people. */
export function versionLine({ version, commit, form, deno }: VersionInfo): string {
  return `agent ${version}${commit ? ` (${commit})` : ""}, ${form}, Deno ${deno}`;
}
