/** The store in S3: restic's keys in a bucket, so that restic opens the same repository. */
import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { messageOf, NotFoundError, StoreError } from "../../base/errors.ts";
import type { HttpAnswer, HttpClient, NetworkOptions } from "../http/client.ts";
import { openHttpClient } from "../http/http_client.ts";
import { bytesOfRange, rangeHeader } from "../http/range_answer.ts";
import { folderOfKind, isNameOfKind, relativePath } from "../layout.ts";
import { checkRange, refuseLarger, resolvedLength } from "../range.ts";
import {
  type BlobStore,
  type ByteRange,
  CONFIG_FILE,
  type FileKind,
  type FileName,
  type GetOptions,
  type ListedFile,
  type StoreCallOptions,
} from "../store.ts";
import { S3Connection } from "./connection.ts";
import type { RunProcess } from "./credentials/credential_process.ts";
import { credentialsSource } from "./credentials/s3_credentials.ts";
import { type Attempt, errorOfDocument, errorOfFailure, readFailure } from "./s3_errors.ts";
import {
  bucketStyleOf,
  locationOf,
  parseS3Place,
  regionOfEndpoint,
  type S3Place,
  type S3Query,
} from "./bucket_address.ts";
import { type ReadTextFile, regionOfProfile } from "./credentials/profiles.ts";
import { readS3Settings, type S3Settings } from "./settings.ts";
import { PART_SIZES, type PartSizes, S3Uploader } from "./upload.ts";
import { createBucketDocument, readListPage, type S3ListPage } from "./xml.ts";

/** What an S3 store needs from outside. */
export interface S3StoreOptions {
  readonly clock: Clock;
  readonly network: NetworkOptions;
  /** A variable of the environment: credentials, region, and where their files lie. */
  readonly env: (name: string) => string | undefined;
  /** What a user set, by restic's names; see `readS3Settings`. */
  readonly settings: ReadonlyMap<string, string>;
  /** Speaks to the server and to services that lend credentials; both in tests only. Closed with the store. */
  readonly http?: HttpClient;
  /** Reads AWS's shared files; from the disk by default. */
  readonly readTextFile?: ReadTextFile;
  /** Runs the programs that profiles name; on this machine by default. */
  readonly runProcess?: RunProcess;
  /** When uploads go in parts; `PART_SIZES` by default. */
  readonly partSizes?: PartSizes;
  /** How many keys a page of a listing may hold; 1000, S3's own limit, by default. */
  readonly pageKeys?: number;
}

/**
 * The store at a place such as `https://host/bucket/prefix`. Nothing is sent before the first call, and credentials are
 * looked for then. Throws `UsageError` for a place or a setting that makes no sense.
 *
 * Every request is signed over the true SHA-256 of its content, which the server verifies: for all files but the config that
 * is their name, so no content arrives under a wrong one. Where the server does not know conditional puts (OpenStack Swift)
 * or passes the header over (Ceph at the end of an upload in parts), of two writers of one name at the same moment both may
 * succeed and the later one wins. Names of files are hashes of their content, so this concerns the config only, which is
 * looked for before each put on every server. OpenStack Swift is consistent in the end only: after a device was lost and
 * came back, old states may show until its replicas agree, so "read after write" does not hold then.
 */
export function openS3Store(place: string, options: S3StoreOptions): BlobStore {
  return new S3Store(parseS3Place(place), readS3Settings(options.settings), options);
}

/** What a server without a region of its own expects, and AWS where the bucket's is not known yet. */
const DEFAULT_REGION = "us-east-1";

/** The longest file that is read whole, in bytes: what the index can address in a pack. */
const MOST_FILE_BYTES = 2 ** 32;

/** More packs in flight cost memory and gain nothing: a few fill the line. */
const MOST_UPLOADS = 3;

class S3Store implements BlobStore {
  readonly location: string;
  readonly connections: number;
  readonly uploads: number;
  readonly #place: S3Place;
  readonly #settings: S3Settings;
  readonly #clock: Clock;
  readonly #connection: S3Connection;
  readonly #uploader: S3Uploader;
  readonly #pageKeys: number;
  /** Ends what the store opened, in no particular order. */
  readonly #clients: readonly HttpClient[];

