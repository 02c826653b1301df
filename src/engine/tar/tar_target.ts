/** A directory as a target: each level goes through GNU tar, which also deletes what the level no longer has. */
import { interruptible } from "../../base/abort.ts";
import { AgentError, invariant, systemReason, UsageError } from "../../base/errors.ts";
import { Child, type ChildExit } from "../child.ts";
import type {
  EngineTarget,
  OpenTarget,
  RestoredItem,
  RestoredLevel,
  TargetEnd,
  TargetRequest,
  TargetStream,
} from "../engine.ts";
import type { TakeWords } from "../words.ts";
import { findGnuTar, startTar, type TarMachine } from "./gnu_tar.ts";
import { MemberPlaces } from "./member_places.ts";
import { Remarks } from "./remarks.ts";
import type { TarTargetOptions } from "./tar_options.ts";
import { ARCHIVE } from "./tar_source.ts";

const EXTRACT = [
  "--extract",
  "--file=-",
  "--listed-incremental=/dev/null",
  "--preserve-permissions",
  "--delay-directory-restore",
  "--xattrs",
  "--acls",
  "--warning=no-timestamp",
];
/** Only root may set attributes such as capabilities; without this tar brings back those of users alone. */
const AS_ROOT = ["--xattrs-include=*"];

/** tar's exit code if something could not be restored. */
const NOT_ALL = 2;

/** A directory that can be written. */
export class TarTarget implements EngineTarget {
  readonly #options: TarTargetOptions;
  readonly #machine: TarMachine;

  constructor(options: TarTargetOptions, machine: TarMachine) {
    this.#options = options;
    this.#machine = machine;
  }

  open({ signal, onStderr, overwrite, repository = null }: TargetRequest): Promise<OpenTarget> {
    const { path, owner } = this.#options;
    return interruptible(signal, async () => {
      const program = await findGnuTar(this.#machine);
      await refuseRepository(path, repository);
      await prepare(path, overwrite);
      const own = [...owner === "numbers" ? ["--numeric-owner"] : [], ...Deno.uid() === 0 ? AS_ROOT : []];
      return new OpenTarTarget(program, { path, args: [...EXTRACT, ...own, `--directory=${path}`], onStderr });
    });
  }
}

interface Run {
  readonly path: string;
  /** The arguments of tar. */
  readonly args: readonly string[];
  readonly onStderr: TakeWords | undefined;
}

class OpenTarTarget implements OpenTarget {
  readonly #program: string;
  readonly #run: Run;
  readonly #problems = new Set<string>();
  #level = -1;
  #hasArchive = true;
  #running: Child | undefined;

  constructor(program: string, run: Run) {
    this.#program = program;
    this.#run = run;
  }

