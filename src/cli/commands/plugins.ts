/** `agent plugins`: the plugins of this machine, and what is wrong with those that are faulty. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { PluginRow } from "../../library/plugins/plugins.ts";
import type { CliContext } from "../context.ts";
import { pluginJson } from "../report/json/machine_json.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { type Column, formatCount, writeJson, writeLine, writeTable } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "The configuration enables plugins by name. Those that are not enabled are not loaded, so that their versions are " +
    "not known.",
  ],
  examples: [["agent plugins"]],
};

/** The command's specification. */
function specification() {
  return new Command("plugins")
    .description("list plugins: where they come from, their versions, and what is wrong with those that are faulty")
    .option("--json", "one JSON object a line")
    .option("-q, --quiet", "no summary")
    .addHelpText("after", helpNotes(NOTES));
}

/** The command, to be run in `context`. */
export function pluginsCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

async function run({ json, quiet }: OptionsOf<typeof specification>, context: CliContext): Promise<void> {
  const { stdout, stderr, plugins } = context;
  const rows = await plugins?.list() ?? [];
  if (json) {
    for (const row of rows) await writeJson(stdout, pluginJson(row));
    return;
  }
  if (rows.length > 0) await writeTable(stdout, COLUMNS, rows.map(cells));
  if (!quiet) await writeLine(stderr, summaryOf(rows));
}

function summaryOf(rows: readonly PluginRow[]): string {
  const [enabled, faulty] = ["enabled", "faulty"].map((state) => rows.filter((row) => row.state === state).length);
  return `${formatCount(rows.length, "plugin")}: ${enabled} enabled, ${faulty} faulty`;
}

const COLUMNS: readonly Column[] = [
  { title: "PLUGIN", align: "left", kind: "name" },
  { title: "VERSION", align: "left" },
  { title: "STATE", align: "left" },
  { title: "ORIGIN", align: "left", rank: 1 },
];

function cells({ name, origin, version, state, reason }: PluginRow): string[] {
  return [name, version ?? "-", reason === null ? state : `${state}: ${reason}`, origin ?? "-"];
}
