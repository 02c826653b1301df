/** Command lines that put a program on a machine that lacks something, and why this machine may not be able to. */

/** The number of prctl(2), by machine; perl-base, which every Debian has, calls it. */
const PRCTL_BY_ARCH: Readonly<Record<string, number>> = { x86_64: 157, aarch64: 167 };
const PR_SET_MDWE = 65;

/** What goes before a program so that no memory of it can be written and executed, as `MemoryDenyWriteExecute=` has it. */
export const WITHOUT_EXECUTABLE_MEMORY: readonly string[] = [
  "perl",
  "-e",
  `syscall(${PRCTL_BY_ARCH[Deno.build.arch]}, ${PR_SET_MDWE}, 1, 0, 0, 0) == 0 or die "prctl: $!\n"; exec @ARGV or die`,
];

/** What goes before a program so that a shell script runs first, in a namespace of mounts of its own: `exec "$@"` ends it. */
export function withMounts(script: string): string[] {
  return ["unshare", "--mount", "--uts", "sh", "-c", `set -e; ${script}; exec "$@"`, "sh"];
}

/** What goes before a program so that it runs below a limit of the shell's `ulimit`, such as `-n 64`. */
export function withLimit(limit: string): string[] {
  return ["sh", "-c", `ulimit ${limit}; exec "$@"`, "sh"];
}

/** Why this machine cannot put programs behind the words of `before`; undefined where it can. */
export async function whyNot(before: readonly string[]): Promise<string | undefined> {
  const [program, ...args] = [...before, "true"];
  try {
    const { success, stderr } = await new Deno.Command(program!, { args, stdin: "null", stdout: "null" }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim().split("\n")[0] || `${program} failed`;
  } catch {
    return `there is no ${program}`;
  }
}
