/**
 * A directory as a source: GNU tar with `--listed-incremental` on a copy of the parent's snapshot file. What the parts
 * of the command line are for is in docs/decisions.md.
 */
import { interruptible } from "../../base/abort.ts";
import type { JudgedSource } from "../../base/byte_source.ts";
import { AgentError, SourceError, systemReason, UnfitParentError } from "../../base/errors.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import { parseStreamPath } from "../../format/manifest/series.ts";
import type { Child } from "../child.ts";
import type { EngineSource, EngineStream, OpenSource, SourceEnd, SourceParent, SourceRequest } from "../engine.ts";
import { findGnuTar, startTar, type TarMachine } from "./gnu_tar.ts";
import { Remarks } from "./remarks.ts";
import { SnapshotPlace } from "./snapshot_place.ts";
import { argumentsOf, differences, optionsJson, type TarOptions } from "./tar_options.ts";

/** The path of the archive in each level. */
export const ARCHIVE = parseStreamPath("data.tar");

const CREATE = [
  "--create",
  "--file=-",
  "--format=posix",
  // An unchanged file gives the same bytes every night: no number of a process, no time of access.
  "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
  "--sort=name",
  "--sparse",
  "--xattrs",
  "--acls",
  "--no-check-device",
  "--ignore-failed-read",
  // Sockets are not stored; nor are other file systems, if that was asked for.
  "--warning=no-file-ignored",
  "--warning=no-xdev",
];

/** tar's exit code if files changed while it read them. */
const CHANGED = 1;

/** A directory that can be read. */
export class TarSource implements EngineSource {
  readonly #options: TarOptions;
  readonly #machine: TarMachine;

  constructor(options: TarOptions, machine: TarMachine) {
    this.#options = options;
    this.#machine = machine;
  }

  get options(): JsonObject {
    return optionsJson(this.#options);
  }

  open({ parent, signal, onStderr }: SourceRequest): Promise<OpenSource> {
    return interruptible(signal, async () => {
      this.#assertContinues(parent);
      await assertReadable(this.#options.path);
      const program = await orSourceError(() => findGnuTar(this.#machine));
      const place = await SnapshotPlace.make(parent, this.#machine);
      try {
        signal.throwIfAborted();
        const remarks = new Remarks(onStderr);
        const args = [...CREATE, `--listed-incremental=${place.path}`, ...argumentsOf(this.#options)];
        const child = await orSourceError(() => startTar(program, args, { stdin: "null", take: remarks.take }));
        return new OpenTarSource(child, { remarks, place, path: this.#options.path });
      } catch (error) {
        await place.remove();
        throw error;
      }
    });
  }

  /**
   * tar stores what changed since the parent. What the parent left out for another reason it would never store. So a
   * parent that was read in another way cannot be continued.
   */
  #assertContinues(parent: SourceParent | null): void {
    if (parent === null) return;
    const names = differences(this.#options, parent.options);
    if (names.length === 0) return;
    throw new UnfitParentError(`the parent was read with another ${names.join(" and ")}`);
  }
}

interface Parts {
  readonly remarks: Remarks;
  readonly place: SnapshotPlace;
  /** The directory that is read. */
  readonly path: string;
}

class OpenTarSource implements OpenSource {
  readonly #child: Child;
  readonly #remarks: Remarks;
  readonly #place: SnapshotPlace;
  readonly #path: string;
  #isCancelled = false;
  #judged: Promise<void> | undefined;
  #hasEndedWell = false;

  constructor(child: Child, { remarks, place, path }: Parts) {
    this.#child = child;
    this.#remarks = remarks;
    this.#place = place;
    this.#path = path;
  }

  async *items(): AsyncIterable<EngineStream> {
    yield { kind: "stream", path: ARCHIVE, source: this.#archive(), guard: "tar" };
  }

  async finish(): Promise<SourceEnd> {
    await this.#judge();
    const metadata = await this.#place.take(await this.#forgotten());
    return { position: {}, metadata, problems: this.#remarks.problems };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#child.stop();
    await this.#place.remove();
  }

  #archive(): JudgedSource {
    return {
      read: (target) => this.#child.output.read(target),
      // An archive that is whole has nothing to release, and its snapshot file is still needed.
      cancel: () => this.#hasEndedWell ? Promise.resolve() : this.cancel(),
      ended: () => this.#judge(),
    };
  }

  #judge(): Promise<void> {
    return this.#judged ??= this.#judgeExit();
  }

  async #judgeExit(): Promise<void> {
    if (this.#isCancelled) throw new SourceError("tar was stopped; nothing was committed");
    const { code, signal } = await this.#child.exit();
    if (code === 0 || code === CHANGED && signal === null) {
      this.#hasEndedWell = true;
      return;
    }
    const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
    const said = this.#child.lastLines.map((line) => `: ${line}`).at(-1) ?? "";
    throw new SourceError(`tar ${how} while it read "${this.#path}"${said}; nothing was committed`);
  }

  /**
   * Which directories the next level must store as a whole. tar looks at times alone: a file that could not be read
   * today, and does not change, it would never store. What lies below such a directory is stored again as well.
   * Undefined if every file was read.
   */
  async #forgotten(): Promise<((name: string) => boolean) | undefined> {
    const { unread } = this.#remarks;
    if (unread === undefined) return () => true;
    if (unread.length === 0) return undefined;
    const forgotten = new Set<string>();
    for (const name of unread) forgotten.add(await this.#isDirectory(name) ? name : directoryOf(name));
    return (name) => {
      for (let one = name; one !== ""; one = directoryOf(one)) if (forgotten.has(one)) return true;
      return false;
    };
  }

  async #isDirectory(name: string): Promise<boolean> {
    const ascii = /^[\x20-\x7e]*$/.test(name);
    return ascii && await Deno.lstat(`${this.#path}/${name}`).then((info) => info.isDirectory, () => false);
  }
}

/** The directory in which a name of tar lies, as `./etc` of `./etc/passwd`; empty for `.`. */
function directoryOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")));
}

/** Refuses a directory that tar could not read at all, with a reason that is clearer than tar's. */
async function assertReadable(path: string): Promise<void> {
  try {
    for await (const _ of Deno.readDir(path)) break;
  } catch (error) {
    throw new SourceError(`Cannot read "${path}": ${await whyUnreadable(path, error)}; nothing was committed`, {
      cause: error,
    });
  }
}

async function whyUnreadable(path: string, error: unknown): Promise<string> {
  if (error instanceof Deno.errors.NotFound) return "there is no such directory";
  const isFile = await Deno.stat(path).then((info) => !info.isDirectory, () => false);
  if (isFile) return "it is not a directory; back up a file with agent put SERIES < FILE";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied; run as a user who may read it";
  return systemReason(error);
}

async function orSourceError<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw new SourceError(`${error.message}; nothing was committed`, { cause: error });
  }
}
