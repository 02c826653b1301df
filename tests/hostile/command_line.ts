/** The command line in this process, on a repository in a folder: what it writes is kept, and so is the exit code. */
import type { ExitCode } from "../../src/base/errors.ts";
import type { CliContext, Output } from "../../src/cli/context.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { fakeWorld, PASSWORD } from "../helpers/world.ts";

/** How a command ended. */
export interface CommandOutcome {
  readonly exitCode: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line; `input` is its standard input. */
export async function runHere(repo: string, args: readonly string[], input = ""): Promise<CommandOutcome> {
  const stdout = new KeptOutput();
  const stderr = new KeptOutput();
  let rest = new TextEncoder().encode(input);
  const context: CliContext = {
    env: (name) => ({ AGENT_REPOSITORY: repo, AGENT_PASSWORD: PASSWORD })[name],
    stdin: {
      isTerminal: false,
      read(target) {
        if (rest.length === 0) return Promise.resolve(null);
        const piece = rest.subarray(0, target.length);
        target.set(piece);
        rest = rest.subarray(piece.length);
        return Promise.resolve(piece.length);
      },
    },
    stdout,
    stderr,
    world: {
      ...fakeWorld("command line"),
      randomBytes: systemRandomBytes,
      onProblem: ({ message }) => void stderr.write(new TextEncoder().encode(`agent: warning: ${message}\n`)),
    },
    signal: new AbortController().signal,
    commandLine: undefined,
    version: { version: "test", commit: null, deno: "test", form: "source" },
    askSecret: () => Promise.resolve(undefined),
  };
  const exitCode = await runCommandLine(args, context);
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

class KeptOutput implements Output {
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
