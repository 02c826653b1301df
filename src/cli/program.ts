/** The whole command line: all commands, and how an error becomes a message and an exit code. */
import { Command, type CommanderError, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { ExitCode, UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/text/nearest_name.ts";
import { cacheCommand } from "./commands/cache.ts";
import { chainCommand } from "./commands/chain.ts";
import { checkCommand } from "./commands/check.ts";
import { copyCommand } from "./commands/copy.ts";
import { diffCommand } from "./commands/diff.ts";
import { filesCommand } from "./commands/files.ts";
import { findCommand } from "./commands/find.ts";
import { forgetCommand } from "./commands/forget.ts";
import { getCommand } from "./commands/get.ts";
import { holdCommand, releaseCommand } from "./commands/hold.ts";
import { initCommand } from "./commands/init.ts";
import { keyCommand } from "./commands/key.ts";
import { lsCommand } from "./commands/ls.ts";
import { pruneCommand } from "./commands/prune.ts";
import { putCommand } from "./commands/put.ts";
import { repairCommand } from "./commands/repair.ts";
import { rmCommand } from "./commands/rm.ts";
import { rotateCommand } from "./commands/rotate.ts";
import { serveCommand } from "./commands/serve.ts";
import { showCommand } from "./commands/show.ts";
import { statsCommand } from "./commands/stats.ts";
import { statusCommand } from "./commands/status.ts";
import { tablesCommand } from "./commands/tables.ts";
import { tagCommand } from "./commands/tag.ts";
import { unlockCommand } from "./commands/unlock.ts";
import { verifyCommand } from "./commands/verify.ts";
import { versionCommand, versionLine } from "./commands/version.ts";
import { refuseBytes, type TakesBytes } from "./byte_arguments.ts";
import type { CliContext } from "./context.ts";
import { reportFailure } from "./report/failure_report.ts";
import { HELP_ORDER, helpColumns, type HelpNotes, helpNotes } from "./terminal/help_text.ts";
import { writeText } from "./terminal/write.ts";
import { PATH_BYTES } from "./options/put_paths.ts";
import { RESTORE_BYTES } from "./options/restore_options.ts";
import { withRepositoryOptions } from "./options/repository_options.ts";

const OVERVIEW: HelpNotes = {
  about: [
    "Exit codes: 0 done; 1 failed; 2 wrong usage, or no such backup; 3 the source was incomplete, nothing committed; 4 " +
    "integrity: what was read is not what was written; 5 a backup is overdue; 6 done in part, what is missing is named; " +
    "10 no repository there; 11 locked; 12 wrong password; 130 interrupted.",
    "The variables of the repository and the password, AGENT_CACERT and AGENT_TLS_CLIENT_CERT also work under the " +
    "names that restic gives them: RESTIC_REPOSITORY and so on. Options win over variables, AGENT_ over RESTIC_.",
  ],
  examples: [
    ["export AGENT_REPOSITORY=/backup/repo"],
    ["export AGENT_PASSWORD_FILE=/etc/agent.password"],
    ["agent init --new-password-file /etc/agent.password"],
    ["mysqldump --single-transaction shop | agent put prod/shop"],
    ["agent get prod/shop | mysql shop"],
  ],
};

/** The commands that take names which need not be UTF-8. */
const TAKE_BYTES: Readonly<Record<string, TakesBytes>> = { get: RESTORE_BYTES, put: PATH_BYTES };

/** Runs one command line, without the program's own name, and returns the exit code. Never throws. */
export async function runCommandLine(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const { own, commandLine } = splitCommandLine(args);
  const help: string[] = [];
  try {
    const run = runProgram(buildProgram({ ...context, commandLine }, (text) => help.push(text)), own);
    await (context.tooLate ? Promise.race([run, context.tooLate]) : run);
    for (const text of help) await writeText(context.stdout, text.trimEnd());
    return ExitCode.done;
  } catch (error) {
    return await reportFailure(error, context, {
      json: asksForJson(args),
      debug: own.includes("--debug"),
    });
  }
}

/** Whether JSON is requested. Determined before the options are parsed, because parsing may fail. */
export function asksForJson(args: readonly string[]): boolean {
  return splitCommandLine(args).own.includes("--json");
}

/** Whether a quiet run is requested, as far as can be told before the options are parsed. */
export function asksForQuiet(args: readonly string[]): boolean {
  return splitCommandLine(args).own.some((arg) => arg === "--quiet" || arg === "-q");
}

/** Whether child processes should get the secrets of the environment. Determined before any is started. */
export function asksToPassSecrets(args: readonly string[]): boolean {
  return splitCommandLine(args).own.includes("--pass-secrets");
}

/** Splits off everything after the first `--`, which is a command to run. */
function splitCommandLine(args: readonly string[]) {
  const at = args.indexOf("--");
  return at < 0 ? { own: args, commandLine: undefined } : { own: args.slice(0, at), commandLine: args.slice(at + 1) };
}

/** Runs the command. Commander ends help and version with an error that is not a failure. */
async function runProgram(program: CommandUnknownOpts, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommandMistake)) throw error;
    if (error.reason.exitCode !== 0) throw mistakeError(error);
  }
}

