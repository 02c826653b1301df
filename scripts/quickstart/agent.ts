/** Runs the agent's executable against one repository. */
import { createHash } from "node:crypto";
import { join } from "node:path";

/** The result of a command of the agent. */
interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The agent with a repository below `directory`. */
export class Agent {
  readonly repository: string;
  readonly passwordFile: string;

  constructor(readonly executable: string, readonly directory: string) {
    this.repository = join(directory, "repository");
    this.passwordFile = join(directory, "password");
  }

  /** Runs a command and returns its standard output. Throws if it fails. */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#command(args, "null").output();
    const decoder = new TextDecoder();
    return succeeded(args, { exitCode: code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) });
  }

  /** Runs a command with the pieces as its standard input, and returns its result, even if it fails. */
  async pipe(args: string[], pieces: Iterable<Uint8Array<ArrayBuffer>>): Promise<Outcome> {
    const child = this.#command(args, "piped").spawn();
    const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    // A command that has read enough closes the pipe; its exit code tells how it ended.
    await ReadableStream.from(pieces).pipeTo(child.stdin).catch(ignoreBrokenPipe);
    const { code } = await child.status;
    const [stdout, stderr] = await output;
    return { exitCode: code, stdout, stderr };
  }

  /** Runs a command and returns the MD5 of its standard output in hex. Throws if it fails. */
  async md5Of(...args: string[]): Promise<string> {
    const child = this.#command(args, "null").spawn();
    const stderr = new Response(child.stderr).text();
    const md5 = createHash("md5");
    for await (const piece of child.stdout) md5.update(piece);
    const { code } = await child.status;
    succeeded(args, { exitCode: code, stdout: "", stderr: await stderr });
    return md5.digest("hex");
  }

  #command(args: string[], stdin: "null" | "piped"): Deno.Command {
    return new Deno.Command(this.executable, {
      args,
      clearEnv: true,
      env: { ...neutralEnvironment(), AGENT_REPOSITORY: this.repository, AGENT_PASSWORD_FILE: this.passwordFile },
      stdin,
      stdout: "piped",
      stderr: "piped",
    });
  }
}

/** The caller's environment without the variables of another repository, which a newcomer may have set already. */
function neutralEnvironment(): Record<string, string> {
  const ofRepository = /^(?:AGENT|RESTIC)_(?:CONFIG|PASSWORD|REPOSITORY)/;
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => !ofRepository.test(name)));
}

/** The standard output of a command that should have succeeded. Throws with its standard error if it did not. */
export function succeeded(args: readonly string[], { exitCode, stdout, stderr }: Outcome): string {
  if (exitCode === 0) return stdout.trim();
  throw new Error(`"agent ${args.join(" ")}" failed with exit code ${exitCode}: ${stderr.trim() || "it said nothing"}`);
}

function ignoreBrokenPipe(error: unknown): void {
  if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
}
