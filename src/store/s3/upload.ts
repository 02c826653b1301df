/** Uploads an object in one request or, if it is large, in parts; never overwrites an existing one. */
import { createHash } from "node:crypto";
import { totalLength } from "../../base/bytes.ts";
import { mapConcurrently } from "../../base/concurrency.ts";
import type { Clock } from "../../base/clock.ts";
import type { StoreError } from "../../base/errors.ts";
import { EXISTS, failureError } from "../failure.ts";
import type { HttpAnswer } from "../http/client.ts";
import type { S3Connection, S3Request } from "./connection.ts";
import { type Attempt, errorOfDocument, errorOfFailure, readFailure } from "./s3_errors.ts";
import { checkUploadEnd, completeUploadDocument, readErrorDocument, readUploadId, S3DocumentError } from "./xml.ts";

/** One object to be stored. */
interface S3Upload {
  readonly key: string;
  readonly content: readonly Uint8Array[];
  /** SHA-256 of the content in hex, if it is already known. */
  readonly sha256: string | undefined;
  readonly storageClass: string | undefined;
  /** Whether to look for the object first, even on servers that support conditional puts. */
  readonly checkFirst: boolean;
  readonly attempt: Attempt;
  readonly signal?: AbortSignal | undefined;
}

/** The largest upload in one request, and the size of parts, in bytes. AWS requires parts of at least 5 MiB. */
export interface PartSizes {
  readonly singleBytes: number;
  readonly partBytes: number;
}

/** Packs of any usual size go in one request, so that the server verifies the hash of the whole. */
export const PART_SIZES: PartSizes = { singleBytes: 100 * 2 ** 20, partBytes: 32 * 2 ** 20 };

const PARTS_AT_ONCE = 3;

/**
 * Stores objects in one bucket.
 *
 * `If-None-Match: *` makes the server itself refuse to overwrite. A server that does not support the header says so at
 * the first put; from then on, each put looks for the object first. Another writer may put the object in between, and
 * then the later one wins. This is harmless if the name is the hash of the content: both wrote the same.
 */
export class S3Uploader {
  readonly #connection: S3Connection;
  readonly #clock: Clock;
  readonly #sizes: PartSizes;
  #hasConditionalPut = true;

  constructor(connection: S3Connection, clock: Clock, sizes: PartSizes = PART_SIZES) {
    this.#connection = connection;
    this.#clock = clock;
    this.#sizes = sizes;
  }

  /** Stores an object. Throws `ExistsError` if the name exists, and the errors of the table of failures. */
  async put(upload: S3Upload): Promise<void> {
    const sizeBytes = totalLength(upload.content);
    const isLarge = sizeBytes > this.#sizes.singleBytes;
    if (upload.checkFirst || isLarge || !this.#hasConditionalPut) await this.#refuseExisting(upload);
    if (isLarge) await this.#putInParts(upload);
    else await this.#putAtOnce(upload);
  }

  async #refuseExisting({ key, attempt, signal }: S3Upload): Promise<void> {
    const answer = await this.#connection.send({ method: "HEAD", key, signal });
    if (answer.status === 200) throw failureError(attempt, EXISTS);
    if (answer.status !== 404) throw this.#failure(attempt, answer);
  }

