/** `agent chain`: the backups that lead from a level 0 to the one asked for. */
import { Command } from "commander";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/size.ts";
import type { ChainMember } from "../../backup/chain.ts";
import { timestampToDate } from "../../format/time.ts";
import { listChain } from "../../ops/list.ts";
import { backupJson } from "../backup_json.ts";
import type { CliContext } from "../context.ts";
import { formatTime, writeJson, writeLine } from "../output.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

/** The command's specification. */
export function chainCommand(context: CliContext): Command {
  const command = new Command("chain")
    .description("show the chain of a backup, its level 0 first")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .action((selector: string, options: RepositoryOptions, self: Command) =>
      run(selector, { ...self.parent?.opts(), ...options }, context)
    );
  return withRepositoryOptions(command);
}

async function run(selector: string, options: RepositoryOptions, context: CliContext): Promise<void> {
  const { stdout, world } = context;
  const members = await listChain(repositoryAccess(options, context), selector, world);
  for (const member of members) {
    if (options.json) await writeJson(stdout, memberJson(member));
    else await writeLine(stdout, memberLine(member));
  }
}

function memberJson({ id, level, backup }: ChainMember) {
  return backup === null ? { id, level, gone: true } : { ...backupJson(backup), gone: false };
}

/** Each level is drawn below the one it follows. */
function memberLine({ id, level, backup }: ChainMember): string {
  const depth = level ?? 0;
  const branch = depth === 0 ? "" : "  ".repeat(Math.min(depth, 20) - 1) + "└─ ";
  const head = `${branch}level ${level ?? "-"}  ${shortId(id)}`;
  if (backup === null) return `${head}  gone; what follows it restores all the same`;
  const { info, started } = backup;
  const time = formatTime(timestampToDate(started));
  if (info === null) return `${head}  ${time}  made by another tool`;
  const added = `${formatSize(info.size)}, ${formatSize(info.added)} new, ${formatSize(info.stored)} stored`;
  const verdict = info.complete === null ? info.guard : `${info.guard} ${info.complete ? "whole" : "not whole"}`;
  return `${head}  ${time}  ${added}  ${verdict}${info.runType ? `  ${info.runType}` : ""}`;
}
