/**
 * Passwords in the arguments of this process: everybody on the machine may read them in the list of processes. As the
 * clients of databases do, they are overwritten as soon as they were read.
 */

/**
 * What lies between the first colon behind `//` and the last `@` before the path, in an argument; and the parameter of
 * PostgreSQL's URIs.
 */
const PASSWORDS = [/\/\/[^/:?@\0]*:([^/\0]+)@/dg, /[?&]password=([^&\0]+)/dg];

/** Where the password of each URL begins and how long it is, in bytes. `commandLine` is that of /proc/PID/cmdline. */
export function passwordsIn(commandLine: Uint8Array): { readonly at: number; readonly length: number }[] {
  const text = Array.from(commandLine, (byte) => String.fromCharCode(byte)).join("");
  return PASSWORDS.flatMap((password) => [...text.matchAll(password)]).map(({ indices }) => {
    const [at, end] = indices![1]!;
    return { at, length: end - at };
  });
}

/**
 * Overwrites the passwords in the arguments of this process, where the system lets it: the arguments lie in its memory
 * from the address `arg_start` on (proc(5)). Never throws.
 */
export function hidePasswords(commandLine: Uint8Array | undefined, status: string | undefined): void {
  if (commandLine === undefined || status === undefined) return;
  const passwords = passwordsIn(commandLine);
  const start = startOfArguments(status);
  if (passwords.length === 0 || start === null) return;
  try {
    using memory = Deno.openSync("/proc/self/mem", { read: true, write: true });
    for (const { at, length } of passwords) {
      memory.seekSync(start + at, Deno.SeekMode.Start);
      memory.writeSync(new Uint8Array(length).fill(X));
    }
  } catch {
    // The kernel forbids it. Then the arguments stay what they are.
  }
}

const X = "x".charCodeAt(0);

/** Field 48 of /proc/PID/stat. The second one, in parentheses, may contain anything. */
function startOfArguments(status: string): number | null {
  const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
  const start = Number(fields[48 - 3]);
  return Number.isSafeInteger(start) && start > 0 ? start : null;
}
