/** How forget, rotate and rm run: backups are removed and told of, then what only they used, where that is asked for. */
import { Command } from "@commander-js/extra-typings";
import { forget, type ForgetResult, type Forgotten, type RetentionRequest } from "../ops/forget.ts";
import type { PruneProgress } from "../ops/prune.ts";
import type { CliContext } from "./context.ts";
import type { OptionsOf } from "./specification.ts";
import { withProgress } from "./report/progress.ts";
import { pruneAfterwards, type PruneAfterwardsOptions } from "./options/prune_options.ts";
import { pruneStep, reportPrune } from "./report/prune_report.ts";
import { repositoryAccess, type RepositoryOptions } from "./options/repository_options.ts";

/** The options of a policy for `which` on how far it may go. */
export function policyRunGroup(which: "a series" | "the series") {
  return new Command()
    .option("-n, --dry-run", "only show what would be kept and removed, and why")
    .option("--allow-last", `remove even the newest and the last good backup of ${which}`)
    .option("--skip-unreadable", "go on beside snapshots that cannot be read");
}

/** The options that a run looks at. */
export type RetentionRunOptions = RepositoryOptions & PruneAfterwardsOptions & OptionsOf<typeof policyRunGroup>;

/** Whose request it is, and how it tells what went. */
interface RetentionCommand<Options> {
  readonly command: "forget" | "rm" | "rotate";
  tell(forgotten: Forgotten, options: Options, context: CliContext): Promise<void>;
}

/** Runs a request of a command. `tell` reports what went, or would go; a prune comes after that and reports itself. */
export async function runRetention<Options extends RetentionRunOptions>(
  request: RetentionRequest,
  options: Options,
  { command, tell }: RetentionCommand<Options>,
  context: CliContext,
): Promise<ForgetResult> {
  const { world, signal } = context;
  const { dryRun = false, allowLast = false, skipUnreadable = false } = options;
  const limits = pruneAfterwards(options);
  const access = repositoryAccess(options, context);
  return await withProgress({ command }, options, context, async (progress) => {
    const onProgress = (step: PruneProgress) => progress.update(pruneStep(step));
    const result = await forget(access, request, {
      world,
      dryRun,
      allowLast,
      skipUnreadable,
      signal,
      onForgotten: (forgotten) => tell(forgotten, options, context),
      ...limits && { prune: { limits, onProgress } },
    });
    await progress.end();
    if (result.pruned !== null) await reportPrune(result.pruned, progress.seconds, options, context);
    return result;
  });
}

/** Throws why a run that is not dry would remove nothing: a dry one told its plan all the same. */
export function throwRefusal({ refusal }: ForgetResult): void {
  if (refusal !== null) throw refusal;
}
