/** The whole command line: all commands, and how an error becomes a message and an exit code. */
import { Command, type CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type AgentError, ExitCode, UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/text/nearest_name.ts";
import { COMMAND_NAMES, loadCommands, type LoadedCommand, NAMES_THAT_NEED_ALL } from "./command_list.ts";
import { versionLine } from "./commands/version.ts";
import { refuseBytes, type TakesBytes } from "./byte_arguments.ts";
import type { CliContext } from "./context.ts";
import type { VersionInfo } from "../library/machine/version.ts";
import { type CommandDescription, describeCommand } from "./manual/description.ts";
import { EXIT_CODES } from "./manual/facts.ts";
import { withPlugins } from "./plugins/active_plugins.ts";
import { makePluginCommand } from "./plugins/make_plugin_command.ts";
import { reportFailure } from "./report/failure_report.ts";
import { HELP_ORDER, helpColumns, type HelpNotes, helpNotes } from "./terminal/help_text.ts";
import { writeText } from "./terminal/write.ts";
import { withHooks } from "./hooks/active_hooks.ts";
import { applySettings } from "./settings/apply_settings.ts";
import { commandName } from "./settings/origin.ts";
import { RecordedCommand, usesRepository } from "./catalogue/recorded_command.ts";
import { configurationOptions, debugOption } from "./options/program_options.ts";
import { withRepositoryOptions } from "./options/repository_options.ts";

const OVERVIEW: HelpNotes = {
  about: [
    `Exit codes: ${EXIT_CODES.map(([code, meaning]) => `${code} ${meaning}`).join("; ")}.`,
    "The variables of the repository and the password, AGENT_CACERT and AGENT_TLS_CLIENT_CERT also work under the " +
    "names that restic gives them: RESTIC_REPOSITORY and so on. Options win over variables, AGENT_ over RESTIC_.",
  ],
  examples: [
    ["export AGENT_REPOSITORY=/backup/repo"],
    ["export AGENT_PASSWORD_FILE=/etc/agent.password"],
    ["agent init --new-password-file /etc/agent.password"],
    ["mysqldump --single-transaction shop | agent put prod/shop"],
    ["agent get prod/shop | mysql shop"],
    ["agent put etc/host /etc"],
    ["agent get etc/host --target /restore"],
  ],
};

/**
 * Runs one command line, without the program's own name, and returns the exit code. Never throws. The catalogue of this
 * machine hears of it when all is done.
 */
export async function runCommandLine(args: readonly string[], around: CliContext): Promise<ExitCode> {
  const recorded = RecordedCommand.begin(around);
  const { exitCode, thrown } = await runToEnd(args, recorded?.context ?? around);
  await recorded?.end(exitCode, thrown);
  return exitCode;
}

/** How a command line ended. */
interface CommandEnd {
  readonly exitCode: ExitCode;
  /** What the command threw; undefined if it did its work. */
  readonly thrown?: unknown;
}

async function runToEnd(args: readonly string[], context: CliContext): Promise<CommandEnd> {
  const { own, commandLine } = splitCommandLine(args);
  const json = asksForJson(args);
  const speech = { json, quiet: asksForQuiet(args), commands: [...COMMAND_NAMES, HELP] };
  try {
    // Hooks are part of what a command is given, since the file that names them is read when its options are parsed.
    const run = withPlugins(own, { ...context, commandLine }, speech, (context) => {
      return withHooks(context, (context) => runProgram(own, context));
    });
    for (const text of await (context.tooLate ? Promise.race([run, context.tooLate]) : run)) {
      await writeText(context.stdout, text.trimEnd());
    }
    return { exitCode: ExitCode.done };
  } catch (error) {
    const exitCode = await reportFailure(error, context, {
      json: json || (context.settings?.isOn("json") ?? false),
      debug: own.includes("--debug") || (context.settings?.isOn("debug") ?? false),
    });
    return { exitCode, thrown: error };
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

/** Runs the command, and returns the texts of help and version if these were asked for. */
async function runProgram(args: readonly string[], context: CliContext): Promise<readonly string[]> {
  const needsAll = args.some((arg) => NAMES_THAT_NEED_ALL.includes(arg));
  const first = await attempt(args, needsAll ? COMMAND_NAMES : args, context);
  // What concerns the program as a whole, such as its help, concerns all commands. None has run then.
  const isOfAll = first.mistake?.command.parent === null;
  const { help, mistake } = isOfAll ? await attempt(args, COMMAND_NAMES, context) : first;
  if (mistake !== undefined && mistake.reason.exitCode !== 0) throw mistakeError(mistake, context);
  return help;
}

/** All commands as data, for what is made of them outside of the program. */
export async function describeProgram(version: VersionInfo): Promise<CommandDescription> {
  // Definitions are made in a context for the sake of what runs them; nothing runs here.
  const context = { version } as CliContext;
  return describeCommand(buildProgram(await loadCommands(COMMAND_NAMES), context, () => {}));
}

/** What an attempt came to. Commander ends help and version with an error that is not a failure. */
interface Attempt {
  readonly help: readonly string[];
  readonly mistake?: CommandMistake;
}

/** Runs the command if it is one of those named; other names mean nothing. */
async function attempt(args: readonly string[], names: readonly string[], context: CliContext): Promise<Attempt> {
  const help: string[] = [];
  const follow = async (next: readonly string[]) => void help.push(...await runProgram(next, context));
  const program = buildProgram(await loadCommands(names), { ...context, follow }, (text) => help.push(text));
  try {
    await program.parseAsync(args, { from: "user" });
    return { help };
  } catch (error) {
    if (error instanceof CommandMistake) return { help, mistake: error };
    throw error;
  }
}

/** A program of these commands. `writeHelp` gets help and version texts. */
function buildProgram(
  loaded: readonly LoadedCommand[],
  context: CliContext,
  writeHelp: (text: string) => void,
): CommandUnknownOpts {
  const program = withRepositoryOptions(new Command("agent"))
    .description("Backs up streams and files: deduplicated, encrypted, verified, in repositories that restic can read.")
    .addOption(debugOption())
    .optionsGroup("Options:")
    .version(versionLine(context.version), "-V, --version", "show the version")
    .addHelpText("after", helpNotes(OVERVIEW))
    .helpCommand(false)
    .showSuggestionAfterError();
  for (const registered of context.plugins?.commands ?? []) program.addCommand(makePluginCommand(registered, context));
  const bytesOf = new Map<CommandUnknownOpts, TakesBytes | undefined>();
  for (const { make, bytes, isHidden = false } of loaded) {
    const command = make(context);
    bytesOf.set(command, bytes);
    program.addCommand(command, { hidden: isHidden });
  }
  program.hook("preAction", (_, command) => refuseBytes(command, context.commandLine, bytesOf.get(command)));
  program.hook("preAction", async (_, command) => {
    if (!isAboutConfiguration(command)) await applySettings(command, context);
    context.hooks?.takeOptions(command.optsWithGlobals());
    if (usesRepository(command)) context.recording?.begin(commandName(command));
  });
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
    for (const option of configurationOptions()) command.addOption(option);
    if (command !== program) command.addOption(debugOption());
  }
  return program;
}

/** The command that shows help. */
const HELP = "help";

/** `agent help [COMMAND...]`: the same as --help. */
function helpCommand(program: CommandUnknownOpts): CommandUnknownOpts {
  return new Command(HELP)
    .description("show what a command does and which options it has")
    .argument("[command...]", "which one, such as put or key add")
    .action((names: string[]) => names.reduce(subcommandOf, program).outputHelp());
}

function subcommandOf(command: CommandUnknownOpts, name: string): CommandUnknownOpts {
  const found = command.commands.find((child) => child.name() === name);
  if (found !== undefined) return found;
  throw new UsageError(noSuchCommand(command, name));
}

/** Commands that have to run whatever the configuration file says, above all those that show what is wrong in it. */
function isAboutConfiguration(command: CommandUnknownOpts): boolean {
  const [first] = commandName(command).split(" ");
  return first === "config" || first === "configure" || first === "version" || first === HELP;
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
function mistakeError({ command, reason }: CommandMistake, { plugins }: CliContext): AgentError {
  if (reason.code === "commander.help") return new UsageError(missingCommand(command));
  if (reason.code === "commander.unknownCommand") {
    const name = command.args[0]!;
    const error = new UsageError(noSuchCommand(command, name), { cause: reason });
    return command.parent === null ? plugins?.explain("command", name, error) ?? error : error;
  }
  const text = reason.message.replace(/^error: /, "").replace(/\.$/, "").replaceAll("\n", " ");
  const unknown = /^unknown option '([^'=]+)/.exec(text)?.[1] ?? "";
  const ofOthers = optionsOfOthers(command.name());
  if (Object.hasOwn(ofOthers, unknown)) {
    return new UsageError(`There is no option ${unknown}: ${ofOthers[unknown]}`, { cause: reason });
  }
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
  create: "put",
  delete: "rm",
  dump: "get",
  list: "ls",
  remove: "rm",
  restore: "get",
  snapshots: "ls",
};

/** What other programs, above all restic, have as options of a backup or a restore, by our commands. */
const OPTIONS_OF_OTHERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  put: {
    "--group-by": "a backup continues the newest one of its series and host",
    "--parent": "the parent is the newest backup of the series and host",
    "--read-concurrency": "here it is --jobs",
    "--skip-if-unchanged": "each put makes a backup, and an unchanged one takes next to nothing",
    "--stdin": "standard input is read if no PATH is named",
    "--stdin-filename": "here it is --filename",
    "--stdin-from-command": "the command goes after --",
  },
  get: {
    "--sparse": "runs of zeros always become holes",
    "--verify": 'every chunk is verified before it is written; "agent show --md5sums" lists what md5sum -c reads',
  },
};

function optionsOfOthers(name: string): Readonly<Record<string, string>> {
  const command = name === "backup" ? "put" : name;
  return Object.hasOwn(OPTIONS_OF_OTHERS, command) ? OPTIONS_OF_OTHERS[command]! : {};
}

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
