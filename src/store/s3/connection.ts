/** Requests to one bucket: addressed, signed, and sent to its region. */
import type { Clock } from "../../base/clock.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../http/client.ts";
import type { CredentialsSource } from "./credentials/s3_credentials.ts";
import { type BucketStyle, type S3Place, type S3Query, s3Url } from "./bucket_address.ts";
import { EMPTY_SHA256, type S3Credentials, signedHeaders, type SigningKeys } from "./signing.ts";
import { readErrorDocument } from "./xml.ts";

/** One request to a bucket. */
export interface S3Request {
  readonly method: HttpRequest["method"];
  /** The object's key; left out for the bucket itself. */
  readonly key?: string;
  readonly query?: S3Query;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: HttpRequest["content"];
  /** SHA-256 of the content in hex. */
  readonly sha256?: string;
  /** The longest accepted answer, in bytes; by default enough for any error document. */
  readonly mostBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a connection consists of. */
interface S3ConnectionParts {
  readonly http: HttpClient;
  readonly place: S3Place;
  readonly style: BucketStyle;
  /** The region for which requests are signed until the server names another. */
  readonly region: () => Promise<string>;
  readonly credentials: CredentialsSource;
  readonly clock: Clock;
}

const MOST_DOCUMENT_BYTES = 1 << 20;

/** The statuses by which servers say that a bucket is in another region. */
const ELSEWHERE_STATUSES: readonly number[] = [301, 307, 400];

/** The codes by which servers refuse credentials that are no longer valid: AWS's, MinIO's and Ceph's. */
const ENDED_CODES: readonly string[] = [
  "ExpiredToken",
  "ExpiredTokenException",
  "TokenRefreshRequired",
  "InvalidToken",
  "InvalidTokenId",
  "InvalidAccessKeyId",
];

/** What changes before a request is sent again. */
type Remedy = "region" | "credentials" | "time";

/** Sends requests to one bucket and learns its region. */
export class S3Connection {
  readonly #parts: S3ConnectionParts;
  readonly #keys: SigningKeys = new Map();
  #region: string | undefined;

  constructor(parts: S3ConnectionParts) {
    this.#parts = parts;
  }

  /** The region for which requests are signed. */
  async region(): Promise<string> {
    return this.#region ??= await this.#parts.region();
  }

  /**
   * Sends a request and returns its answer, whatever its status. If the server refuses it for one of these reasons, the
   * request is sent again, once for each reason: to the region that the server names, which is then kept; with other
   * credentials, if those sent have ended and their source has others; with a fresh signature, if the old one came too
   * late. A refused HEAD is repeated as a GET, whose answer says why. Throws what `HttpClient.send` and the credentials
   * throw.
   */
  async send(request: S3Request): Promise<HttpAnswer> {
    const tried = new Set<Remedy>();
    for (;;) {
      const credentials = await this.#parts.credentials();
      const answer = await this.#sendExplained(request, credentials);
      const remedy = await this.#remedyOf(answer, credentials);
      if (remedy === undefined || tried.has(remedy)) return answer;
      tried.add(remedy);
    }
  }

  /** What to change before sending the request again; undefined if that would not help. */
  async #remedyOf(answer: HttpAnswer, credentials: S3Credentials | undefined): Promise<Remedy | undefined> {
    const region = regionNamedBy(answer);
    if (region !== undefined && region !== await this.region()) {
      this.#region = region;
      return "region";
    }
    const code = answer.status < 400 ? undefined : readErrorDocument(answer.body)?.code;
    if (code === "RequestTimeTooSkewed") return "time";
    if (credentials === undefined || !ENDED_CODES.includes(code ?? "")) return undefined;
    return areSame(credentials, await this.#parts.credentials(credentials)) ? undefined : "credentials";
  }

  async #sendExplained(request: S3Request, credentials: S3Credentials | undefined): Promise<HttpAnswer> {
    const answer = await this.#sendSigned(request, credentials);
    if (request.method !== "HEAD" || ![400, 403].includes(answer.status)) return answer;
    const asGet: S3Request = { ...request, method: "GET", headers: { ...request.headers, range: "bytes=0-0" } };
    const explained = await this.#sendSigned(asGet, credentials);
    return explained.status >= 400 ? explained : answer;
  }

  async #sendSigned(request: S3Request, credentials: S3Credentials | undefined): Promise<HttpAnswer> {
    const region = await this.region();
    const { http, place, style, clock } = this.#parts;
    const { method, key, query, headers = {}, content, sha256 = EMPTY_SHA256, signal } = request;
    signal?.throwIfAborted();
    const url = s3Url(place, {
      style,
      region,
      ...(key === undefined ? {} : { key }),
      ...(query === undefined ? {} : { query }),
    });
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

/** The region that a refusal names in a header or, if the authorization was malformed, in its document. */
function regionNamedBy({ status, headers, body }: HttpAnswer): string | undefined {
  if (!ELSEWHERE_STATUSES.includes(status)) return undefined;
  const named = headers.get("x-amz-bucket-region") ?? readErrorDocument(body)?.region;
  return named !== undefined && /^[A-Za-z0-9-]{1,64}$/.test(named) ? named : undefined;
}

function areSame(one: S3Credentials, other: S3Credentials | undefined): boolean {
  const keys = ["accessKeyId", "secretAccessKey", "sessionToken"] as const;
  return keys.every((key) => one[key] === other?.[key]);
}
