/** What a command gets from its process: everything that a test may want to replace. */
import type { ClientMachine } from "../engine/client/machine.ts";
import type { EngineSource } from "../engine/engine.ts";
import type { Driven, EngineRegistry } from "../engine/engine_urls.ts";
import type { FilesRequest } from "../engine/files/files_request.ts";
import type { TableServer } from "../engine/tables/table_server.ts";
import type { PathLook } from "../engine/files/roots/path_look.ts";
import type { ConfigurationMachine } from "../config/find_configuration.ts";
import type { Events } from "../library/events/events.ts";
import type { SessionListener } from "../library/events/told_action.ts";
import type { VersionInfo } from "../library/machine/version.ts";
import type { Plugins } from "../library/plugins/plugins.ts";
import type { World } from "../ops/access.ts";
import type { StoreRegistry } from "../store/store_urls.ts";
import type { ActiveSettings } from "./active_settings.ts";
import type { IndexingNews } from "./terminal/indexing_news.ts";
import type { Input, Output } from "./terminal/input_output.ts";
import type { Prompter } from "./terminal/prompter.ts";
import type { TerminalLine } from "./terminal/terminal_line.ts";

/** The process around a command. */
export interface CliContext {
  /** What the configuration file says, once the command line is parsed; absent where no file is read. */
  readonly settings?: ActiveSettings;
  /** Where the configuration file is looked for, and whose files are trusted; absent where no file is read. */
  readonly configurationMachine?: Omit<ConfigurationMachine, "env">;
  /** Who gets the secrets of the environment; absent where there is nobody to keep them from. */
  readonly secrets?: SecretKeeper;
  /** Returns an environment variable. Throws `UsageError` if it is not UTF-8. */
  readonly env: (name: string) => string | undefined;
  /** The same as bytes, in any encoding; absent if all variables are text. */
  readonly envBytes?: (name: string) => Uint8Array | undefined;
  /** The names of secret variables that child processes do not get; absent if they get all variables. */
  readonly withheldSecrets?: readonly string[];
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** The progress line; absent if standard error is not a terminal. */
  readonly line?: TerminalLine;
  /**
   * The terminal of standard error, for bytes from other programs. Unlike `stderr`, it does not begin a new line for
   * each write.
   */
  readonly terminal?: Output;
  /** Calls `tick` at this interval until the returned function is called; absent if there are no timers. */
  readonly every?: (ms: number, tick: () => void) => () => void;
  readonly world: World;
  /** Passes on what `world` tells of the index on disk; absent if it tells nothing. */
  readonly indexing?: IndexingNews;
  /** Aborted with an `InterruptedError` when the user or the system asks to stop. */
  readonly signal: AbortSignal;
  /** Rejects when the time to tidy up after such a request is over; absent if nothing ends the process. */
  readonly tooLate?: Promise<never>;
  /** Sets how long the command may take to stop before the process is ended; absent if nothing ends it. */
  readonly extendTidyUp?: (ms: number) => void;
  /** The arguments after `--`: a command to run; undefined without `--`. */
  readonly commandLine: readonly string[] | undefined;
  readonly version: VersionInfo;
  /** Loads the engines that sources and targets may name: most commands need none. */
  readonly engines: () => Promise<EngineRegistry>;
  /** The stores that repositories may name; absent for those of this program. */
  readonly stores?: () => Promise<StoreRegistry>;
  /** The plugins that are active while the command runs; absent if none is enabled. */
  readonly plugins?: Plugins;
  /** Loads those who hear of what commands do to backups; undefined, or absent, if there are none. */
  readonly events?: () => Promise<Events | undefined>;
  /** Takes note of what the command does, for the catalogue of this machine; absent if it keeps none. */
  readonly recording?: CommandRecording;
  /** Takes the options of the command for the hooks that may run; absent if none can. */
  readonly hooks?: { takeOptions(options: Readonly<Record<string, unknown>>): void };
  /** The variables that child processes get. */
  readonly childEnvironment?: () => Readonly<Record<string, string>>;
  /** Runs another command line after this command; absent outside of a command. Throws what it throws. */
  readonly follow?: (args: readonly string[]) => Promise<void>;
  /** What servers for restores on trial are started with; absent if they cannot be. */
  readonly clientMachine?: ClientMachine;
  /** Loads the database at a URL whose tables are dumped and loaded; absent if none can be reached here. */
  readonly tables?: (url: string) => Promise<TableServer>;
  /** The files and directories of this machine; absent if they cannot be backed up here. */
  readonly files?: LocalFiles;
  /** Whether commands that print a password may be run; absent if they may. A completion runs none. */
  readonly runsPasswordCommands?: boolean;
  /** Asks for a secret on the terminal and returns the typed bytes; undefined if there is no answer. */
  readonly askSecret: (question: string) => Promise<Uint8Array | undefined>;
  /** Asks for a yes on the terminal; undefined if there is no answer. Absent if standard error is no terminal. */
  readonly askYesNo?: (question: string) => Promise<boolean | undefined>;
  /** Loads what asks a person at the terminal; absent if nobody can be asked. */
  readonly prompter?: () => Promise<Prompter>;
}

/** Takes note of what a command is and does. */
interface CommandRecording extends SessionListener {
  /** The command with this name begins. */
  begin(name: string): void;
}

/** Decides which variables child processes get. */
interface SecretKeeper {
  /** Withholds one more variable, unless all are passed. */
  withhold(name: string): void;
  /** Passes all that were withheld. */
  pass(): void;
}

/** The files and directories of a machine. */
export interface LocalFiles {
  /** The working directory, an absolute path as a byte string. */
  readonly directory: string;
  /** What looks at PATHs before anything is read. */
  readonly look: () => Promise<PathLook>;
  /** What /proc/self/mountinfo holds; undefined without /proc. */
  readonly mountInfo: () => Uint8Array | undefined;
  /** What the engine reads. */
  readonly source: (request: FilesRequest) => Promise<Driven<EngineSource>>;
}
