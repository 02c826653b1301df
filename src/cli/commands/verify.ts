/**
 * `agent verify`: a test restore without output. It checks every digest, the guard's verdict, and the manifests of the
 * chain. With `--restore` a database really restores it.
 */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import type { CheckedMember } from "../../backup/chain/chain_check.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { formatSize } from "../../base/text/size.ts";
import type { VerifiedFiles } from "../../backup/files/verify_files.ts";
import type { VerifiedStream } from "../../backup/content/read_verified.ts";
import { type OpenBackup, withBackup } from "../../ops/restore/get.ts";
import { verifyBackup } from "../../ops/restore/verify_backup.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount, writeJson, writeLine } from "../terminal/write.ts";
import { withProgress } from "../report/progress.ts";
import { withoutCache } from "../../ops/access.ts";
import { withMatchingSeries, withMatchOption } from "../options/match_option.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import { verifiedChainJson, verifiedFilesJson, verifiedJson } from "../report/json/streams_json.ts";
import { StreamCounter } from "../report/stream_counter.ts";
import { collect } from "../options/repeated_options.ts";
import { runVerifyRestore } from "../verify_restore_run.ts";
import { describeWholeness } from "../report/wholeness.ts";

const NOTES: HelpNotes = {
  about: [
    "Streams are compared with the manifest, files with the list of digests. A snapshot of another tool has neither: " +
    "its chunks are verified, and the MD5 of each file is told. Exit code 4: do not use what a restore would give.",
    "--restore brings a dump of MariaDB, MySQL, PostgreSQL or SQLite into a database, has the server check it, counts " +
    'the rows, and asks each --query. "scratch" starts a server of the programs of this machine, without a network, ' +
    "and removes it again. A URL names a database that is empty or missing; what was restored stays there.",
    'The verdict is kept, and "agent status" and "agent show" tell it. Exit code 4: the backup cannot be restored, or a ' +
    "check was not met. Exit code 1: that could not be tried, and nothing is known.",
  ],
  examples: [
    ["agent verify prod/shop", "the latest"],
    ["agent verify etc/host@2026-08-30", "as of a day"],
    ["agent verify prod/shop --chain", "whether the chain is whole, without reading streams"],
    ["agent verify prod/shop --restore scratch"],
    ["agent verify prod/shop --restore scratch --query 'SELECT 1 FROM t' --expect =1"],
    ["agent verify prod/shop --restore mysql://root@localhost/trial", "into a server that runs"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("verify")
    .description("test a restore: read everything, compare every digest, judge the stream again, check the chain")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--restore <place>", "restore it on trial: into scratch, or into an empty database at a URL")
    .option("--query <sql>", "with --restore, a query whose first value is compared; repeatable", collect)
    .option("--expect <value>", "what that --query has to give: =5, !=0, >1000, <=9, ~REGEX; repeatable", collect)
    .option("--database <name>", "the database of the queries, if the backup holds several")
    .option("--chain", "only check the manifests of its chain; read no streams")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(withMatchOption(command));
}

type VerifyOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function verifyCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((selector, options, self) => {
    const all = allOptions(self, options);
    return withMatchingSeries([selector], all, context, ([meant], asked) => run(meant!, all, asked));
  });
}

async function run(selector: string, options: VerifyOptions, context: CliContext): Promise<void> {
  const { restore } = options;
  if (restore !== undefined) {
    if (options.chain) throw new UsageError("Give --chain or --restore, not both");
    return await runVerifyRestore(selector, repositoryAccess(options, context), { ...options, restore }, context);
  }
  if (options.query ?? options.expect ?? options.database) {
    throw new UsageError("--query, --expect and --database need --restore: name the place, such as --restore scratch");
  }
  const { stdout, world, signal } = context;
  await withProgress({ command: "verify", name: selector }, options, context, async (progress) => {
    const access = withoutCache(repositoryAccess(options, context));
    const streams = new StreamCounter(progress);
    const request = { selector, noLock: !options.lock, opensHere: true };
    await withBackup(access, request, { world, signal, onProgress: streams.take }, async (open) => {
      streams.expect(open.files);
      const { chain } = await verifyBackup(open, {
        chainOnly: options.chain === true,
        async onStream(verified) {
          if (options.json) await writeJson(stdout, verifiedJson(verified, open.backup));
          else if (!options.quiet) await writeLine(stdout, verifiedLine(verified, progress.seconds));
        },
        onFiles: (verified) => tellFiles(open, verified, progress.seconds, options, context),
        onChain: (members) => options.json ? writeJson(stdout, verifiedChainJson(open.backup.id, members)) : undefined,
      });
      if (chain !== null && !options.json && !options.quiet) await writeLine(stdout, chainLine(open, chain));
    });
  });
}

/** Tells what was read of a backup of files. */
async function tellFiles(
  { backup }: OpenBackup,
  verified: VerifiedFiles,
  seconds: number,
  options: VerifyOptions,
  { stdout }: CliContext,
): Promise<void> {
  const { files, bytes, compared } = verified;
  if (options.json) return await writeJson(stdout, verifiedFilesJson(verified, backup));
  if (options.quiet) return;
  const unknown = compared === files ? "" : `; no digests are known of ${formatCount(files - compared, "file")}`;
  await writeLine(
    stdout,
    `OK ${backup.series}: ${formatCount(files, "file")}, ${formatSize(bytes)} in ${formatDuration(seconds * 1000)}; ` +
      `MD5 and SHA-256 as in the list of digests${unknown}`,
  );
}

function chainLine({ backup: { series, info } }: OpenBackup, members: readonly CheckedMember[]): string {
  if (info === null) return `OK chain of ${series}: made by another tool, no manifest`;
  const gone = members.filter(({ state }) => state === "gone").length;
  const read = formatCount(members.length - gone, "manifest");
  return `OK chain of ${series}: level ${info.level}, ${read} read and linked${gone > 0 ? `, ${gone} gone` : ""}`;
}

function verifiedLine({ file, summary }: VerifiedStream, seconds: number): string {
  const { verdict, size, md5 } = summary;
  const judged = verdict.complete === null
    ? "format not recognised"
    : `${verdict.format} ${describeWholeness(verdict.format, verdict.complete)}`;
  // What an engine left for the next level, and the files of a tree, were never judged.
  const whole = file.expected?.guard === null ? "not a stream" : judged;
  const compared = file.expected ? "MD5 and SHA-256 as in the manifest" : `MD5 ${md5}, no manifest to compare with`;
  return `OK ${file.path}: ${formatSize(size)} in ${formatDuration(seconds * 1000)}; ${compared}; ${whole}`;
}