  constructor(place: S3Place, settings: S3Settings, options: S3StoreOptions) {
    const { clock, network, env } = options;
    const { connections } = settings;
    const readTextFile = options.readTextFile ?? readTextFileIfThere;
    const http = options.http ?? openHttpClient({ ...network, connections, clock });
    const tokenService = options.http ?? openHttpClient({ ...network, insecureTls: false, connections: 1, clock });
    // Certificates, limits, turns and proxies of the store's own line are no concern of the service that lends credentials.
    const lender = options.http ?? openHttpClient({ connections: 1, clock, withoutFetch: true });
    this.location = locationOf(place);
    this.connections = connections;
    this.uploads = Math.min(MOST_UPLOADS, connections);
    this.#place = place;
    this.#settings = settings;
    this.#clock = clock;
    this.#pageKeys = options.pageKeys ?? 1000;
    this.#clients = [...new Set([http, lender, tokenService])];
    this.#connection = new S3Connection({
      http,
      place,
      style: settings.bucketStyle ?? bucketStyleOf(place),
      region: () => firstRegion(place, settings, { env, readTextFile }),
      credentials: settings.anonymous ? () => Promise.resolve(undefined) : credentialsSource({
        env,
        readTextFile,
        http: lender,
        tokenService,
        runProcess: options.runProcess ?? ((line, signal) => runShell(line, awsFilesOf(env), signal)),
        clock,
      }),
      clock,
    });
    this.#uploader = new S3Uploader(this.#connection, clock, options.partSizes ?? PART_SIZES);
  }

  /** Makes the bucket where it is missing. Who may not look at it is taken to know that it is there. */
  async create({ signal }: StoreCallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const attempt = `create the bucket of "${this.location}"`;
    const found = await this.#connection.send({ method: "GET", query: { "list-type": "2", "max-keys": "1" }, signal });
    if (found.status === 200) return void this.#readPage(attempt, found);
    const failure = readFailure(found, this.#clock);
    if (failure.document?.code === "AccessDenied") return;
    if (failure.document?.code !== "NoSuchBucket") throw errorOfFailure(attempt, failure);
    await this.#makeBucket(attempt, signal);
  }

  async #makeBucket(attempt: Attempt, signal?: AbortSignal): Promise<void> {
    const region = await this.#connection.region();
    const content = region === DEFAULT_REGION ? [] : [new TextEncoder().encode(createBucketDocument(region))];
    const sha256 = createHash("sha256").update(content[0] ?? "").digest("hex");
    const made = await this.#connection.send({ method: "PUT", content, sha256, signal });
    if (made.status === 200) return;
    const failure = readFailure(made, this.#clock);
    if (failure.document?.code !== "BucketAlreadyOwnedByYou") throw errorOfFailure(attempt, failure);
  }

  async get(file: FileName, range?: ByteRange, options: GetOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    if (range) checkRange(range);
    const { signal } = options;
    const key = this.#key(file);
    signal?.throwIfAborted();
    if (range?.length === 0) return await this.#getNothing(file, range, signal);
    const headers: Record<string, string> = range ? { range: rangeHeader(range) } : {};
    const mostBytes = range?.length ?? options.mostBytes ?? MOST_FILE_BYTES;
    const answer = await this.#connection.send({ method: "GET", key, headers, mostBytes, signal });
    if (range && answer.status === 416) return await this.#getNothing(file, range, signal);
    const isRead = answer.status === 200 || (range && answer.status === 206);
    if (!isRead) throw this.#failure(this.#attempt("read", file), answer);
    if (range) return bytesOfRange(answer, range, this.#at(file));
    refuseLarger(answer.body.length, options.mostBytes, this.#at(file));
    return answer.body;
  }

  async put(file: FileName, content: readonly Uint8Array[], { signal }: StoreCallOptions = {}): Promise<void> {
    const key = this.#key(file);
    signal?.throwIfAborted();
    await this.#uploader.put({
      key,
      content,
      sha256: file.kind === "config" ? undefined : file.name,
      storageClass: this.#settings.storageClass,
      checkFirst: file.kind === "config",
      attempt: this.#attempt("store", file),
      signal,
    });
  }

  async size(file: FileName, { signal }: StoreCallOptions = {}): Promise<number> {
    const key = this.#key(file);
    signal?.throwIfAborted();
    const attempt = this.#attempt("look at", file);
    const answer = await this.#connection.send({ method: "HEAD", key, signal });
    if (answer.status !== 200) throw this.#failure(attempt, answer);
    const length = answer.headers.get("content-length") ?? "";
    if (!/^\d{1,15}$/.test(length)) throw errorOfDocument(attempt, new Error("it does not tell the length"));
    return Number(length);
  }

  async *list(kind: FileKind, { signal }: StoreCallOptions = {}): AsyncGenerator<ListedFile> {
    signal?.throwIfAborted();
    if (kind === "config") {
      yield* await this.#listConfig(signal);
      return;
    }
    const prefix = this.#keyAt(`${folderOfKind(kind)}/`);
    let token: string | undefined;
    do {
      const page = await this.#listPage(kind, prefix, token, signal);
      for (const { key, sizeBytes } of page.objects) {
        const name = key.slice(key.lastIndexOf("/") + 1);
        if (isNameOfKind(kind, name) && key === this.#key({ kind, name })) yield { name, size: sizeBytes };
      }
      token = page.nextToken;
    } while (token !== undefined);
  }

  async remove(file: FileName, { signal }: StoreCallOptions = {}): Promise<void> {
    const key = this.#key(file);
    signal?.throwIfAborted();
    const answer = await this.#connection.send({ method: "DELETE", key, signal });
    if (answer.status === 200 || answer.status === 204) return;
    const error = this.#failure(this.#attempt("remove", file), answer);
    if (!(error instanceof NotFoundError)) throw error;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** An empty part, or the error for a part that begins behind the end: the size decides. */
  async #getNothing(file: FileName, range: ByteRange, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const length = resolvedLength(range, await this.size(file, { signal }), this.#at(file));
    if (length === 0) return new Uint8Array(0);
    throw new StoreError(
      `Cannot read "${this.#at(file)}": the server refuses a part that the file has; check the server`,
    );
  }

  async #listConfig(signal?: AbortSignal): Promise<ListedFile[]> {
    try {
      return [{ name: CONFIG_FILE.name, size: await this.size(CONFIG_FILE, { signal }) }];
    } catch (error) {
      if (error instanceof NotFoundError) return [];
      throw error;
    }
  }

  async #listPage(kind: FileKind, prefix: string, token?: string, signal?: AbortSignal): Promise<S3ListPage> {
    const attempt = `list "${this.location}/${folderOfKind(kind)}"`;
    const query: S3Query = {
      "list-type": "2",
      "max-keys": String(this.#pageKeys),
      "encoding-type": "url",
      prefix,
      ...(kind === "pack" ? {} : { delimiter: "/" }),
      ...(token === undefined ? {} : { "continuation-token": token }),
    };
    const answer = await this.#connection.send({ method: "GET", query, mostBytes: MOST_LIST_BYTES, signal });
    if (answer.status === 200) return this.#readPage(attempt, answer, token);
    const failure = this.#failure(attempt, answer);
    // Without its bucket the place does not exist, and lists as empty.
    if (failure instanceof NotFoundError) return { objects: [], nextToken: undefined };
    throw failure;
  }

  #readPage(attempt: Attempt, answer: HttpAnswer, token?: string): S3ListPage {
    try {
      return readListPage(answer.body, token);
    } catch (error) {
      throw errorOfDocument(attempt, error);
    }
  }

  #key(file: FileName): string {
    return this.#keyAt(relativePath(file));
  }

  #keyAt(path: string): string {
    return this.#place.prefix === "" ? path : `${this.#place.prefix}/${path}`;
  }

  #at(file: FileName): string {
    return `${this.location}/${relativePath(file)}`;
  }

  #attempt(verb: string, file: FileName): Attempt {
    return `${verb} "${this.#at(file)}"`;
  }

  #failure(attempt: Attempt, answer: HttpAnswer): StoreError {
    return errorOfFailure(attempt, readFailure(answer, this.#clock));
  }
}

