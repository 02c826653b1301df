/** `agent man`: writes the manual pages into a directory. */
import { join } from "node:path";
import { AgentError, systemReason } from "../../base/errors.ts";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { describeCommand, withAllBelow } from "../manual/description.ts";
import { type ManPage, manPage } from "../manual/man_page.ts";
import { allOptions } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount, writeLine } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "Pages that are there are replaced. man finds those in /usr/local/share/man/man1 and ~/.local/share/man/man1.",
  ],
  examples: [
    ["agent man /usr/local/share/man/man1", "for everybody, as root; then: man agent-put"],
    ["agent man ~/.local/share/man/man1", "for yourself"],
  ],
};

/** The command's specification. */
function specification() {
  return new Command("man")
    .description("write the manual pages of all commands into a directory")
    .argument("<directory>", "where to; it is made if it is missing")
    .option("-q, --quiet", "no summary")
    .addHelpText("after", helpNotes(NOTES));
}

/** The command, to be run in `context`. */
export function manCommand(context: CliContext): CommandUnknownOpts {
  return specification().action(async (directory, options, self) => {
    const program = describeCommand(self.parent!);
    const pages = [...withAllBelow(program)].map((command) => manPage(command, program, context.version.version));
    await write(pages, directory);
    if (allOptions(self, options).quiet) return;
    await writeLine(context.stderr, `Wrote ${formatCount(pages.length, "manual page")} to ${directory}`);
  });
}

async function write(pages: readonly ManPage[], directory: string): Promise<void> {
  try {
    await Deno.mkdir(directory, { recursive: true });
    for (const { file, text } of pages) await Deno.writeTextFile(join(directory, file), text);
  } catch (error) {
    throw new AgentError(
      `Cannot write manual pages to "${directory}": ${systemReason(error)}; name another directory`,
      { cause: error },
    );
  }
}
