/**
 * Command lines that run a program as on a machine that lacks something, and why this machine may be unable to do that.
 */

/** The number of the system call prctl(2), by machine; it is called with perl-base, which every Debian has. */
const PRCTL_BY_ARCH: Readonly<Record<string, number>> = { x86_64: 157, aarch64: 167 };
const PR_SET_MDWE = 65;

/**
 * The words before a program that keep its memory from being both written and executed, as with
 * `MemoryDenyWriteExecute=`.
 */
export const WITHOUT_EXECUTABLE_MEMORY: readonly string[] = [
  "perl",
  "-e",
  `syscall(${PRCTL_BY_ARCH[Deno.build.arch]}, ${PR_SET_MDWE}, 1, 0, 0, 0) == 0 or die "prctl: $!\n"; exec @ARGV or die`,
];

/**
 * The words before a program that run a shell script first, in its own mount namespace; `exec "$@"` then starts the
 * program.
 */
export function withMounts(script: string): string[] {
  return ["unshare", "--mount", "--uts", "sh", "-c", `set -e; ${script}; exec "$@"`, "sh"];
}

/** The words before a program that set a limit of the shell's `ulimit`, such as `-n 64`. */
export function withLimit(limit: string): string[] {
  return ["sh", "-c", `ulimit ${limit}; exec "$@"`, "sh"];
}

/** Why this machine cannot run programs after the words in `before`; undefined if it can. */
export async function whyNot(before: readonly string[]): Promise<string | undefined> {
  const [program, ...args] = [...before, "true"];
  try {
    const { success, stderr } = await new Deno.Command(program!, { args, stdin: "null", stdout: "null" }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim().split("\n")[0] || `${program} failed`;
  } catch {
    return `there is no ${program}`;
  }
}
