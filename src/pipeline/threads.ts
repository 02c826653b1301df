/** The worker threads of a pipeline: one digests the streams, the others seal or open blobs. */
import { Semaphore } from "../base/limits.ts";
import type { SealingKeys } from "../crypto/seal.ts";
import type { CompressionLevel } from "../codec/compression.ts";
import type { GuardChoice } from "../guard/guard.ts";
import { CarryPool } from "./cutting/carry_pool.ts";
import {
  type BlobCalls,
  type DigestCalls,
  type OpenRequest,
  plaintextBytes,
  type ReadSummary,
  type SealedBatch,
  type SealRequest,
  type WantedDigests,
} from "./calls.ts";
import { CustomInspection, type DigestPlace, Inspection, type StreamInspection } from "./inspection.ts";
import type { DecodedIndex, IndexRequest } from "./index/read_index.ts";
import type { KnownChunks } from "./known/known_chunks.ts";
import type { RunVerdict, VerifyRequest } from "./pack_verification.ts";
import type { ResealedBlobs, ResealedForm, ResealRequest } from "./resealing.ts";
import { type OpenedTrees, treeBytes, type TreesRequest } from "./trees/read_trees.ts";
import { ZeroIds } from "./zero_ids.ts";
import { CallsHere, startWorker, Thread } from "../base/thread.ts";

/** How many batches for each sealing thread may be sealed or wait to be stored at once. */
const BATCHES_PER_THREAD = 2;

/**
 * How many bytes of blobs are sealed or opened in this thread before the others start, if these wait for work: as many
 * as take a fraction of the CPU of their start.
 */
const MOST_BYTES_HERE = 512 * 1024;

/** How many sealing threads there are if this thread opens in the place of one. */
const THREADS_WITH_ONE_HERE = 2;

/** How many calls a thread has under way while this one opens: one is being answered, one waits. */
const CALLS_MEANWHILE = 2;

/** About how many times longer than an index file its text is. */
const INDEX_TEXT_RATIO = 4;

/** Threads that are starting and not configured yet. Disposing of them ends them, even after they are configured. */
export interface StartingThreads extends Disposable {
  /** Gives the sealing threads their keys; may be called once. */
  configure(keys: SealingKeys, compression: CompressionLevel): Promise<PipelineThreads>;
}

/** Options of `startThreads`. */
interface ThreadOptions {
  /**
   * Whether streams are digested, true by default. If not, the digesting thread starts only with the first stream that
   * needs more than its SHA-256: a thread that does nothing but hand on what it reads has the time for that.
   */
  readonly digest?: boolean;
  /**
   * Resolves when there is much to do. Once they can be configured, too, the threads start then, or with the first call
   * that is more than a little work; until then this thread does it. Before they have keys they could only hold up those
   * who derive these. Without it, they start at once, for example while the user types the password.
   */
  readonly needed?: Promise<unknown>;
  /**
   * Whether this thread takes the place of one of two sealing threads when blobs are opened; false by default. It is
   * held up by ten milliseconds for each batch, so it must have nothing else to do. With more threads it has enough to
   * do with handing out work.
   */
  readonly opensHere?: boolean;
}

/** Starts `blobThreads` threads that seal and open, and one that digests. */
export function startThreads(blobThreads: number, options?: ThreadOptions): StartingThreads {
  return PipelineThreads.start(blobThreads, options);
}

/** A thread that digests any number of streams side by side. Disposing of it ends it. */
export class DigestThread implements DigestPlace, Disposable {
  readonly here = new CallsHere<DigestCalls>(async () => (await import("./digest_calls.ts")).digestCalls());
  #worker: Thread<DigestCalls> | undefined;
  #streams = 0;

  /** Starts it, unless it is to start only with a stream that does not end with its first piece. */
  constructor({ startsLate = false }: { startsLate?: boolean } = {}) {
    if (!startsLate) this.start();
  }

  get worker(): Thread<DigestCalls> | undefined {
    return this.#worker;
  }

