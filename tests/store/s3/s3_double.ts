/** An S3 server without a network, as far as stores need one; faults are put in its way. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseXml, type XmlElement } from "@rgrove/parse-xml";
import type { HttpAnswer, HttpClient, HttpRequest } from "../../../src/store/http/client.ts";
import { openS3Store, type S3StoreOptions } from "../../../src/store/s3/s3_store.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { InstantClock } from "../instant_clock.ts";

/** What the server is like. */
export interface S3DoubleOptions {
  /** What it makes of `If-None-Match: *`. */
  readonly conditionalPut?: "known" | "unknown" | "passed over";
  /** The region of its buckets; requests that are signed for another one are refused. */
  readonly region?: string;
  readonly pageSize?: number;
  /** Answers ahead of the server, or throws; undefined lets the server answer. */
  readonly intercept?: (request: HttpRequest, double: S3Double) => HttpAnswer | undefined;
}

/** An answer of any kind. */
export function answer(status: number, body = "", headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: new Map(Object.entries(headers)), body: new TextEncoder().encode(body) };
}

/** A refusal as S3 words it. */
export function refusal(status: number, code: string, more = "", headers: Record<string, string> = {}): HttpAnswer {
  const document = `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>Told so.</Message>${more}</Error>`;
  return answer(status, document, headers);
}

const OPTIONS: Required<S3DoubleOptions> = {
  conditionalPut: "known",
  region: "us-east-1",
  pageSize: 1000,
  intercept: () => undefined,
};

/** The endpoint of the double; its buckets are named in the path. */
export const ENDPOINT = "http://s3.example:9000";

export class S3Double implements HttpClient {
  /** Content by key, by bucket. */
  readonly buckets = new Map<string, Map<string, Uint8Array<ArrayBuffer>>>();
  /** Uploads in parts that are neither ended nor given up, by id. */
  readonly openUploads = new Map<string, Map<number, Uint8Array<ArrayBuffer>>>();
  readonly requests: HttpRequest[] = [];
  isClosed = false;
  readonly #options: Required<S3DoubleOptions>;
  #uploadsBegun = 0;

  constructor(options: S3DoubleOptions = {}) {
    this.#options = { ...OPTIONS, ...options };
  }

  /** The requests so far as `METHOD key?query`, oldest first. */
  get log(): string[] {
    return this.requests.map(({ method, url }) => `${method} ${url.pathname}${url.search}`);
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    request.signal?.throwIfAborted();
    await Promise.resolve();
    this.requests.push(request);
    const content = received(request);
    return this.#options.intercept(request, this) ?? this.#serve(request, content);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  #serve(request: HttpRequest, content: Uint8Array<ArrayBuffer>): HttpAnswer {
    const { method, url, headers = {} } = request;
    const refused = this.#unproven(request, content);
    if (refused) return method === "HEAD" ? answer(refused.status, "", Object.fromEntries(refused.headers)) : refused;
    const [bucketName = "", ...path] = url.pathname.slice(1).split("/").map(decodeURIComponent);
    const bucket = this.buckets.get(bucketName);
    const key = path.join("/");
    if (key === "" && method === "PUT") return this.#makeBucket(bucketName);
    if (!bucket) return method === "HEAD" ? answer(404) : refusal(404, "NoSuchBucket");
    if (key === "") return this.#list(bucket, url.searchParams);
    if (method === "POST" || url.searchParams.has("uploadId")) return this.#inParts(bucket, key, request, content);
    if (method === "PUT") return this.#put(bucket, key, headers, () => content);
    if (method === "DELETE") return gone(bucket, key);
    return this.#read(bucket, key, request);
  }

