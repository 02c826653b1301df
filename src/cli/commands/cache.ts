/** `agent cache`: shows and tidies up the cache of repositories on this machine. */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { formatSize } from "../../base/text/size.ts";
import { type CacheRemoval, type CacheRow, clearCache, listCache, tidyCache } from "../../ops/cache.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { cacheDirectory, cacheLimit } from "../../store/cache/cache_place.ts";
import { cachedRepositoryJson, cacheJson, cacheRemovalJson } from "../report/json/machine_json.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { type Column, formatCount, formatTime, writeJson, writeLine, writeTable } from "../terminal/write.ts";

const NOTES: HelpNotes = { examples: [["agent cache"], ["agent cache --prune", "what is old or too much"]] };

/** The command's specification. */
function specification() {
  return new Command("cache")
    .description("show what is cached of repositories, or tidy it up; always safe: all of it can be read again")
    .addOption(new Option("--cache-dir <dir>", "cache directory (AGENT_CACHE_DIR)"))
    .addOption(
      new Option("--prune", "remove what was not used for 30 days and what exceeds the limit (AGENT_CACHE_LIMIT)")
        .conflicts("clear"),
    )
    .addOption(new Option("--clear", "remove everything"))
    .addOption(new Option("--json", "one JSON object a line"))
    .addOption(new Option("-q, --quiet", "no summary"))
    .addHelpText("after", helpNotes(NOTES));
}

type CacheOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function cacheCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

async function run(options: CacheOptions, context: CliContext): Promise<void> {
  const { env, world } = context;
  const directory = cacheDirectory(options.cacheDir, env);
  if (directory === undefined) throw new UsageError("No cache directory known: use --cache-dir or set AGENT_CACHE_DIR");
  const limitBytes = cacheLimit(env);
  if (options.clear) return await reportRemoval(await clearCache(directory), options, context);
  if (options.prune) return await reportRemoval(await tidyCache(directory, limitBytes, world.clock), options, context);
  await show({ directory, limitBytes, rows: await listCache(directory) }, options, context);
}

async function reportRemoval(removed: CacheRemoval, options: CacheOptions, context: CliContext): Promise<void> {
  const { bytes, files } = removed;
  if (options.json) await writeJson(context.stdout, cacheRemovalJson(removed));
  else if (!options.quiet) {
    await writeLine(context.stderr, `Removed ${formatCount(files, "file")}, ${formatSize(bytes)}`);
  }
}

interface Cache {
  readonly directory: string;
  readonly limitBytes: number;
  readonly rows: readonly CacheRow[];
}

async function show(cache: Cache, options: CacheOptions, { stdout, stderr }: CliContext): Promise<void> {
  const { directory, limitBytes, rows } = cache;
  const totalBytes = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  if (options.json) {
    for (const row of rows) await writeJson(stdout, cachedRepositoryJson(row));
    return await writeJson(stdout, cacheJson(directory, totalBytes, limitBytes));
  }
  await writeTable(stdout, COLUMNS, rows.map(cells));
  if (options.quiet) return;
  await writeLine(stderr, `${formatSize(totalBytes)} of ${formatSize(limitBytes)} in ${directory}`);
}

const COLUMNS: readonly Column[] = [
  { title: "REPOSITORY", align: "left", kind: "name" },
  { title: "ID", align: "left", rank: 2 },
  { title: "SIZE", align: "right" },
  { title: "FILES", align: "right", rank: 1 },
  { title: "LAST USED", align: "left" },
];

function cells({ id, address, bytes, files, lastUsed }: CacheRow): string[] {
  return [
    address ?? "-",
    id.slice(0, 10),
    formatSize(bytes),
    String(files),
    lastUsed === null ? "-" : formatTime(lastUsed),
  ];
}