  start(): Thread<DigestCalls> {
    return this.#worker ??= new Thread(startWorker("digest"));
  }

  /** Begins to digest a stream: with all digests, or with those that are wanted. */
  inspect(guard: GuardChoice): StreamInspection;
  inspect(guard: GuardChoice, wanted: WantedDigests): StreamInspection<ReadSummary>;
  inspect(guard: GuardChoice, wanted: WantedDigests = { md5: true }): StreamInspection<ReadSummary> {
    const stream = this.#streams++;
    if (typeof guard === "string") return new Inspection(this, stream, guard, wanted);
    return new CustomInspection(new Inspection(this, stream, "none", wanted), guard);
  }

  [Symbol.dispose](): void {
    this.#worker?.terminate();
  }
}

/** Digests streams in the thread that reads them. */
class DigestHere implements DigestPlace {
  readonly here = new CallsHere<DigestCalls>(async () => (await import("./digest_calls.ts")).digestCalls());
  readonly worker = this.here;
  #streams = 0;

  start(): CallsHere<DigestCalls> {
    return this.here;
  }

  /** Begins to compute the SHA-256 of a stream. */
  inspect(): StreamInspection<ReadSummary> {
    return new Inspection(this, this.#streams++, "none", { md5: false });
  }
}

/** What each sealing thread is told once; a thread that starts later is told the newest of each. */
type Setting = "configure" | "known" | "resealFor";

/** Configured worker threads; disposing of their `StartingThreads` ends them all. */
export class PipelineThreads {
  /** How many threads seal and open. */
  readonly blobThreads: number;
  /** One slot for every batch from its first call until it is stored, whichever stream it belongs to. */
  readonly batchSlots: Semaphore;
  /** For the chunks of all streams. */
  readonly carries: CarryPool;
  /** Of the chunks of all streams. */
  readonly zeroIds = new ZeroIds();
  readonly #startsLate: boolean;
  /** Whether this thread opens in the place of the last sealing thread. */
  readonly #opensHere: boolean;
  #isOpeningHere = false;
  #digest: DigestThread | undefined;
  #digestHere: DigestHere | undefined;
  readonly #here = new CallsHere<BlobCalls>(async () => (await import("./blob_calls.ts")).blobCalls());
  #bytesHere = 0;
  readonly #blobs: { readonly thread: Thread<BlobCalls>; load: number }[] = [];
  readonly #settings = new Map<Setting, BlobCalls[Setting]["request"]>();
  /** Which blobs the sealing threads see. */
  #known: (KnownChunks & { readonly generation: number }) | undefined;
  readonly #hasKeys = Promise.withResolvers<void>();
  #isOver = false;

  /** Called by `startThreads`. */
  static start(blobThreads: number, options?: ThreadOptions): StartingThreads {
    const threads = new PipelineThreads(blobThreads, options);
    return {
      configure: (keys, compression) => threads.#configure(keys, compression),
      [Symbol.dispose]: () => threads.#terminate(),
    };
  }

  private constructor(blobThreads: number, { digest = true, needed, opensHere = false }: ThreadOptions = {}) {
    this.blobThreads = blobThreads;
    this.#opensHere = opensHere && blobThreads === THREADS_WITH_ONE_HERE;
    this.batchSlots = new Semaphore(blobThreads * BATCHES_PER_THREAD);
    this.carries = new CarryPool(blobThreads * BATCHES_PER_THREAD + 1);
    this.#startsLate = needed !== undefined;
    try {
      if (digest) this.#digest = new DigestThread({ startsLate: this.#startsLate });
      if (needed === undefined) this.#startBlobThreads();
      else void this.#startWhen(needed).catch(() => {}); // The next call tries again.
    } catch (error) {
      this.#terminate();
      throw error;
    }
  }

