/** `agent verify`: a test restore into nothing: every digest, and the guard once more. */
import { Command } from "commander";
import { IntegrityError } from "../../base/errors.ts";
import { formatDuration } from "../../base/duration.ts";
import { formatSize } from "../../base/size.ts";
import { type OpenBackup, type VerifiedStream, withBackup } from "../../ops/get.ts";
import type { CliContext } from "../context.ts";
import { printable, writeJson, writeLine } from "../output.ts";
import { ProgressLine } from "../progress.ts";
import { withoutCache } from "../../ops/access.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../repository_options.ts";

interface VerifyOptions extends RepositoryOptions {
  readonly lock: boolean;
}

/** The command's specification. */
export function verifyCommand(context: CliContext): Command {
  const command = new Command("verify")
    .description("test a restore: read everything, compare every digest, judge the stream again")
    .usage("[options] SERIES[@SELECTOR]")
    .argument("<backup>", "which backup; see agent get --help")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .action((selector: string, options: VerifyOptions, self: Command) =>
      run(selector, { ...self.parent?.opts(), ...options }, context)
    );
  return withRepositoryOptions(command);
}

async function run(selector: string, options: VerifyOptions, context: CliContext): Promise<void> {
  const { stderr, stdout, world, signal } = context;
  const progress = new ProgressLine(stderr, () => world.clock.monotonicMs(), { quiet: options.quiet ?? false });
  const readOptions = {
    signal,
    noLock: !options.lock,
    onProgress: ({ bytesWritten, bytesTotal }: { bytesWritten: number; bytesTotal: number }) =>
      progress.update(() => `${selector}: ${formatSize(bytesWritten)} of ${formatSize(bytesTotal)} verified`),
  };
  try {
    await withBackup(withoutCache(repositoryAccess(options, context)), selector, world, readOptions, async (open) => {
      for (const file of open.files) {
        const verified = await open.read(file, { write: () => Promise.resolve() }, "auto");
        assertSameVerdict(verified);
        await progress.clear();
        if (options.json) await writeJson(stdout, verifiedJson(verified, open));
        else if (!options.quiet) await writeLine(stdout, verifiedLine(verified, progress.seconds));
      }
    });
  } finally {
    await progress.clear();
  }
}

/** A stream that was whole when it was stored has to be whole when it is read. */
function assertSameVerdict({ file, summary: { verdict } }: VerifiedStream): void {
  if (file.expected?.guard?.complete === true && verdict.complete === false) {
    throw new IntegrityError(`"${file.path}" was whole when it was stored and is not any more: ${verdict.reason}`);
  }
}

function verifiedJson({ file, summary }: VerifiedStream, { backup }: OpenBackup) {
  const { size, md5, sha256, verdict } = summary;
  return { id: backup.id, path: file.path, size, md5, sha256, compared: file.expected !== null, guard: verdict };
}

function verifiedLine({ file, summary }: VerifiedStream, seconds: number): string {
  const { verdict, size, md5 } = summary;
  const whole = verdict.complete === null
    ? "format not recognised"
    : `${verdict.format} ${verdict.complete ? "whole" : "not whole"}`;
  const compared = file.expected ? "MD5 and SHA-256 as in the manifest" : `MD5 ${md5}, no manifest to compare with`;
  return `OK ${printable(file.path)}: ${formatSize(size)} in ${formatDuration(seconds * 1000)}; ${compared}; ${whole}`;
}
