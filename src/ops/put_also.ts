/**
 * Put into two repositories: one read of the streams, two backups. A dump cannot be repeated, so the failure of one
 * repository does not end the other. What the source says holds for both, and so does an interruption: neither commits
 * before the other one is as ready, or has failed. Only a crash between the two snapshots leaves a backup in one of them
 * for another reason.
 */
import { AgentError, BugError, LockedError, messageOf, UsageError } from "../base/errors.ts";
import { onAbort, unlessAborted } from "../base/abort.ts";
import { Turn } from "../base/limits.ts";
import type { Repository } from "../repository/repository.ts";
import type { RepositoryAccess, World } from "./access.ts";
import type { ItemReader } from "./session/reader/item_reader.ts";
import type { Recipient } from "./session/reader/recipient.ts";
import type { WrittenBackup } from "./session/backup_request.ts";

/** What became of a backup in one of two repositories. */
export type RepositoryOutcome =
  & {
    /** Where the repository is; null if its store could not even be opened. */
    readonly location: string | null;
  }
  & ({ readonly written: WrittenBackup; readonly error?: never } | {
    readonly written?: never;
    /** Why it has no backup. */
    readonly error: AgentError;
  });

/** How one backup is written. */
export interface Writing {
  readonly access: RepositoryAccess;
  /** Receives the items. */
  readonly recipient: Recipient;
  readonly world: World;
  readonly signal: AbortSignal;
  /** Called once the repository is open. */
  readonly onOpen?: (repository: Repository) => void;
  /** Called when everything but the snapshot is written; throws if there must be no backup. */
  readonly confirm?: () => Promise<void>;
}

interface BothRequest {
  /** The main repository and the second one. */
  readonly accesses: readonly [RepositoryAccess, RepositoryAccess];
  /** Has a recipient for each of them. */
  readonly reader: ItemReader;
  readonly write: (writing: Writing) => Promise<WrittenBackup>;
  readonly world: World;
  /** What cancels the reader at an interruption. Disposed of at the point of no return. */
  readonly stopping: Disposable;
}

interface BothOutcomes {
  /** What the main repository got, or else the second one. */
  readonly written: WrittenBackup;
  readonly each: readonly [RepositoryOutcome, RepositoryOutcome];
}

/**
 * Writes a backup into both repositories. Throws if neither has one: what ended the reading, or else the error of the
 * main one; the other error is told to the world.
 */
export async function writeToBoth(request: BothRequest): Promise<BothOutcomes> {
  const { reader } = request;
  const both = new Both(request);
  const [main, second] = await Promise.all([both.write(0), both.write(1)]);
  const written = main.written ?? second.written;
  if (written !== undefined) return { written, each: [main, second] };
  throw reader.failure?.error ?? main.error;
}

type Which = 0 | 1;

/** How messages call a repository whose store could not be opened. */
const NAMES = ["the main repository", "the second repository"] as const;

/** Two backups under way. */
class Both {
  readonly #request: BothRequest;
  readonly #accesses: readonly [RepositoryAccess, RepositoryAccess];
  readonly #locations: [string | null, string | null] = [null, null];
  readonly #point: PointOfNoReturn;
  #firstId: string | undefined;

