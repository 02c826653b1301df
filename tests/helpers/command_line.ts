/** Runs the command line in this process, with given surroundings and without starting an executable. */
import type { ExitCode } from "../../src/base/errors.ts";
import { ActiveSettings } from "../../src/cli/active_settings.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { CliContext, LocalFiles } from "../../src/cli/context.ts";
import { EngineRegistry } from "../../src/engine/engine_urls.ts";
import type { Events } from "../../src/library/events/events.ts";
import type { Input, Output } from "../../src/cli/terminal/input_output.ts";
import { asksForJson, runCommandLine } from "../../src/cli/program.ts";
import { writeWarning } from "../../src/cli/report/warning.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import type { World } from "../../src/ops/access.ts";
import { type Outcome, withoutProgressObjects } from "./executable.ts";
import { CHEAP_KDF, fakeWorld } from "./world.ts";

/** What a command finds around it. */
interface Surroundings {
  /** Environment variables; undefined ones are not set. */
  readonly env?: Readonly<Record<string, string | Uint8Array | undefined>>;
  /** The whole standard input; empty by default. */
  readonly stdin?: Uint8Array;
  /** What a user types at the terminal, line by line; by default nobody is there. */
  readonly typed?: readonly Uint8Array[];
  /** The width of the terminal that both outputs go to; by default they are pipes. */
  readonly terminal?: number;
  /** By default the machine's clock and randomness, and a cheap key derivation. */
  readonly world?: World;
  /** By default there are none. */
  readonly engines?: EngineRegistry;
  /** Who hears of what the command does; by default nobody. */
  readonly events?: Events;
  /** Whose configuration files are read; by default none is. */
  readonly configurationMachine?: CliContext["configurationMachine"];
  /** By default files and directories cannot be backed up. */
  readonly files?: LocalFiles;
}

/** How a command ended, and the questions it asked on the terminal. */
interface InProcessOutcome extends Outcome {
  readonly exitCode: ExitCode;
  readonly questions: readonly string[];
}

/** Runs a command line to its end; standard error has warnings as the program writes them, but no progress objects. */
export async function runInProcess(args: readonly string[], around: Surroundings = {}): Promise<InProcessOutcome> {
  const [stdout, stderr] = [new Collected(around.terminal), new Collected(around.terminal)];
  const questions: string[] = [];
  const typed = [...around.typed ?? []];
  const envBytes = (name: string) => {
    const value = around.env?.[name];
    return typeof value === "string" ? new TextEncoder().encode(value) : value;
  };
  const world: World = {
    onProblem: ({ message }) => void writeWarning(message, { json: asksForJson(args) }, stderr),
    ...around.world ?? ownWorld(),
  };
  const exitCode = await runCommandLine(args, {
    ...contextWith({ stdout, stderr, world }),
    env: (name) => {
      const bytes = envBytes(name);
      return bytes && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    },
    envBytes,
    stdin: inputOf(around.stdin ?? new Uint8Array(0)),
    ...around.engines && { engines: () => Promise.resolve(around.engines!) },
    ...around.events && { events: () => Promise.resolve(around.events) },
    ...around.configurationMachine &&
      { configurationMachine: around.configurationMachine, settings: new ActiveSettings() },
    ...around.files && { files: around.files },
    askSecret: (question) => {
      questions.push(question);
      return Promise.resolve(typed.shift());
    },
    ...around.terminal !== undefined && {
      askYesNo: (question: string) => {
        questions.push(question);
        const answer = typed.shift();
        return Promise.resolve(answer && new TextDecoder().decode(answer) === "y");
      },
    },
  });
  return { exitCode, stdout: stdout.text, stderr: withoutProgressObjects(stderr.text), questions };
}

function inputOf(bytes: Uint8Array): Input {
  let rest = bytes;
  return {
    isTerminal: false,
    read(target) {
      if (rest.length === 0) return Promise.resolve(null);
      const next = rest.subarray(0, target.length);
      rest = rest.subarray(next.length);
      target.set(next);
      return Promise.resolve(next.length);
    },
  };
}

/** A context with these outputs and this world: no variables are set, the input is empty, and nobody answers. */
export function contextWith(parts: Pick<CliContext, "stdout" | "stderr" | "world">): CliContext {
  return {
    ...parts,
    env: () => undefined,
    stdin: { isTerminal: false, read: () => Promise.resolve(null) },
    signal: new AbortController().signal,
    commandLine: undefined,
    version: { version: "test", commit: null, deno: "test", form: "source" },
    engines: () => Promise.resolve(new EngineRegistry()),
    askSecret: () => Promise.resolve(undefined),
  };
}

/** An output that collects its text. */
export class Collected implements Output {
  readonly isTerminal: boolean;
  text = "";
  readonly #decoder = new TextDecoder();
  readonly #columns: number;

  /** A terminal of that many columns; a pipe if it is left out. */
  constructor(terminal?: number) {
    this.isTerminal = terminal !== undefined;
    this.#columns = terminal ?? 80;
  }

  columns(): number {
    return this.#columns;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return Promise.resolve();
  }
}

function ownWorld(): World {
  const world: World & { readonly kdf: typeof CHEAP_KDF } = {
    ...fakeWorld(),
    clock: systemClock,
    randomBytes: systemRandomBytes,
    kdf: CHEAP_KDF,
  };
  return world;
}