  async #putAtOnce(upload: S3Upload): Promise<void> {
    const { key, content, attempt, signal } = upload;
    const put: S3Request = {
      method: "PUT",
      key,
      headers: { "content-type": "application/octet-stream", ...storageHeaders(upload) },
      content,
      sha256: upload.sha256 ?? sha256Of(content),
      signal,
    };
    this.#expectSuccess(attempt, await this.#sendOnlyIfMissing(put, attempt, () => this.#refuseExisting(upload)));
  }

  /**
   * Sends a request that creates an object. If the server turns out not to support the condition, `before` runs first,
   * and the request is sent again without it.
   */
  async #sendOnlyIfMissing(request: S3Request, attempt: Attempt, before: () => Promise<void>): Promise<HttpAnswer> {
    if (this.#hasConditionalPut) {
      const headers = { ...request.headers, "if-none-match": "*" };
      const answer = await this.#connection.send({ ...request, headers });
      if (answer.status === 412) throw failureError(attempt, EXISTS);
      if (!isConditionUnknown(answer)) return answer;
      this.#hasConditionalPut = false;
      await before();
    }
    return await this.#connection.send(request);
  }

  /** After a failure, removes the parts: they would stay, invisible but paid for. */
  async #putInParts(upload: S3Upload): Promise<void> {
    const { key, attempt, signal } = upload;
    const parts = sliced(upload.content, this.#sizes.partBytes);
    const headers = { "content-type": "application/octet-stream", ...storageHeaders(upload) };
    const begun = await this.#connection.send({ method: "POST", key, query: { uploads: "" }, headers, signal });
    this.#expectSuccess(attempt, begun);
    const uploadId = this.#read(attempt, () => readUploadId(begun.body));
    try {
      const etags = await mapConcurrently(parts, PARTS_AT_ONCE, async (content, i) => {
        const query = { partNumber: String(i + 1), uploadId };
        return await this.#putPart(attempt, { method: "PUT", key, query, content, sha256: sha256Of(content), signal });
      });
      await this.#complete(upload, uploadId, etags);
    } catch (error) {
      await this.#abandon(key, uploadId);
      throw error;
    }
  }

  async #putPart(attempt: Attempt, request: S3Request): Promise<string> {
    const answer = await this.#connection.send(request);
    this.#expectSuccess(attempt, answer);
    const etag = answer.headers.get("etag");
    if (!etag) throw errorOfDocument(attempt, new S3DocumentError("it took a part and gave no ETag for it"));
    return etag;
  }

  /** The server may begin its answer before the work is done, so a failure can come with status 200. */
  async #complete({ key, attempt, signal }: S3Upload, uploadId: string, etags: readonly string[]): Promise<void> {
    const content = [new TextEncoder().encode(completeUploadDocument(etags))];
    const request: S3Request = { method: "POST", key, query: { uploadId }, content, sha256: sha256Of(content), signal };
    const answer = await this.#sendOnlyIfMissing(request, attempt, async () => {});
    this.#expectSuccess(attempt, answer);
    if (readErrorDocument(answer.body)) throw this.#failure(attempt, { ...answer, status: 500 });
    this.#read(attempt, () => checkUploadEnd(answer.body));
  }

  /** Works even after an abort. Ignores its own failure: the caller needs the first one. */
  async #abandon(key: string, uploadId: string): Promise<void> {
    await this.#connection.send({ method: "DELETE", key, query: { uploadId } }).catch(() => {});
  }

  #expectSuccess(attempt: Attempt, answer: HttpAnswer): void {
    if (answer.status < 200 || answer.status > 299) throw this.#failure(attempt, answer);
  }

  #failure(attempt: Attempt, answer: HttpAnswer): StoreError {
    return errorOfFailure(attempt, readFailure(answer, this.#clock));
  }

  #read<T>(attempt: Attempt, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw errorOfDocument(attempt, error);
    }
  }
}

/**
 * Whether the server does not support the condition: Swift answers 501 `NotImplemented`, others 400 with the same code.
 */
function isConditionUnknown({ status, body }: HttpAnswer): boolean {
  return status === 501 || status === 400 && readErrorDocument(body)?.code === "NotImplemented";
}

function storageHeaders({ storageClass }: S3Upload): Record<string, string> {
  return storageClass === undefined ? {} : { "x-amz-storage-class": storageClass };
}

/** Cuts the content into pieces of that many bytes, the last one shorter. The pieces are views; nothing is copied. */
function sliced(content: readonly Uint8Array[], pieceBytes: number): Uint8Array[][] {
  const pieces: Uint8Array[][] = [];
  let piece: Uint8Array[] = [];
  let room = 0;
  for (const part of content) {
    for (let at = 0; at < part.length;) {
      if (room === 0) {
        pieces.push(piece = []);
        room = pieceBytes;
      }
      const view = part.subarray(at, at + room);
      piece.push(view);
      at += view.length;
      room -= view.length;
    }
  }
  return pieces;
}

function sha256Of(content: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of content) hash.update(part);
  return hash.digest("hex");
}
