/** The command line in this process: what it does with a given environment, without starting an executable. */
import { systemClock } from "../../src/base/clock.ts";
import type { CliContext, Output } from "../../src/cli/context.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import type { World } from "../../src/ops/access.ts";
import type { Outcome } from "./executable.ts";
import { CHEAP_KDF, fakeWorld } from "./world.ts";

/** What a command finds around it. */
export interface Surroundings {
  /** Variables; undefined ones are not set. */
  readonly env?: Readonly<Record<string, string | Uint8Array | undefined>>;
  /** What somebody types at the terminal, line by line; nobody is there by default. */
  readonly typed?: readonly Uint8Array[];
}

/** How a command ended, and what it asked for on the terminal. */
export interface InProcessOutcome extends Outcome {
  readonly questions: readonly string[];
}

/** Runs a command line to its end. Passwords cost next to nothing here. */
export async function runInProcess(args: readonly string[], around: Surroundings = {}): Promise<InProcessOutcome> {
  const [stdout, stderr] = [new Collected(), new Collected()];
  const questions: string[] = [];
  const typed = [...around.typed ?? []];
  const envBytes = (name: string) => {
    const value = around.env?.[name];
    return typeof value === "string" ? new TextEncoder().encode(value) : value;
  };
  const world: World & { readonly kdf: typeof CHEAP_KDF } = {
    ...fakeWorld(),
    clock: systemClock,
    randomBytes: systemRandomBytes,
    kdf: CHEAP_KDF,
  };
  const context: CliContext = {
    env: (name) => {
      const bytes = envBytes(name);
      return bytes && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    },
    envBytes,
    stdin: { isTerminal: false, read: () => Promise.resolve(null) },
    stdout,
    stderr,
    world,
    signal: new AbortController().signal,
    commandLine: undefined,
    version: { version: "test", commit: null, deno: "test", form: "source" },
    askSecret: (question) => {
      questions.push(question);
      return Promise.resolve(typed.shift());
    },
  };
  const exitCode = await runCommandLine(args, context);
  return { exitCode, stdout: stdout.text, stderr: stderr.text, questions };
}

class Collected implements Output {
  readonly isTerminal = false;
  text = "";

  columns(): number {
    return 80;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.text += new TextDecoder().decode(bytes);
    return Promise.resolve();
  }
}