  /** Begins to digest a stream, as `DigestThread.inspect`; any number of streams may be under way. */
  inspect(guard: GuardChoice): StreamInspection;
  inspect(guard: GuardChoice, wanted: WantedDigests): StreamInspection<ReadSummary>;
  inspect(guard: GuardChoice, wanted: WantedDigests = { md5: true }): StreamInspection<ReadSummary> {
    const needsThread = wanted.md5 || guard !== "none";
    if (this.#digest === undefined && !needsThread) return (this.#digestHere ??= new DigestHere()).inspect();
    this.#digest ??= new DigestThread({ startsLate: this.#startsLate });
    return this.#digest.inspect(guard, wanted);
  }

  async #startWhen(needed: Promise<unknown>): Promise<void> {
    await needed;
    await this.#hasKeys.promise;
    await this.#startOneByOne();
  }

  /** Starts all threads, with pauses, since each start holds this thread up for ten milliseconds. */
  async #startOneByOne(): Promise<void> {
    if (this.#isOver) return;
    this.#digest?.start();
    while (this.#wantsBlobThread()) {
      await new Promise((resolve) => setTimeout(resolve));
      if (this.#isOver) return;
      if (this.#wantsBlobThread()) this.#startBlobThread();
    }
  }

  #startBlobThreads(): void {
    while (this.#wantsBlobThread()) this.#startBlobThread();
  }

  #wantsBlobThread(): boolean {
    return this.#blobs.length < this.blobThreads - (this.#opensHere ? 1 : 0);
  }

  #startBlobThread(): void {
    const thread = new Thread<BlobCalls>(startWorker("blobs"));
    for (const [name, request] of this.#settings) thread.call(name, request).catch(() => {});
    this.#blobs.push({ thread, load: 0 });
  }

  async #configure(keys: SealingKeys, compression: CompressionLevel): Promise<this> {
    await this.#tell("configure", { keys, compression });
    this.#hasKeys.resolve();
    if (this.#startsLate && this.#blobs.length === 0) {
      // The lock settles meanwhile.
      this.#here.prepare();
      this.#digest?.here.prepare();
    }
    return this;
  }

  /** Tells every thread, also those that start later. */
  async #tell<Name extends Setting>(name: Name, request: BlobCalls[Name]["request"]): Promise<void> {
    this.#settings.set(name, request);
    const answers = this.#blobs.map(({ thread }) => thread.call(name, request));
    if (this.#bytesHere > 0) answers.push(this.#tellHere(name, request));
    await Promise.all(answers);
  }

  /**
   * Tells this thread. It opens no further files: of the little that is sealed here, what is known on disk is sealed in
   * vain.
   */
  #tellHere<Name extends Setting>(name: Name, request: BlobCalls[Name]["request"]): Promise<null> {
    return this.#here.call(name, "stored" in request ? { ...request, stored: null } : request);
  }

  /** Makes every known chunk visible to the sealing threads, if that takes a new view. */
  shareKnown({ dataBlobs, stored }: KnownChunks): void {
    const { generation } = dataBlobs;
    const told = this.#known;
    if (told?.dataBlobs === dataBlobs && told.stored === stored && told.generation === generation) return;
    this.#known = { dataBlobs, stored, generation };
    this.#tell("known", { table: dataBlobs.view, stored: stored?.view ?? null }).catch(() => {});
  }

  /** Seals the new ones of the chunks. Owns: `cuts` of the request is transferred. */
  seal(request: SealRequest): Promise<SealedBatch> {
    const { carryBytes, cuts } = request;
    return this.#callBlobs("seal", request, [cuts], carryBytes + (cuts.at(-1) ?? 0));
  }

  /**
   * Writes plaintext to its places. Throws `IntegrityError` that names the blob. Owns: all buffers but the segment are
   * transferred.
   */
  async open(request: OpenRequest): Promise<void> {
    await this.#openAnywhere("open", request, [request.ids, request.table, ...request.parts], plaintextBytes(request));
  }

  /** Opens, verifies and decodes trees. Owns: the bytes of all parts are transferred. */
  readTrees(request: TreesRequest): Promise<OpenedTrees> {
    return this.#openAnywhere("readTrees", request, request.parts.map(({ bytes }) => bytes), treeBytes(request));
  }

