/** `agent rm`: remove one backup. */
import { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import { forget } from "../../ops/forget.ts";
import { backupJson } from "../backup_json.ts";
import type { CliContext } from "../context.ts";
import { formatTime, printable, writeJson, writeLine } from "../output.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

interface RmOptions extends RepositoryOptions {
  readonly dryRun?: boolean;
  readonly allowLast?: boolean;
}

/** The command's specification. */
export function rmCommand(context: CliContext): Command {
  const command = new Command("rm")
    .description("remove one backup; agent prune frees what only it used")
    .usage("[options] SERIES@SELECTOR")
    .argument("<backup>", "which backup, such as prod/shop@latest or @1f2e3d4c; see agent get --help")
    .option("-n, --dry-run", "only show what would be removed")
    .option("--allow-last", "remove it even if it is the last good backup of its series")
    .action((selector: string, options: RmOptions, self: Command) =>
      run(selector, { ...self.parent?.opts(), ...options }, context)
    );
  return withRepositoryOptions(command);
}

async function run(selector: string, options: RmOptions, context: CliContext): Promise<void> {
  if (!selector.includes("@")) {
    throw new UsageError(`Say which backup of "${selector}": ${selector}@latest, or one of "agent ls ${selector}"`);
  }
  const { stdout, stderr, world, signal } = context;
  const { dryRun = false, allowLast = false } = options;
  const request = { kind: "backups", selectors: [selector] } as const;
  const { groups } = await forget(repositoryAccess(options, context), request, world, { dryRun, allowLast, signal });
  for (const { backup } of groups.flatMap(({ remove }) => remove)) {
    if (options.json) await writeJson(stdout, backupJson(backup));
    else if (!options.quiet) {
      const verb = dryRun ? "Would remove" : "Removed";
      const when = formatTime(timestampToDate(backup.started));
      await writeLine(stderr, `${verb} ${printable(backup.series)} ${shortId(backup.id)} of ${when}`);
    }
  }
}