  async beginLevel({ level }: RestoredLevel): Promise<void> {
    invariant(level === this.#level + 1 && this.#hasArchive, "Levels come in order, and are whole");
    this.#level = level;
    this.#hasArchive = false;
    if (Deno.uid() !== 0) await this.#makeWritable();
  }

  async take({ kind, path }: RestoredItem): Promise<TargetStream | null> {
    await this.#running?.stop();
    if (kind !== "stream" || path !== ARCHIVE || this.#hasArchive) throw this.#notOfTar(`it has "${path}"`);
    const remarks = new Remarks(this.#run.onStderr);
    const child = startTar(this.#program, this.#run.args, { stdin: "piped", take: remarks.take });
    this.#running = child;
    const done = () => {
      this.#hasArchive = true;
      for (const problem of remarks.problems) this.#problems.add(problem);
    };
    return new ArchiveSink(child, { remarks, where: this.#run.path, done });
  }

  endLevel(): Promise<void> {
    return this.#hasArchive ? Promise.resolve() : Promise.reject(this.#notOfTar(`it has no ${ARCHIVE}`));
  }

  finish(): Promise<TargetEnd> {
    return Promise.resolve({ problems: [...this.#problems] });
  }

  async cancel(): Promise<void> {
    await this.#running?.stop();
  }

  #notOfTar(why: string): AgentError {
    return new AgentError(`Level ${this.#level} is not of tar: ${why}; restore it with --raw`);
  }

  /**
   * A level puts files into directories that an earlier one closed, or an earlier restore, even for their owner; only
   * root may do that. The level has all its directories, and gives them their modes again.
   */
  async #makeWritable(): Promise<void> {
    const closed = [this.#run.path, "-xdev", "-type", "d", "!", "-perm", "-700"];
    const args = [...closed, "-exec", "chmod", "u+rwx", "{}", "+"];
    const find = Child.start({ program: "find", args, stdin: "null", ownGroup: true, stderr: {} });
    this.#running = find;
    await find.exit();
    await find.stop();
  }
}

interface SinkParts {
  readonly remarks: Remarks;
  /** The directory. */
  readonly where: string;
  readonly done: () => void;
}

/** Brings an archive to tar, and judges its end. */
class ArchiveSink implements TargetStream {
  readonly #child: Child;
  readonly #parts: SinkParts;
  readonly #places: MemberPlaces;
  #hasReadAll = false;

  constructor(child: Child, parts: SinkParts) {
    this.#child = child;
    this.#parts = parts;
    this.#places = new MemberPlaces(parts.where);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#parts.remarks.isFull) await this.#fail();
    await this.#places.check(bytes);
    if (!this.#hasReadAll && await this.#child.write(bytes)) return;
    // tar stops at the end of an archive. When it was stored, the guard saw to it that only zeros follow there.
    const exit = await this.#child.exit();
    this.#hasReadAll = exit.code === 0 || this.#isDoneInPart(exit);
    if (!this.#hasReadAll) await this.#fail();
  }

  async end(): Promise<void> {
    await this.#child.closeInput();
    const exit = await this.#child.exit();
    if (exit.code !== 0 && !this.#isDoneInPart(exit)) await this.#fail();
    await this.#child.stop();
    this.#parts.done();
  }

  /** Whether tar came to the end, though it could not restore everything. */
  #isDoneInPart({ code, signal }: ChildExit): boolean {
    const { wentThrough, isFull, isDamaged } = this.#parts.remarks;
    return code === NOT_ALL && signal === null && wentThrough && !isFull && !isDamaged;
  }

  async #fail(): Promise<never> {
    const { where, remarks } = this.#parts;
    await this.#child.stop();
    const { code, signal } = await this.#child.exit();
    const reason = this.#child.lastLines.findLast((line) => line.length > 0) ?? "";
    const how = remarks.isFull
      ? "there is no space left"
      : `tar ${signal ? `was ended by ${signal}` : `exited with ${code}`}${reason && `: ${reason}`}`;
    throw new AgentError(`Cannot restore into "${where}": ${how}; it holds a part of the backup`);
  }
}

/** Throws `UsageError` if the repository lies in the directory, all of which becomes the backup, or the other way round. */
async function refuseRepository(path: string, repository: string | null): Promise<void> {
  const [target, own] = await Promise.all([realPathOf(path), repository === null ? null : realPathOf(repository)]);
  if (target === null || own === null) return;
  if (!isWithin(own, target) && !isWithin(target, own)) return;
  throw new UsageError(
    `Cannot restore into "${path}": all of it becomes what the backup is, and the repository would be lost; ` +
      "name another directory",
  );
}

function isWithin(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

async function realPathOf(path: string): Promise<string | null> {
  return await Deno.realPath(path).catch(() => null);
}

/** Makes the directory where it is missing. Throws `UsageError` if it holds something that nobody may overwrite. */
async function prepare(path: string, overwrite: boolean): Promise<void> {
  let isEmpty = true;
  try {
    await Deno.mkdir(path, { recursive: true });
    for await (const _ of Deno.readDir(path)) {
      isEmpty = false;
      break;
    }
  } catch (error) {
    const isFile = await Deno.stat(path).then((info) => !info.isDirectory, () => false);
    if (isFile) throw new UsageError(`Cannot restore into "${path}": it is not a directory; name another`);
    throw new AgentError(`Cannot restore into "${path}": ${systemReason(error)}; name another directory`, {
      cause: error,
    });
  }
  if (isEmpty || overwrite) return;
  throw new UsageError(
    `"${path}" is not empty; name another directory, or give --overwrite: then it becomes what the backup is, and ` +
      "everything else in it is deleted",
  );
}