/** `writeHelp` gets help and version texts. */
function buildProgram(context: CliContext, writeHelp: (text: string) => void): CommandUnknownOpts {
  const program = withRepositoryOptions(new Command("agent"))
    .description("Backs up streams: deduplicated, encrypted, verified, in repositories that restic can read.")
    .addOption(debugOption())
    .optionsGroup("Options:")
    .version(versionLine(context.version), "-V, --version", "show the version")
    .addHelpText("after", helpNotes(OVERVIEW))
    .helpCommand(false)
    .hook("preAction", (_, command) => refuseBytes(command, context.commandLine, TAKE_BYTES[command.name()]))
    .showSuggestionAfterError();
  const commands = [
    initCommand,
    putCommand,
    getCommand,
    lsCommand,
    showCommand,
    chainCommand,
    filesCommand,
    findCommand,
    diffCommand,
    statusCommand,
    statsCommand,
    verifyCommand,
    copyCommand,
    checkCommand,
    repairCommand,
    forgetCommand,
    rotateCommand,
    rmCommand,
    holdCommand,
    releaseCommand,
    tagCommand,
    pruneCommand,
    tablesCommand,
    keyCommand,
    unlockCommand,
    serveCommand,
    cacheCommand,
    versionCommand,
  ];
  for (const command of commands) program.addCommand(command(context));
  program.addCommand(helpCommand(program));
  for (const command of everyCommand(program)) {
    command
      .exitOverride((error) => {
        throw new CommandMistake(command, error);
      })
      .allowExcessArguments(false)
      .configureHelp(HELP_ORDER)
      .configureOutput({
        writeOut: writeHelp,
        writeErr: () => {},
        outputError: () => {},
        getOutHelpWidth: () => helpColumns(context),
      })
      .optionsGroup("Options:")
      .helpOption("-h, --help", "show this help");
    if (command !== program) command.addOption(debugOption());
  }
  return program;
}

/** `agent help [COMMAND...]`: the same as --help. */
function helpCommand(program: CommandUnknownOpts): CommandUnknownOpts {
  return new Command("help")
    .description("show what a command does and which options it has")
    .argument("[command...]", "which one, such as put or key add")
    .action((names: string[]) => names.reduce(subcommandOf, program).outputHelp());
}

function subcommandOf(command: CommandUnknownOpts, name: string): CommandUnknownOpts {
  const found = command.commands.find((child) => child.name() === name);
  if (found !== undefined) return found;
  throw new UsageError(noSuchCommand(command, name));
}

function debugOption(): Option {
  return new Option("--debug", "show where an error comes from").helpGroup("Options:");
}

function* everyCommand(command: CommandUnknownOpts): Generator<CommandUnknownOpts> {
  yield command;
  for (const child of command.commands) yield* everyCommand(child);
}

/** An error of commander, with the command it concerns. Help and version also end with one. */
class CommandMistake extends Error {
  constructor(readonly command: CommandUnknownOpts, readonly reason: CommanderError) {
    super(reason.message);
  }
}

/** An error of commander in our words, with advice. */
function mistakeError({ command, reason }: CommandMistake): UsageError {
  if (reason.code === "commander.help") return new UsageError(missingCommand(command));
  if (reason.code === "commander.unknownCommand") {
    return new UsageError(noSuchCommand(command, command.args[0]!), { cause: reason });
  }
  const text = reason.message.replace(/^error: /, "").replace(/\.$/, "").replaceAll("\n", " ");
  return new UsageError(`${text.charAt(0).toUpperCase()}${text.slice(1)}${adviceFor(text, command)}`, {
    cause: reason,
  });
}

function missingCommand(command: CommandUnknownOpts): string {
  const name = commandLineOf(command);
  if (command.parent === null) return 'Say what to do: "agent --help" shows the commands';
  const names = command.commands.map((child) => child.name());
  return `Say what "${name}" is to do: ${names.join(", ")}; "${name} --help" tells what they are`;
}

/** Names that other programs use for our commands. By spelling alone, `delete` would suggest `release`. */
const WORDS_OF_OTHERS: Readonly<Record<string, string>> = {
  backup: "put",
  create: "put",
  delete: "rm",
  list: "ls",
  remove: "rm",
  restore: "get",
  snapshots: "ls",
};

/** Advice for errors for which commander has none. */
function adviceFor(text: string, command: CommandUnknownOpts): string {
  if (/\(Did you mean|Allowed choices/.test(text)) return "";
  return `; see "${commandLineOf(command)} --help"`;
}

function noSuchCommand(command: CommandUnknownOpts, name: string): string {
  const names = command.commands.map((child) => child.name());
  const own = commandLineOf(command);
  const advice = command.parent === null && Object.hasOwn(WORDS_OF_OTHERS, name)
    ? `; did you mean "${WORDS_OF_OTHERS[name]}"?`
    : didYouMean(name, names) || `; see "${own} --help"`;
  return `There is no command "${own} ${name}"${advice}`;
}

/** The full name of a command, such as `agent key add`. */
function commandLineOf(command: CommandUnknownOpts): string {
  return command.parent === null ? command.name() : `${commandLineOf(command.parent)} ${command.name()}`;
}
