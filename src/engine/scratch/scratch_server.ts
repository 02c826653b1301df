/**
 * Servers that are made for one test restore: in a private folder, on a socket there, as a user without rights, and gone
 * with this process even if it is killed.
 */
import { join } from "node:path";
import { AgentError } from "../../base/errors.ts";
import { Child, type ChildExit } from "../child.ts";
import { type ClientProgram, findClientProgram } from "../client/client_program.ts";
import type { ClientMachine } from "../client/machine.ts";
import { PrivateFolder } from "../client/private_folder.ts";

/** How long a server may take to answer. */
const STARTUP_MS = 120_000;
const PAUSE_MS = 100;
/**
 * The user as whom a server runs if this process is root's. It is not the user of the database's package: that one may
 * do everything with the server that people work with, and a dump can run programs.
 */
const NOBODY = "nobody";
const SETPRIV: ClientProgram = {
  names: ["setpriv"],
  debianPackage: "util-linux",
  purpose: "to start a server as a user without rights",
};

const UNSHARE: ClientProgram = { ...SETPRIV, names: ["unshare"], purpose: "to start a server without a network" };

/** How a server is made and started. */
export interface ScratchPlan {
  /** Signal that ends the server at once, with all its processes. */
  readonly killSignal: "KILL" | "QUIT";
  /** Files that are in the folder before the first program runs, by name: the server's user may read them. */
  readonly files?: (folder: string) => Readonly<Record<string, string>>;
  /** The programs, in order: the last one is the server. Each is a path and arguments. */
  readonly make: (folder: string) => readonly (readonly string[])[];
  /** Whether it answers. */
  readonly isUp: (folder: string) => Promise<boolean>;
}

/** A running server. */
export class ScratchServer implements AsyncDisposable {
  /** The folder with its socket, which only its user and root can look into. */
  readonly folder: string;
  readonly #outer: PrivateFolder;
  readonly #child: Child;

  private constructor(outer: PrivateFolder, folder: string, child: Child) {
    this.#outer = outer;
    this.folder = folder;
    this.#child = child;
  }

  /** Makes and starts a server. Throws `AgentError` if it does not answer in time, and the signal's reason. */
  static async start(plan: ScratchPlan, machine: ClientMachine, signal: AbortSignal): Promise<ScratchServer> {
    const outer = await PrivateFolder.make(machine.temporaryFolder);
    try {
      const starter = await Starter.make(plan, machine, outer.path);
      const files = Object.entries(plan.files?.(starter.folder) ?? {});
      for (const [name, text] of files) await Deno.writeTextFile(join(starter.folder, name), text, { mode: 0o644 });
      const calls = plan.make(starter.folder);
      for (const call of calls.slice(0, -1)) await starter.run(call, signal);
      const child = starter.start(calls.at(-1)!);
      const server = new ScratchServer(outer, starter.folder, child);
      await server.#answering(plan, signal);
      return server;
    } catch (error) {
      await outer[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends the server and removes its data. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
    await this.#outer[Symbol.asyncDispose]();
  }

  async #answering({ isUp }: ScratchPlan, signal: AbortSignal): Promise<void> {
    let exit: ChildExit | undefined;
    void this.#child.exit().then((how) => exit = how);
    for (let waited = 0; exit === undefined && waited < STARTUP_MS; waited += PAUSE_MS) {
      if (signal.aborted || await isUp(this.folder)) break;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      if (waited + PAUSE_MS >= STARTUP_MS) exit = { success: false, code: 0, signal: null };
    }
    if (exit === undefined && !signal.aborted) return;
    await this.#child.stop();
    signal.throwIfAborted();
    throw new AgentError(`The scratch server did not start: ${reasonOf(this.#child)}`);
  }
}

/** Starts programs as the user of a server. */
class Starter {
  /** A folder that belongs to that user alone. */
  readonly folder: string;
  readonly #before: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(folder: string, before: readonly string[], environment: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.#before = before;
    this.#environment = environment;
  }

  static async make(
    { killSignal }: ScratchPlan,
    { environment }: ClientMachine,
    outer: string,
  ): Promise<Starter> {
    const folder = join(outer, "server");
    await Deno.mkdir(folder, { mode: 0o700 });
    const kept = { PATH: environment.PATH ?? "", HOME: folder, TMPDIR: folder, LC_ALL: "C" };
    if (Deno.build.os !== "linux") return new Starter(folder, [], kept);
    const setpriv = findClientProgram(SETPRIV, environment.PATH ?? "");
    const isRoot = Deno.uid() === 0;
    const alone = await networkless(isRoot, environment.PATH ?? "");
    const dying = [...alone, setpriv, `--pdeathsig=${killSignal}`, "--no-new-privs"];
    if (!isRoot) return new Starter(folder, dying, kept);
    const { name, uid, gid } = await userNamed(NOBODY) ?? await refuseRoot();
    await Deno.chown(folder, uid, gid);
    // Everybody may pass through to the folder of that user, but see nothing on the way.
    await Deno.chmod(outer, 0o711);
    const ids = [`--reuid=${name}`, `--regid=${gid}`, "--clear-groups"];
    return new Starter(folder, [...dying, ...ids], kept);
  }

  start(call: readonly string[]): Child {
    const [program, ...args] = [...this.#before, ...call];
    return Child.start({
      program: program!,
      args,
      env: this.#environment,
      clearEnv: true, // A dump of PostgreSQL can run programs, which must not find a password there.
      cwd: this.folder,
      stdin: "null",
      ownGroup: true,
      stderr: {},
    });
  }

  async run(call: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const child = this.start(call);
    const stop = () => void child.stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const drained = drain(child);
      const { success } = await child.exit();
      await drained;
      signal.throwIfAborted();
      if (!success) throw new AgentError(`The scratch server could not be made: ${reasonOf(child)}`);
    } finally {
      signal.removeEventListener("abort", stop);
      await child.stop();
    }
  }
}

/**
 * What starts a program in a network of its own, in which there is nothing. None where the kernel does not let this user
 * make one, as in some containers.
 */
async function networkless(isRoot: boolean, path: string): Promise<string[]> {
  try {
    const unshare = [findClientProgram(UNSHARE, path), "--net", ...isRoot ? [] : ["--user", "--map-current-user"]];
    const [program, ...args] = unshare;
    const command = new Deno.Command(program!, { args: [...args, "true"], stdout: "null", stderr: "null" });
    return (await command.output()).success ? unshare : [];
  } catch {
    return [];
  }
}

/** What a program said of its failure. That it ends is no reason. */
function reasonOf({ lastLines }: Child): string {
  const lines = lastLines.filter((line) => !/Aborting$/.test(line));
  const full = lines.find((line) => /no space left|errno: 28\b|disk (?:is )?full/i.test(line));
  return full ?? lines.findLast((line) => /error|fatal/i.test(line)) ?? lines.at(-1) ?? "it gave no reason";
}

async function drain({ output }: Child): Promise<void> {
  const piece = new Uint8Array(16 * 1024);
  while (await output.read(piece).catch(() => null) !== null);
}

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** A user of this machine; null if there is none of that name. */
async function userNamed(wanted: string): Promise<User | null> {
  const text = await Deno.readTextFile("/etc/passwd").catch(() => "");
  for (const line of text.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === wanted && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

function refuseRoot(): Promise<never> {
  throw new AgentError(
    "A scratch server must not run as root, and this machine has no user for it: run as another user",
  );
}
