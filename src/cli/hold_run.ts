/** How hold and release run, which differ in a word. */
import { shortId } from "../base/id.ts";
import { timestampToDate } from "../format/time.ts";
import { setHold } from "../ops/hold.ts";
import { backupJson } from "./backup_json.ts";
import type { CliContext } from "./context.ts";
import { formatTime, writeJson, writeLine } from "./output.ts";
import { repositoryAccess, type RepositoryOptions } from "./repository_options.ts";

/** Puts a backup on hold, or lets it go, and says so. */
export async function runHold(
  request: { readonly selector: string; readonly hold: boolean },
  options: RepositoryOptions,
  context: CliContext,
): Promise<void> {
  const { stdout, stderr, world, signal } = context;
  const { backup, isUnchanged } = await setHold(repositoryAccess(options, context), request, world, signal);
  if (options.json) return await writeJson(stdout, backupJson(backup));
  if (options.quiet) return;
  const { series, id, started } = backup;
  const name = `${series} ${shortId(id)} of ${formatTime(timestampToDate(started))}`;
  const held = isUnchanged ? "is already on hold" : "is on hold";
  const released = isUnchanged ? "was not on hold" : "is no longer on hold";
  await writeLine(stderr, `${name} ${request.hold ? held : released}`);
}
