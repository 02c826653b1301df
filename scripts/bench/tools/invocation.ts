/** Commands as values, and running them. */

/** A command with its whole environment except PATH, which is that of this process. */
export interface Invocation {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a command without input and returns its standard output. Throws with its standard error if it fails. */
export async function run(invocation: Invocation): Promise<string> {
  const { code, stdout, stderr } = await command(invocation, { stdin: "null", stdout: "piped" }).output();
  if (code !== 0) throw new Error(failure(invocation, code, new TextDecoder().decode(stderr)));
  return new TextDecoder().decode(stdout);
}

/** The command, not yet started, with its standard error piped. */
export function command(
  { argv, env }: Invocation,
  options: Pick<Deno.CommandOptions, "stdin" | "stdout">,
): Deno.Command {
  const [program, ...args] = argv;
  return new Deno.Command(program!, {
    args,
    env: { PATH: Deno.env.get("PATH") ?? "", ...env },
    clearEnv: true,
    stderr: "piped",
    ...options,
  });
}

/** One line that tells which command failed and why. */
export function failure({ argv }: Invocation, code: number, stderr: string): string {
  const said = stderr.trim().split("\n").slice(-3).join(" / ");
  return `"${argv.join(" ")}" failed with exit code ${code}: ${said || "it said nothing"}`;
}
