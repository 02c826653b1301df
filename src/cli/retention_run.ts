/** The common run of forget, rotate, delete-older-than and rm: backups are removed and reported, then pruned if requested. */
import { Command } from "@commander-js/extra-typings";
import { forget, type ForgetResult, type Forgotten, type RetentionRequest } from "../ops/forget.ts";
import type { PruneProgress } from "../ops/prune.ts";
import type { ActionSession } from "../library/events/events.ts";
import { removalOf, removedBy } from "../library/events/removal.ts";
import type { CliContext } from "./context.ts";
import { performAction } from "../library/events/told_action.ts";
import type { OptionsOf } from "./specification.ts";
import { withProgress } from "./report/progress.ts";
import { pruneAfterwards, type PruneAfterwardsOptions } from "./options/prune_options.ts";
import { pruneStep, reportPrune } from "./report/prune_report.ts";
import { repositoryAccess, type RepositoryOptions } from "./options/repository_options.ts";

/** The options that limit a policy; `which` names its series in help. */
export function policyRunGroup(which: "a series" | "the series") {
  return new Command()
    .option("-n, --dry-run", "only show what would be kept and removed, and why")
    .option("--allow-last", `remove even the newest and the last good backup of ${which}`)
    .option("--skip-unreadable", "continue despite snapshots that cannot be read");
}

/** The options that a run uses. */
export type RetentionRunOptions = RepositoryOptions & PruneAfterwardsOptions & OptionsOf<typeof policyRunGroup>;

/** The command, and how it reports what was removed. */
interface RetentionCommand<Options> {
  readonly command: "delete-older-than" | "forget" | "rm" | "rotate";
  tell(forgotten: Forgotten, options: Options, context: CliContext, session: string): Promise<void>;
}

/** Runs a command's request. `tell` reports what was or would be removed; a prune follows and has its own report. */
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
  const run = async ({ id, begin, done }: ActionSession) =>
    await withProgress({ command }, options, context, async (progress) => {
      const onProgress = (step: PruneProgress) => progress.update(pruneStep(step));
      let forgotten: Forgotten | undefined;
      try {
        const result = await forget(access, request, {
          world,
          dryRun,
          allowLast,
          skipUnreadable,
          signal,
          begin,
          onForgotten: (removed) => tell(forgotten = removed, options, context, id),
          ...limits && { prune: { limits, onProgress } },
        });
        await progress.end();
        if (result.pruned !== null) await reportPrune(result.pruned, progress.seconds, options, context);
        return result;
      } catch (error) {
        // What was removed is gone, although it could not be reported, or the prune failed.
        if (forgotten !== undefined) await done(removedBy(request, forgotten));
        throw error;
      }
    });
  const action = { ...removalOf(request), isDry: dryRun };
  return await performAction(action, context, run, (result) => removedBy(request, result));
}

/** Throws the error that a real run would throw, after a dry run has shown its plan. */
export function throwRefusal({ refusal }: ForgetResult): void {
  if (refusal !== null) throw refusal;
}
