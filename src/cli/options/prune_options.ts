/** The options that say how far a prune goes: of `agent prune`, and of the commands that can prune afterwards. */
import { type Command, Option } from "commander";
import { UsageError } from "../../base/errors.ts";
import { parseSize } from "../../base/text/size.ts";
import { DEFAULT_PRUNE_LIMITS, type PruneLimits, type UnusedLimit } from "../../maintain/prune/prune_plan.ts";

/** The values of these options as they were given. */
export interface PruneLimitOptions {
  readonly maxUnused?: string;
  readonly maxRepackSize?: string;
  readonly repackCacheableOnly?: boolean;
}

/** The same of a command that prunes only where it is told to. */
export interface PruneAfterwardsOptions extends PruneLimitOptions {
  readonly prune?: boolean;
}

/** Adds the limits to a command. */
export function withPruneLimits(command: Command): Command {
  return command
    .addOption(
      new Option("--max-unused <limit>", `waste that may stay: percent of the repository, a size, or "unlimited" (5%)`),
    )
    .option("--max-repack-size <size>", "copy no more packs than this at once, such as 10G; the next prune goes on")
    .option("--repack-cacheable-only", "copy only trees, which a cache holds, and leave data where it is");
}

/** Adds `--prune` and its limits to a command that removes backups. */
export function withPruneAfterwards(command: Command): Command {
  return withPruneLimits(
    command.optionsGroup("Pruning:")
      .option("--prune", "then remove what only those backups used, as agent prune does, if any were removed"),
  );
}

/** The limits that options mean. Throws `UsageError`. */
export function pruneLimits({ maxUnused, maxRepackSize, repackCacheableOnly }: PruneLimitOptions): PruneLimits {
  const { maxUnused: usualUnused, maxRepackBytes: usualBytes } = DEFAULT_PRUNE_LIMITS;
  return {
    maxUnused: maxUnused === undefined ? usualUnused : parseUnusedLimit(maxUnused),
    maxRepackBytes: maxRepackSize === undefined ? usualBytes : parseSize(maxRepackSize),
    cacheableOnly: repackCacheableOnly ?? false,
  };
}

/** The limits of the prune that is to follow; undefined where none is. Throws `UsageError` for limits without it. */
export function pruneAfterwards({ prune, ...limits }: PruneAfterwardsOptions): PruneLimits | undefined {
  const { maxUnused, maxRepackSize, repackCacheableOnly } = limits;
  if (prune) return pruneLimits(limits);
  if (maxUnused === undefined && maxRepackSize === undefined && !repackCacheableOnly) return undefined;
  throw new UsageError("--max-unused, --max-repack-size and --repack-cacheable-only are about pruning: add --prune");
}

/** `5%`, `2G` or `unlimited`. Of all there is 100 % may always stay. */
function parseUnusedLimit(text: string): UnusedLimit {
  if (text === "unlimited") return { bytes: Infinity };
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent === undefined) return { bytes: parseSize(text) };
  if (Number(percent) > 100) throw new UsageError(`No repository can be ${text} waste; write 0% to 100%`);
  return Number(percent) === 100 ? { bytes: Infinity } : { percent: Number(percent) };
}
