/** Requests to one bucket: addressed, signed, and sent to the region where it lies. */
import type { Clock } from "../../base/clock.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../http/client.ts";
import type { CredentialsSource } from "./credentials.ts";
import { type BucketStyle, type S3Place, type S3Query, s3Url } from "./place.ts";
import { EMPTY_SHA256, signedHeaders, type SigningKeys } from "./signing.ts";
import { readErrorDocument } from "./xml.ts";

/** One request to a bucket. */
export interface S3Request {
  readonly method: HttpRequest["method"];
  /** The object's key; the bucket itself without. */
  readonly key?: string;
  readonly query?: S3Query;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: HttpRequest["content"];
  /** SHA-256 of the content in hex. */
  readonly sha256?: string;
  /** The longest answer that is taken, in bytes; enough for any error document by default. */
  readonly mostBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a connection consists of. */
export interface S3ConnectionParts {
  readonly http: HttpClient;
  readonly place: S3Place;
  readonly style: BucketStyle;
  /** The region that requests are signed for, until the server names another one. */
  readonly region: () => Promise<string>;
  readonly credentials: CredentialsSource;
  readonly clock: Clock;
}

const MOST_DOCUMENT_BYTES = 1 << 20;

/** Statuses with which servers tell that a bucket lies in another region. */
const ELSEWHERE_STATUSES: readonly number[] = [301, 307, 400];

/** Sends requests to one bucket and learns where it lies. */
export class S3Connection {
  readonly #parts: S3ConnectionParts;
  readonly #keys: SigningKeys = new Map();
  #region: string | undefined;

  constructor(parts: S3ConnectionParts) {
    this.#parts = parts;
  }

  /** The region requests are signed for. */
  async region(): Promise<string> {
    return this.#region ??= await this.#parts.region();
  }

  /**
   * Sends a request and gives its answer, whatever its status. Where the answer names another region than the one signed
   * for, that is used from then on, and the request is sent once more. Throws what `HttpClient.send` and the credentials do.
   */
  async send(request: S3Request): Promise<HttpAnswer> {
    const region = await this.region();
    const answer = await this.#sendTo(region, request);
    const named = regionNamedBy(answer);
    if (named === undefined || named === region) return answer;
    this.#region = named;
    return await this.#sendTo(named, request);
  }

  async #sendTo(region: string, request: S3Request): Promise<HttpAnswer> {
    const { http, place, style, clock } = this.#parts;
    const { method, key, query, headers = {}, content, sha256 = EMPTY_SHA256, signal } = request;
    signal?.throwIfAborted();
    const url = s3Url(place, {
      style,
      region,
      ...(key === undefined ? {} : { key }),
      ...(query === undefined ? {} : { query }),
    });
    const credentials = await this.#parts.credentials();
    const proof = { region, sha256, now: clock.now(), keys: this.#keys };
    return await http.send({
      method,
      url,
      headers: credentials ? await signedHeaders({ method, url, headers }, { ...proof, credentials }) : headers,
      mostBytes: Math.max(request.mostBytes ?? 0, MOST_DOCUMENT_BYTES),
      ...(content === undefined ? {} : { content }),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

/** The region a refusal names, in a header or, as it is with a malformed authorization, in its document. */
function regionNamedBy({ status, headers, body }: HttpAnswer): string | undefined {
  if (!ELSEWHERE_STATUSES.includes(status)) return undefined;
  const named = headers.get("x-amz-bucket-region") ?? readErrorDocument(body)?.region;
  return named !== undefined && /^[A-Za-z0-9-]{1,64}$/.test(named) ? named : undefined;
}
