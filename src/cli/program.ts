/** The command line as a whole: all commands, and how what goes wrong becomes a line and an exit code. */
import { Command, CommanderError, Option } from "commander";
import { ExitCode, UsageError } from "../base/errors.ts";
import { cacheCommand } from "./commands/cache.ts";
import { chainCommand } from "./commands/chain.ts";
import { checkCommand } from "./commands/check.ts";
import { forgetCommand } from "./commands/forget.ts";
import { getCommand } from "./commands/get.ts";
import { holdCommand } from "./commands/hold.ts";
import { initCommand } from "./commands/init.ts";
import { keyCommand } from "./commands/key.ts";
import { lsCommand } from "./commands/ls.ts";
import { pruneCommand } from "./commands/prune.ts";
import { putCommand } from "./commands/put.ts";
import { releaseCommand } from "./commands/release.ts";
import { repairCommand } from "./commands/repair.ts";
import { rmCommand } from "./commands/rm.ts";
import { rotateCommand } from "./commands/rotate.ts";
import { serveCommand } from "./commands/serve.ts";
import { showCommand } from "./commands/show.ts";
import { statusCommand } from "./commands/status.ts";
import { unlockCommand } from "./commands/unlock.ts";
import { verifyCommand } from "./commands/verify.ts";
import { versionCommand, versionLine } from "./commands/version.ts";
import type { CliContext } from "./context.ts";
import { reportFailure } from "./failure.ts";
import { writeText } from "./output.ts";
import { withRepositoryOptions } from "./repository_options.ts";

const OVERVIEW = `
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the source was incomplete, nothing committed; 4 integrity: what was read
is not what was written; 5 a backup is overdue; 10 no repository there; 11 locked; 12 wrong password; 130 interrupted.

A first backup:
  export AGENT_REPOSITORY=/backup/repo AGENT_PASSWORD_FILE=/etc/agent.password
  agent init --new-password-file /etc/agent.password
  mysqldump --single-transaction shop | agent put prod/shop
  agent get prod/shop | mysql shop`;

/** Runs one command line (without the program's own name) and gives the exit code. Never throws. */
export async function runCommandLine(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const { own, commandLine } = splitCommandLine(args);
  const help: string[] = [];
  try {
    const run = runProgram(buildProgram({ ...context, commandLine }, (text) => help.push(text)), own);
    await (context.tooLate ? Promise.race([run, context.tooLate]) : run);
    for (const text of help) await writeText(context.stdout, text.trimEnd());
    return ExitCode.done;
  } catch (error) {
    return await reportFailure(error instanceof CommanderError ? usageError(error) : error, context, {
      json: asksForJson(args),
      debug: own.includes("--debug"),
    });
  }
}

/** Whether JSON is asked for: known before the options are, since reading them may be what goes wrong. */
export function asksForJson(args: readonly string[]): boolean {
  return splitCommandLine(args).own.includes("--json");
}

/** Whether no more than results and warnings are wanted, as far as that can be told before the options are read. */
export function asksForQuiet(args: readonly string[]): boolean {
  return splitCommandLine(args).own.some((arg) => arg === "--quiet" || arg === "-q");
}

/** Everything behind the first `--` is a command to run, whatever it looks like. */
function splitCommandLine(args: readonly string[]) {
  const at = args.indexOf("--");
  return at < 0 ? { own: args, commandLine: undefined } : { own: args.slice(0, at), commandLine: args.slice(at + 1) };
}

/** Help and version end commander with an error that is none. */
async function runProgram(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  }
}

/** `writeHelp` gets help and version where they are asked for. */
function buildProgram(context: CliContext, writeHelp: (text: string) => void): Command {
  const program = withRepositoryOptions(new Command("agent"))
    .description("Backs up streams: deduplicated, encrypted, verified, in repositories that restic can read.")
    .addOption(debugOption())
    .version(versionLine(context.version), "-V, --version", "tell the version")
    .addHelpText("after", OVERVIEW)
    .showSuggestionAfterError();
  const commands = [
    initCommand,
    putCommand,
    getCommand,
    lsCommand,
    showCommand,
    chainCommand,
    statusCommand,
    verifyCommand,
    checkCommand,
    repairCommand,
    forgetCommand,
    rotateCommand,
    rmCommand,
    holdCommand,
    releaseCommand,
    pruneCommand,
    keyCommand,
    unlockCommand,
    serveCommand,
    cacheCommand,
    versionCommand,
  ];
  for (const command of commands) program.addCommand(command(context));
  for (const command of everyCommand(program)) {
    command.exitOverride().allowExcessArguments(false).configureOutput({
      writeOut: writeHelp,
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => context.stdout.isTerminal ? context.stdout.columns() : 100,
    });
    if (command !== program) command.addOption(debugOption());
  }
  return program;
}

function debugOption(): Option {
  return new Option("--debug", "show where an error comes from").helpGroup("Options:");
}

function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* everyCommand(child);
}

/** What commander has to say, in our words. */
function usageError(error: CommanderError): UsageError {
  if (error.code === "commander.help") return new UsageError(`Say what to do: "agent --help" shows the commands`);
  const text = error.message.replace(/^error: /, "").replace(/\.$/, "").replaceAll("\n", " ");
  const hint = /^too many arguments for 'put'/.test(text) ? "; a command to run goes behind --" : "";
  return new UsageError(`${text.charAt(0).toUpperCase()}${text.slice(1)}${hint}`, { cause: error });
}