  /** Opens blobs in another thread, or in this one if it may and the others have enough to do. */
  async #openAnywhere<Name extends "open" | "readTrees">(
    name: Name,
    request: BlobCalls[Name]["request"],
    given: readonly { readonly buffer: ArrayBuffer }[],
    bytes: number,
  ): Promise<BlobCalls[Name]["response"]> {
    const isHere = this.#opensHere && this.#blobs.length > 0 && this.#mayOpenHere();
    return await (isHere ? this.#openHere(name, request, bytes) : this.#callBlobs(name, request, given, bytes));
  }

  /** Whether this thread is free, and the others have work for as long as it opens. */
  #mayOpenHere(): boolean {
    return !this.#isOpeningHere && this.#blobs.every(({ load }) => load >= CALLS_MEANWHILE);
  }

  async #openHere<Name extends "open" | "readTrees">(
    name: Name,
    request: BlobCalls[Name]["request"],
    bytes: number,
  ): Promise<BlobCalls[Name]["response"]> {
    this.#isOpeningHere = true;
    try {
      return await this.#callHere(name, request, bytes);
    } finally {
      this.#isOpeningHere = false;
    }
  }

  /** Verifies a run of blobs. Owns: all buffers of the request are transferred. */
  verify(request: VerifyRequest): Promise<RunVerdict> {
    const { bytes, ids, lengths, uncompressedLengths } = request;
    return this.#callBlobs("verify", request, [bytes, ids, lengths, uncompressedLengths]);
  }

  /**
   * Opens and decodes an index file. Throws `IntegrityError` if it is damaged or malformed. Owns: its bytes are
   * transferred.
   */
  readIndex(request: IndexRequest): Promise<DecodedIndex> {
    return this.#callBlobs("readIndex", request, [request.bytes], request.bytes.length * INDEX_TEXT_RATIO);
  }

  /** Says for which repository `reseal` seals, and how; the threads open blobs with the keys of `configure`. */
  async resealFor(keys: SealingKeys, form: ResealedForm): Promise<void> {
    await this.#tell("resealFor", { keys, form });
  }

  /** Opens, verifies and reseals blobs, after `resealFor`. Owns: all buffers of the request are transferred. */
  reseal(request: ResealRequest): Promise<ResealedBlobs> {
    const { bytes, ids, offsets, lengths, uncompressedLengths } = request;
    return this.#callBlobs("reseal", request, [bytes, ids, offsets, lengths, uncompressedLengths]);
  }

  /**
   * Calls the sealing thread with the least work, or this one if none is started and `bytes` of plaintext are little. A
   * broken thread fails every call.
   */
  async #callBlobs<Name extends "seal" | "open" | "verify" | "readIndex" | "readTrees" | "reseal">(
    name: Name,
    request: BlobCalls[Name]["request"],
    given: readonly { readonly buffer: ArrayBuffer }[],
    bytes = Infinity,
  ): Promise<BlobCalls[Name]["response"]> {
    if (this.#blobs.length === 0 && this.#bytesHere + bytes <= MOST_BYTES_HERE) {
      return await this.#callHere(name, request, bytes);
    }
    this.#startBlobThreads();
    const chosen = this.#blobs.reduce((least, other) => other.load < least.load ? other : least);
    chosen.load++;
    try {
      return await chosen.thread.call(name, request, given.map(({ buffer }) => buffer));
    } finally {
      chosen.load--;
    }
  }

  async #callHere<Name extends keyof BlobCalls & string>(
    name: Name,
    request: BlobCalls[Name]["request"],
    bytes: number,
  ): Promise<BlobCalls[Name]["response"]> {
    if (this.#bytesHere === 0) {
      for (const [setting, told] of this.#settings) this.#tellHere(setting, told).catch(() => {});
    }
    this.#bytesHere += Math.max(1, bytes);
    return await this.#here.call(name, request);
  }

  #terminate(): void {
    this.#isOver = true;
    this.#digest?.[Symbol.dispose]();
    for (const { thread } of this.#blobs) thread.terminate();
  }
}
