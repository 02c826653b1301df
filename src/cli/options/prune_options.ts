/** The options that limit a prune: for `agent prune`, and for commands that can prune afterwards. */
import { Command, Option, type OptionValues } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { parseSize } from "../../base/text/size.ts";
import { DEFAULT_PRUNE_LIMITS, type PruneLimits, type UnusedLimit } from "../../maintain/prune/prune_plan.ts";
import { type OptionsOf, withOptions } from "../specification.ts";

/** The limits of a prune. Each command gets its own options, because they appear below different headings. */
function pruneLimitGroup() {
  return new Command()
    .addOption(
      new Option("--max-unused <limit>", `waste that may stay: percent of the repository, a size, or "unlimited" (5%)`),
    )
    .option("--max-repack-size <size>", "copy at most this many bytes of packs, such as 10G; the next prune continues")
    .option("--repack-cacheable-only", "copy only trees, which a cache holds, and leave data where it is");
}

/** `--prune` and its limits, for commands that remove backups. */
const PRUNE_AFTERWARDS = withOptions(
  new Command()
    .optionsGroup("Pruning:")
    .option("--prune", "if any backups were removed, prune what only they used"),
  pruneLimitGroup(),
);

/** The values of the limits as given. */
type PruneLimitOptions = OptionsOf<typeof pruneLimitGroup>;

/** The values of `--prune` and the limits as given, for commands that prune only with `--prune`. */
export type PruneAfterwardsOptions = OptionsOf<typeof PRUNE_AFTERWARDS>;

/** Adds the limits to `command`. */
export function withPruneLimits<Args extends unknown[], Own extends OptionValues>(command: Command<Args, Own>) {
  return withOptions(command, pruneLimitGroup());
}

/** Adds `--prune` and the limits to `command`, which removes backups. */
export function withPruneAfterwards<Args extends unknown[], Own extends OptionValues>(command: Command<Args, Own>) {
  return withOptions(command, PRUNE_AFTERWARDS);
}

/** The limits that the options specify. Throws `UsageError`. */
export function pruneLimits({ maxUnused, maxRepackSize, repackCacheableOnly }: PruneLimitOptions): PruneLimits {
  const { maxUnused: usualUnused, maxRepackBytes: usualBytes } = DEFAULT_PRUNE_LIMITS;
  return {
    maxUnused: maxUnused === undefined ? usualUnused : parseUnusedLimit(maxUnused),
    maxRepackBytes: maxRepackSize === undefined ? usualBytes : parseSize(maxRepackSize),
    cacheableOnly: repackCacheableOnly ?? false,
  };
}

/**
 * The limits of the prune that follows; undefined if none follows. Throws `UsageError` for limits without `--prune`.
 */
export function pruneAfterwards({ prune, ...limits }: PruneAfterwardsOptions): PruneLimits | undefined {
  const { maxUnused, maxRepackSize, repackCacheableOnly } = limits;
  if (prune) return pruneLimits(limits);
  if (maxUnused === undefined && maxRepackSize === undefined && !repackCacheableOnly) return undefined;
  throw new UsageError("--max-unused, --max-repack-size and --repack-cacheable-only are about pruning: add --prune");
}

/** Parses `5%`, `2G` or `unlimited`. 100% means no limit. */
function parseUnusedLimit(text: string): UnusedLimit {
  if (text === "unlimited") return { bytes: Infinity };
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent === undefined) return { bytes: parseSize(text) };
  if (Number(percent) > 100) throw new UsageError(`No repository can be ${text} waste; write 0% to 100%`);
  return Number(percent) === 100 ? { bytes: Infinity } : { percent: Number(percent) };
}
