/** GNU tar as a program: which one it is, and how it is run. */
import { AgentError, messageOf } from "../../base/errors.ts";
import { Child } from "../child.ts";
import { printableLine, type TakeWords } from "../words.ts";

/** What the engine needs from the machine. */
export interface TarMachine {
  /** Names or paths of programs, the first of which that is GNU tar is taken. */
  readonly programs: readonly string[];
  /** Where temporary directories are made; undefined where the system has them (TMPDIR). */
  readonly temporaryDirectory?: string;
  /**
   * How much older than the start of the parent's tar a file may be to be stored again; 10 by default. tar itself grants
   * nothing. But a file system's clock lags by some milliseconds, its times may have whole seconds only (two on FAT),
   * and a file server has a clock of its own: a file that changed after it was read could look older than the backup.
   */
  readonly marginSeconds?: number;
}

/** The default of `TarMachine.marginSeconds`. */
export const MARGIN_SECONDS = 10;

/** The names of GNU tar: on most systems, and beside a tar that is not GNU's. */
export const THIS_MACHINE: TarMachine = { programs: ["tar", "gtar"] };

/** Messages in English, times in UTC, and no options from outside. */
const ENVIRONMENT = { LC_ALL: "C", TZ: "UTC", TAR_OPTIONS: "" } as const;

const MOST_VERSION_BYTES = 4096;

/** Starts GNU tar in a group of its own. `take` receives whole lines of its standard error. Throws `AgentError`. */
export function startTar(
  program: string,
  args: readonly string[],
  { stdin, take }: { readonly stdin: "null" | "piped"; readonly take: TakeWords },
): Child {
  return Child.start({ program, args, env: ENVIRONMENT, stdin, ownGroup: true, stderr: { take, wholeLines: true } });
}

/** The name of the program that is GNU tar. Throws `AgentError` if there is none; it names what is there instead. */
export async function findGnuTar({ programs }: TarMachine): Promise<string> {
  const others: string[] = [];
  for (const program of programs) {
    const version = await versionOf(program);
    if (version.includes("GNU tar")) return program;
    others.push(version);
  }
  throw new AgentError(`tar: needs GNU tar: ${others.join("; ")}; install GNU tar`);
}

/** The first line of `--version`, or why there is none. */
async function versionOf(program: string): Promise<string> {
  let child: Child;
  try {
    child = startTar(program, ["--version"], { stdin: "null", take: () => Promise.resolve() });
  } catch (error) {
    return messageOf(error);
  }
  try {
    const text = await firstBytes(child);
    return `"${program}" is ${printableLine(text.split("\n")[0]!).slice(0, 80) || "something without a version"}`;
  } finally {
    await child.stop();
  }
}

async function firstBytes({ output }: Child): Promise<string> {
  const target = new Uint8Array(MOST_VERSION_BYTES);
  let length = 0;
  while (length < target.length) {
    const count = await output.read(target.subarray(length));
    if (count === null) break;
    length += count;
  }
  return new TextDecoder().decode(target.subarray(0, length));
}