  constructor(request: BothRequest) {
    this.#request = request;
    const { reader, stopping } = request;
    this.#accesses = askingInTurn(request.accesses);
    this.#point = new PointOfNoReturn(() => {
      if (reader.failure) throw reader.failure.error;
      stopping[Symbol.dispose]();
    });
  }

  async write(which: Which): Promise<RepositoryOutcome> {
    const recipient = this.#recipient(which);
    using _leaving = onAbort(recipient.signal, () => this.#leave(which));
    try {
      const written = await this.#request.write({
        access: this.#located(which),
        recipient,
        world: this.#worldOf(which),
        signal: recipient.signal,
        onOpen: (repository) => this.#refuseSame(repository),
        confirm: () => unlessAborted(recipient.signal, this.#point.arrive(which)),
      });
      return { location: this.#locations[which], written };
    } catch (error) {
      // A fault of the program says nothing about one repository alone.
      if (error instanceof BugError && !this.#point.isPassed) await this.#request.reader.cancel(error);
      recipient.fail(error);
      return { location: this.#locations[which], error: asAgentError(recipient.failure!.error) };
    }
  }

  /** Lets the other one go on alone. Tells why, unless that is thrown at the end. */
  #leave(which: Which): void {
    const other = which === 0 ? 1 : 0;
    const { error } = this.#recipient(which).failure!;
    if (this.#request.reader.failure === undefined && !this.#point.isPassed) {
      const why = `The backup does not get into ${this.#nameOf(which)}: ${messageOf(error)}`;
      const isLast = this.#recipient(other).failure !== undefined;
      if (!isLast) this.#tell(`${why}; it goes on into ${this.#nameOf(other)}`);
      else if (which === 1) this.#tell(why);
    }
    this.#point.leave(which);
  }

  /** Ends both if the other repository, opened before, is the same. */
  #refuseSame({ config: { id } }: Repository): void {
    if (this.#firstId === undefined) this.#firstId = id;
    else if (this.#firstId === id) {
      const error = new UsageError(
        `Refusing to back up into ${this.#nameOf(0)} and ${this.#nameOf(1)}: both have the same id, so they are one ` +
          'repository or a copy of its files; make another one with "agent init"; nothing was committed',
      );
      void this.#request.reader.cancel(error);
      throw error;
    }
  }

  /** The access, which notes where the repository is. */
  #located(which: Which): RepositoryAccess {
    const access = this.#accesses[which];
    const openStore = async () => {
      const store = await access.openStore();
      this.#locations[which] = store.location;
      return store;
    };
    return { ...access, openStore };
  }

  /** Half of the memory and of the threads, and problems that name their repository. */
  #worldOf(which: Which): World {
    const { world } = this.#request;
    const { onProblem, onWait, bufferBytes, blobThreads } = world;
    const named = (message: string) => `${this.#nameOf(which)}: ${message}`;
    return {
      ...world,
      blobThreads: Math.ceil(blobThreads / 2),
      ...bufferBytes !== undefined && { bufferBytes: bufferBytes / 2 },
      ...onProblem && { onProblem: (problem) => onProblem(new AgentError(named(problem.message), { cause: problem })) },
      ...onWait && { onWait: (locked) => onWait(new LockedError(named(locked.message), { cause: locked })) },
    };
  }

  #recipient(which: Which): Recipient {
    return this.#request.reader.recipients[which]!;
  }

  #nameOf(which: Which): string {
    return this.#locations[which] ?? NAMES[which];
  }

  #tell(message: string): void {
    this.#request.world.onProblem?.(new AgentError(message));
  }
}

/**
 * The passwords one after the other, the main one first: both may be asked at one terminal. The second one does not
 * wait for a main repository whose store cannot be opened.
 */
function askingInTurn(
  [main, second]: readonly [RepositoryAccess, RepositoryAccess],
): readonly [RepositoryAccess, RepositoryAccess] {
  const turn = new Turn();
  const mainHasAsked = Promise.withResolvers<void>();
  const inTurn = ({ password, otherPassword }: RepositoryAccess) => ({
    password: () => turn.take(password),
    ...otherPassword && { otherPassword: () => turn.take(otherPassword) },
  });
  const first = inTurn(main);
  const next = inTurn(second);
  return [
    {
      ...main,
      ...first,
      openStore: () =>
        main.openStore().catch((error) => {
          mainHasAsked.resolve();
          throw error;
        }),
      password: () => first.password().finally(() => mainHasAsked.resolve()),
    },
    { ...second, ...next, password: () => mainHasAsked.promise.then(next.password) },
  ];
}

/** Where both wait for each other before they commit. */
class PointOfNoReturn {
  readonly #decide: () => void;
  readonly #awaited = new Set<Which>([0, 1]);
  readonly #passing = Promise.withResolvers<void>();
  #isPassed = false;

  /** `decide` is called once, when each has arrived or left; throws if nothing must be committed after all. */
  constructor(decide: () => void) {
    this.#decide = decide;
    this.#passing.promise.catch(() => {});
  }

  /** Whether those who arrived commit. */
  get isPassed(): boolean {
    return this.#isPassed;
  }

  /** Resolves once the other one has arrived or left, too. Throws what the decision throws. */
  arrive(which: Which): Promise<void> {
    this.leave(which);
    return this.#passing.promise;
  }

  /** Says that the other one need not wait for this one. */
  leave(which: Which): void {
    if (!this.#awaited.delete(which) || this.#awaited.size > 0) return;
    try {
      this.#decide();
      this.#isPassed = true;
      this.#passing.resolve();
    } catch (error) {
      this.#passing.reject(error);
    }
  }
}

/** What anything may throw, as an error of this project: the operating system has errors of its own. */
function asAgentError(error: unknown): AgentError {
  return error instanceof AgentError ? error : new AgentError(messageOf(error), { cause: error });
}
