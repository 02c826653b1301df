/** Has the server restore packs from its archive classes, and waits until they can be read. */
import type { Clock } from "../../base/clock.ts";
import { createHash } from "node:crypto";
import { mapConcurrently } from "../../base/concurrency.ts";
import { StoreError } from "../../base/errors.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { failureError, means } from "../failure.ts";
import type { HttpAnswer } from "../http/client.ts";
import type { Retry } from "../retry.ts";
import type { S3Connection } from "./connection.ts";
import { type Attempt, errorOfFailure, readFailure } from "./s3_errors.ts";
import { ARCHIVE_CLASSES, type ArchiveSettings } from "./settings.ts";
import { readErrorDocument, restoreRequestDocument } from "./xml.ts";

/** The first pause between two looks at an object, in milliseconds; each later one is longer. */
const FIRST_PAUSE_MS = 15_000;
const PAUSE_GROWTH = 1.5;
const LONGEST_PAUSE_MS = 5 * 60_000;

/** What the restoring of archived objects depends on. */
interface ArchivedOptions {
  readonly connection: S3Connection;
  readonly clock: Clock;
  readonly settings: ArchiveSettings;
  /** How many requests are sent at once. */
  readonly connections: number;
  /** Called when the first object is waited for, which takes hours. */
  readonly onWait?: ((wait: Retry) => void) | undefined;
}

/** An object in an archive class. */
interface ArchivedObject {
  readonly key: string;
  readonly attempt: Attempt;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Objects in archive classes. Each is asked for once. As soon as one of them proves to be archived, all that are
 * expected to be read are asked for, too, so that their hours pass side by side.
 */
export class ArchivedObjects {
  readonly #options: ArchivedOptions;
  readonly #expected = new Set<string>();
  readonly #requested = new Map<string, Promise<void>>();
  #isArchiveFound = false;

  constructor(options: ArchivedOptions) {
    this.#options = options;
  }

  /** Tells that these objects will be read soon. Sends nothing before one object was found to be archived. */
  expect(keys: readonly string[]): void {
    for (const key of keys) if (!this.#requested.has(key)) this.#expected.add(key);
    if (this.#isArchiveFound) this.#requestExpected();
  }

  /**
   * Resolves when the object can be read. Throws `StoreError` if the server does not restore it, or not within the time
   * that is set.
   */
  async restore(object: ArchivedObject): Promise<void> {
    const { clock, onWait, settings: { timeoutMs } } = this.#options;
    const { key, attempt, signal } = object;
    const endMs = clock.monotonicMs() + timeoutMs;
    this.#expected.delete(key);
    const isFirst = !this.#isArchiveFound;
    this.#isArchiveFound = true;
    await this.#requestOnce(object);
    this.#requestExpected();
    if (isFirst) onWait?.({ error: waitingError(attempt), failures: 1, delayMs: FIRST_PAUSE_MS });
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(pauseMs * PAUSE_GROWTH, LONGEST_PAUSE_MS)) {
      const state = await this.#stateOf(object);
      if (state === "readable") return;
      if (state === "archived") await this.#requestAgain(object);
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) throw tooLateError(attempt, timeoutMs);
      await clock.sleep(Math.min(pauseMs, leftMs), signal);
    }
  }

  /** Asks for what is expected, in the background. What fails there is told by the read of the object itself. */
  #requestExpected(): void {
    const keys = [...this.#expected];
    this.#expected.clear();
    void mapConcurrently(keys, this.#options.connections, async (key) => {
      await this.#requestOnce({ key, attempt: "restore an object" }).catch(() => this.#requested.delete(key));
    });
  }

  #requestOnce(object: ArchivedObject): Promise<void> {
    const known = this.#requested.get(object.key);
    if (known !== undefined) return known;
    const request = this.#request(object);
    this.#requested.set(object.key, request);
    request.catch(() => this.#requested.delete(object.key));
    return request;
  }

  async #request({ key, attempt, signal }: ArchivedObject): Promise<void> {
    const { connection, clock, settings } = this.#options;
    const content = [new TextEncoder().encode(restoreRequestDocument(settings))];
    const sha256 = createHash("sha256").update(content[0]!).digest("hex");
    const answer = await connection.send({ method: "POST", key, query: { restore: "" }, content, sha256, signal });
    if ([200, 202].includes(answer.status)) return;
    const code = readErrorDocument(answer.body)?.code;
    // It is under way already, or the object is in no archive class: the next look at it tells.
    if (code === "RestoreAlreadyInProgress" || code === "InvalidObjectState") return;
    throw errorOfFailure(attempt, readFailure(answer, clock));
  }

  /** Asks once more for an object whose restored copy is gone, because its days are over. */
  async #requestAgain(object: ArchivedObject): Promise<void> {
    this.#requested.delete(object.key);
    await this.#requestOnce(object);
  }

  /** A look that fails on the way says nothing: the next one may succeed. */
  async #stateOf({ key, attempt, signal }: ArchivedObject): Promise<ArchiveState> {
    const { connection, clock } = this.#options;
    try {
      const answer = await connection.send({ method: "HEAD", key, signal });
      if (answer.status !== 200) throw errorOfFailure(attempt, readFailure(answer, clock));
      return stateIn(answer);
    } catch (error) {
      if (error instanceof StoreError && error.retryable) return "underWay";
      throw error;
    }
  }
}

/** What becomes of an object: it can be read, is being restored, or lies in an archive class and nobody asked for it. */
type ArchiveState = "readable" | "underWay" | "archived";

/** The state of an object according to the answer to a HEAD. */
function stateIn({ headers }: HttpAnswer): ArchiveState {
  const restore = headers.get("x-amz-restore");
  if (restore !== undefined) return /ongoing-request="false"/.test(restore) ? "readable" : "underWay";
  return ARCHIVE_CLASSES.includes(headers.get("x-amz-storage-class") ?? "") ? "archived" : "readable";
}

function waitingError(attempt: Attempt): StoreError {
  return failureError(
    attempt,
    means.temporary("it lies in an archive class, and the server was asked to restore it, which takes minutes to days"),
  );
}

function tooLateError(attempt: Attempt, timeoutMs: number): StoreError {
  return failureError(
    attempt,
    means.broken(
      `the server has not restored it from its archive class within ${formatDuration(timeoutMs)}`,
      "run the same again later, as the server goes on; s3.restore-timeout says how long to wait",
    ),
  );
}