/** What the user says, what the endpoint says, what AWS's tools would use, and what a server without regions takes. */
async function firstRegion(
  { endpoint }: S3Place,
  { region }: S3Settings,
  { env, readTextFile }: { readonly env: S3StoreOptions["env"]; readonly readTextFile: ReadTextFile },
): Promise<string> {
  const told = region || regionOfEndpoint(endpoint) || env("AWS_REGION") || env("AWS_DEFAULT_REGION");
  return told || await regionOfProfile({ env, readTextFile }) || DEFAULT_REGION;
}

/** A page of a thousand keys takes some 500 KB; keys of others in the same bucket may be longer. */
const MOST_LIST_BYTES = 16 * 2 ** 20;

async function readTextFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) return undefined;
    throw new StoreError(`Cannot read "${path}": ${messageOf(cause)}; check its permissions`, { cause });
  }
}

/** What a program of AWS's tools finds its files by; keys in the environment would have been used before it is run. */
function awsFilesOf(env: S3StoreOptions["env"]): Record<string, string> {
  const names = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
  return Object.fromEntries(names.flatMap((name) => env(name) ? [[name, env(name)!]] : []));
}

/** The line gets this process's environment, which holds no secrets of repositories, and the variables of `env`. */
async function runShell(line: string, env: Record<string, string>, signal: AbortSignal) {
  const streams = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  return await new Deno.Command("sh", { args: ["-c", line], env, ...streams, signal }).output();
}
