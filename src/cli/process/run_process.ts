/** Start and end of the program: builds the context from the real process, and runs the command line in it. */
import { systemClock } from "../../base/clock.ts";
import type { AgentError, ExitCode, LockedError } from "../../base/errors.ts";
import { memoryBudget } from "../../base/memory_budget.ts";
import { systemRandomBytes } from "../../crypto/random.ts";
import { ActiveSettings } from "../active_settings.ts";
import { askSecret, askYesNo } from "../terminal/ask.ts";
import type { CliContext } from "../context.ts";
import type { Output } from "../terminal/input_output.ts";
import { reportFailure } from "../report/failure_report.ts";
import { hidePasswords } from "./hidden_arguments.ts";
import { localFiles, workingDirectory } from "./local_files.ts";
import { memoryLimit } from "../../library/machine/memory_limit.ts";
import { assertOpenFiles } from "./open_files.ts";
import { writeLine } from "../terminal/write.ts";
import { byteStringArguments, readOwnProcess } from "./process_bytes.ts";
import { ownIdentity } from "../../library/machine/identity.ts";
import { isInForeground, processExists, textOf } from "../../library/machine/process_table.ts";
import { versionInfo } from "../../library/machine/version.ts";
import { asksForJson, asksForQuiet, asksToPassSecrets, runCommandLine } from "../program.ts";
import { Environment } from "./secrets.ts";
import { clearBeforeStops, type Interrupt, interruptOnSignals } from "./signals.ts";
import { closedStreams, standardError, standardInput, standardOutput } from "../terminal/standard_streams.ts";
import { IndexingNews } from "../terminal/indexing_news.ts";
import { TerminalLine } from "../terminal/terminal_line.ts";
import { UnwaitedWrites } from "../terminal/unwaited_writes.ts";
import { writeWarning } from "../report/warning.ts";

/** Runs this process's command line and ends the process. */
export async function main(): Promise<never> {
  const terminal = standardError();
  const line = terminal.isTerminal ? new TerminalLine(terminal, isInForeground) : undefined;
  const interrupt = interruptOnSignals(line);
  if (line !== undefined) clearBeforeStops(line);
  const warnings = new UnwaitedWrites();
  const context = processContext(interrupt, { terminal, line, warnings });
  const args = await lookAround(context);
  const exitCode = typeof args === "number" ? args : await runCommandLine(args, context);
  await Promise.race([warnings.settled(), systemClock.sleep(LAST_WARNINGS_MS)]);
  Deno.exit(exitCode);
}

/** The arguments. Reports what makes it impossible to run, and returns its exit code instead. */
async function lookAround(context: CliContext): Promise<readonly string[] | ExitCode> {
  try {
    assertOpenFiles(textOf("/proc/self/limits") ?? "");
    const args = byteStringArguments(Deno.args, () => readOwnProcess("cmdline"));
    hidePasswords(readOwnProcess("cmdline"), textOf("/proc/self/stat"));
    return args;
  } catch (error) {
    return await reportFailure(error, context, { json: asksForJson(Deno.args), debug: false });
  }
}

/** How long the process waits for its last warnings to be written. Whoever reads them may have stopped reading. */
const LAST_WARNINGS_MS = 1000;

/** What the context of this process is made of. */
interface ProcessParts {
  readonly terminal: Output;
  readonly line: TerminalLine | undefined;
  readonly warnings: UnwaitedWrites;
}

function processContext(interrupt: Interrupt, { terminal, line, warnings }: ProcessParts): CliContext {
  const version = versionInfo();
  const stderr = line?.guard(terminal, { ownLines: true }) ?? terminal;
  const json = asksForJson(Deno.args);
  const environment = processEnvironment();
  const settings = new ActiveSettings();
  const isWatched = stderr.isTerminal && !asksForQuiet(Deno.args);
  const indexing = new IndexingNews();
  const closed = closedStreams();
  const stdout = standardOutput({ isClosed: closed.includes("stdout") });
  return {
    env: (name) => environment.get(name),
    envBytes: (name) => environment.bytes(name),
    get withheldSecrets() {
      return environment.withheld;
    },
    settings,
    configurationMachine: { uid: Deno.uid(), directory: workingDirectory },
    secrets: environment,
    stdin: standardInput({ isClosed: closed.includes("stdin") }),
    stdout: line !== undefined && stdout.isTerminal ? line.guard(stdout) : stdout,
    stderr,
    ...line && { line, terminal: line.guard(terminal) },
    every,
    indexing,
    world: {
      clock: systemClock,
      identity: ownIdentity(),
      processExists,
      randomBytes: systemRandomBytes,
      ...memoryBudget({ limitBytes: memoryLimit(), cores: navigator.hardwareConcurrency }),
      programVersion: `agent ${version.version}`,
      onProblem: once(({ message }) => {
        warnings.add(writeWarning(message, { json: json || settings.isOn("json") }, stderr));
      }),
      onIndexing: indexing.tell,
      ...isWatched && {
        onWait: (locked: LockedError) => settings.isOn("quiet") || void writeLine(stderr, waitingText(locked)),
      },
    },
    signal: interrupt.signal,
    tooLate: interrupt.tooLate,
    extendTidyUp: interrupt.extendTidyUp,
    commandLine: undefined,
    version,
    engines: async () =>
      (await import("../../engine/built_in.ts")).builtInEngines({ environment: environment.forChildren }),
    tables: async (url) =>
      (await import("../../engine/tables/table_servers.ts")).tableServer(url, { environment: environment.forChildren }),
    childEnvironment: () => environment.forChildren,
    clientMachine: {
      get environment() {
        return environment.forChildren;
      },
    },
    files: localFiles(),
    askSecret: (question) => askBelow(line, () => askSecret(question)),
    ...terminal.isTerminal && { askYesNo: (question: string) => askBelow(line, () => askYesNo(question)) },
    prompter: async () => (await import("../terminal/terminal_prompter.ts")).terminalPrompter(interrupt.signal),
  };
}

/** The environment. From here on, child processes do not get its secrets, unless requested. */
function processEnvironment(): Environment {
  const system = {
    get: (name: string) => Deno.env.get(name),
    set: (name: string, value: string) => Deno.env.set(name, value),
    delete: (name: string) => Deno.env.delete(name),
    toObject: () => Deno.env.toObject(),
    raw: () => readOwnProcess("environ"),
  };
  return new Environment(system, { passSecrets: asksToPassSecrets(Deno.args) });
}

/** Asks a question below the hidden progress line, which returns after the answer. */
async function askBelow<T>(line: TerminalLine | undefined, ask: () => Promise<T>): Promise<T> {
  await line?.hide();
  try {
    return await ask();
  } finally {
    line?.show();
  }
}

/** A timer that does not keep the process alive, since it only reports. */
function every(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

/** Says whom we wait for. The advice in the message is left out, because we already follow it. */
function waitingText({ message }: LockedError): string {
  return `agent: waiting: ${message.split("; ")[0]!}`;
}

/** Reports each problem once, because several parts of a command may have the same one. */
function once(tell: (problem: AgentError) => void): (problem: AgentError) => void {
  const told = new Set<string>();
  return (problem) => {
    if (told.has(problem.message)) return;
    told.add(problem.message);
    tell(problem);
  };
}