  #unproven({ headers = {} }: HttpRequest, content: Uint8Array): HttpAnswer | undefined {
    const { region } = this.#options;
    const scope = /Credential=[^/]+\/\d{8}\/([^/]+)\/s3\/aws4_request/.exec(headers["authorization"] ?? "");
    if (!scope) return refusal(403, "AccessDenied");
    if (scope[1] !== region) {
      const more = `<Region>${region}</Region>`;
      return refusal(400, "AuthorizationHeaderMalformed", more, { "x-amz-bucket-region": region });
    }
    const digest = createHash("sha256").update(content).digest("hex");
    return digest === headers["x-amz-content-sha256"] ? undefined : refusal(400, "XAmzContentSHA256Mismatch");
  }

  #makeBucket(name: string): HttpAnswer {
    if (this.buckets.has(name)) return refusal(409, "BucketAlreadyOwnedByYou");
    this.buckets.set(name, new Map());
    return answer(200);
  }

  #put(
    bucket: Map<string, Uint8Array<ArrayBuffer>>,
    key: string,
    headers: Readonly<Record<string, string>>,
    content: () => Uint8Array<ArrayBuffer>,
  ): HttpAnswer {
    if (headers["if-none-match"] === "*") {
      if (this.#options.conditionalPut === "unknown") return refusal(501, "NotImplemented");
      if (this.#options.conditionalPut === "known" && bucket.has(key)) return refusal(412, "PreconditionFailed");
    }
    bucket.set(key, content());
    return answer(200);
  }

  #inParts(
    bucket: Map<string, Uint8Array<ArrayBuffer>>,
    key: string,
    { method, url, headers = {} }: HttpRequest,
    content: Uint8Array<ArrayBuffer>,
  ): HttpAnswer {
    if (url.searchParams.has("uploads")) {
      const id = `upload ${++this.#uploadsBegun}+&`;
      this.openUploads.set(id, new Map());
      const escaped = id.replace("&", "&amp;");
      return answer(
        200,
        `<InitiateMultipartUploadResult><UploadId>${escaped}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    const id = url.searchParams.get("uploadId")!;
    const parts = this.openUploads.get(id);
    if (!parts) return refusal(404, "NoSuchUpload");
    if (method === "DELETE") return gone(this.openUploads, id);
    if (method === "PUT") {
      const number = Number(url.searchParams.get("partNumber"));
      parts.set(number, content);
      return answer(200, "", { etag: `"part ${number}"` });
    }
    const { root } = parseXml(new TextDecoder().decode(content));
    const numbers = root!.children.map((part) =>
      (part as XmlElement).children.map((child) => (child as XmlElement).text)
    );
    assert.deepEqual(numbers, [...parts.keys()].sort((a, b) => a - b).map((n) => [`${n}`, `"part ${n}"`]));
    const done = this.#put(bucket, key, headers, () => joined(numbers.map(([n]) => parts.get(Number(n))!)));
    if (done.status !== 200) return done;
    this.openUploads.delete(id);
    return answer(200, "\n <CompleteMultipartUploadResult/>");
  }

  #read(bucket: Map<string, Uint8Array<ArrayBuffer>>, key: string, { method, headers = {} }: HttpRequest): HttpAnswer {
    const bytes = bucket.get(key);
    if (!bytes) return method === "HEAD" ? answer(404) : refusal(404, "NoSuchKey");
    if (method === "HEAD") return answer(200, "", { "content-length": `${bytes.length}` });
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers["range"] ?? "");
    if (!range) return { status: 200, headers: new Map(), body: bytes.slice() };
    const [first, last] = [Number(range[1]), range[2] === "" ? Infinity : Number(range[2])];
    if (first >= bytes.length) return refusal(416, "InvalidRange");
    const body = bytes.slice(first, last + 1);
    const told = `bytes ${first}-${first + body.length - 1}/${bytes.length}`;
    return { status: 206, headers: new Map([["content-range", told]]), body };
  }

  #list(bucket: Map<string, Uint8Array<ArrayBuffer>>, query: URLSearchParams): HttpAnswer {
    const prefix = query.get("prefix") ?? "";
    const isFlat = query.get("delimiter") === "/";
    const after = query.get("continuation-token") ?? "";
    const keys = [...bucket.keys()].filter((key) => key.startsWith(prefix) && key > after)
      .filter((key) => !isFlat || !key.slice(prefix.length).includes("/")).sort();
    const page = keys.slice(0, this.#options.pageSize);
    const rows = page.map((key) =>
      `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${bucket.get(key)!.length}</Size></Contents>`
    );
    const more = keys.length > page.length
      ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${page.at(-1)}</NextContinuationToken>`
      : "<IsTruncated>false</IsTruncated>";
    return answer(
      200,
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>${
        rows.join("")
      }${more}</ListBucketResult>`,
    );
  }
}

function gone(all: Map<string, unknown>, name: string): HttpAnswer {
  all.delete(name);
  return answer(204);
}

/** Takes the content as a connection does, part by part, and notices an abort between them. */
function received({ content = [], signal }: HttpRequest): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const part of content) {
    signal?.throwIfAborted();
    parts.push(part.slice());
  }
  signal?.throwIfAborted();
  return joined(parts);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

/** Variables with credentials that the double takes. */
export const KEYS: Readonly<Record<string, string>> = { AWS_ACCESS_KEY_ID: "user", AWS_SECRET_ACCESS_KEY: "secret" };

/** A store in the bucket `backups` of a double, below `prefix`. */
export function storeOn(
  double: HttpClient,
  { settings = {}, env = KEYS, place = `${ENDPOINT}/backups/some/prefix`, ...more }:
    & Partial<Pick<S3StoreOptions, "clock" | "partSizes" | "readTextFile">>
    & {
      readonly settings?: Readonly<Record<string, string>>;
      readonly env?: Readonly<Record<string, string>>;
      readonly place?: string;
    } = {},
): BlobStore {
  return openS3Store(place, {
    clock: new InstantClock(),
    network: {},
    env: (name) => env[name],
    settings: new Map(Object.entries(settings)),
    http: double,
    ...more,
  });
}
