/** One dump on its way into a database: through psql if it is text, else through pg_restore. */
import { AgentError, InterruptedError } from "../../../base/errors.ts";
import type { Child } from "../../child.ts";
import type { TargetStream } from "../../engine.ts";
import { WENT_AWAY } from "../remarks.ts";
import type { CommitFile } from "./commit_file.ts";
import type { LoadError, LoadRemarks } from "./load_remarks.ts";
import type { PlainScript } from "./plain_script.ts";

/** A program that loads. */
export interface Loader {
  /** Its name. */
  readonly name: "psql" | "pg_restore";
  /** Its process. */
  readonly child: Child;
  /** What it says. */
  readonly remarks: LoadRemarks;
  /** What psql gets instead of the dump; null for pg_restore. */
  readonly script: PlainScript | null;
  /** What psql needs to commit; null if it is not one transaction, or pg_restore sees to that. */
  readonly commit: CommitFile | null;
}

/** How a load is judged. */
export interface LoadPurpose {
  /** What it goes into, as in `the database "shop"`. */
  readonly into: string;
  /** Where the server is, for messages. */
  readonly place: string;
  /** Whether everything is undone if it fails. */
  readonly isOneTransaction: boolean;
  /** Whether pg_restore goes on by itself after errors, and is stopped at the first one that is not harmless. */
  readonly toleratesHarmless: boolean;
  /** What to say about an error besides. */
  readonly hintFor: (error: string) => string;
  /** Takes the errors at which psql did not stop; throws nothing. */
  readonly takeErrors: (errors: readonly LoadError[], script: PlainScript | null) => void;
}

/** A dump that is being loaded. */
export class DumpLoad implements TargetStream {
  readonly #loader: Loader;
  readonly #purpose: LoadPurpose;
  readonly #drained: Promise<void>;
  #isCancelled = false;

  constructor(loader: Loader, purpose: LoadPurpose) {
    this.#loader = loader;
    this.#purpose = purpose;
    this.#drained = drain(loader.child);
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { script, child, remarks } = this.#loader;
    const passed = script === null ? bytes.slice() : script.push(bytes);
    const isOver = this.#isCancelled || this.#purpose.toleratesHarmless && remarks.grave !== null;
    if (isOver || passed.length > 0 && !await child.write(passed)) await this.#fail();
  }

  async end(): Promise<void> {
    const { child, script, remarks, commit } = this.#loader;
    const last = script?.finish() ?? new Uint8Array(0);
    if (last.length > 0 && !await child.write(last)) await this.#fail();
    await commit?.write();
    await child.closeInput();
    const { code } = await child.exit();
    const hasOnlyHarmless = this.#purpose.toleratesHarmless && code === 1 && remarks.grave === null &&
      remarks.errors.length > 0;
    if (this.#isCancelled || code !== 0 && !hasOnlyHarmless) await this.#fail();
    await this.#drained;
    await child.stop();
    await commit?.[Symbol.asyncDispose]();
    this.#purpose.takeErrors(remarks.errors, script);
  }

  /** Ends the program. */
  async cancel(): Promise<void> {
    this.#isCancelled = true;
    await this.#loader.child.stop();
    await this.#drained;
    await this.#loader.commit?.[Symbol.asyncDispose]();
  }

  async #fail(): Promise<never> {
    const { name, child, remarks, script, commit } = this.#loader;
    const { into, place, isOneTransaction, toleratesHarmless, hintFor } = this.#purpose;
    if (toleratesHarmless) await child.stop();
    await child.closeInput();
    const { code, signal } = await child.exit();
    await child.stop();
    await commit?.[Symbol.asyncDispose]();
    const holds = isOneTransaction ? `${into} is as it was` : `${into} holds a part of the backup`;
    if (this.#isCancelled) throw new InterruptedError(`The load was stopped; ${holds}`);
    const lost = remarks.errors.find(({ reason }) => WENT_AWAY.test(reason));
    if (lost !== undefined) throw new AgentError(`The PostgreSQL server ${place} went away: ${lost.reason}; ${holds}`);
    const error = this.#reason();
    const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
    if (error === undefined) {
      const said = child.lastLines.at(-1);
      throw new AgentError(`${name} ${how}${said === undefined ? "" : `: ${said}`}; ${holds}`);
    }
    throw new AgentError(`${whereOf(error, script)}${error.reason}${hintFor(error.reason)}; ${holds}`);
  }

  /** The error at which the load stopped. */
  #reason(): LoadError | undefined {
    const { name, remarks: { errors, grave } } = this.#loader;
    // psql goes on after errors of roles; the last one is that at which it stopped.
    if (name === "psql") return errors.at(-1);
    // What could not be dropped for what depends on it is the reason for all that follows.
    return errors.find(({ reason }) => /other objects depend/.test(reason)) ?? grave ?? errors[0];
  }
}

/** Where in a dump an error is. */
export function whereOf({ line, task }: LoadError, script: PlainScript | null): string {
  if (line !== null) return `Line ${script?.lineOf(line) ?? line} of the dump: `;
  return task === null ? "" : `${task}: `;
}

/** Reads and forgets what a program prints. */
async function drain({ output }: Child): Promise<void> {
  const piece = new Uint8Array(16 * 1024);
  while (await output.read(piece).catch(() => null) !== null);
}
