/** The store in S3. Its keys are restic's, so that restic can open the same repository. */
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
import type { Retry } from "../retry.ts";
import { ArchivedObjects } from "./archived.ts";
import { S3Connection } from "./connection.ts";
import type { RunProcess } from "./credentials/credential_process.ts";
import { credentialsSource } from "./credentials/s3_credentials.ts";
import { type Attempt, errorOfDocument, errorOfFailure, isArchived, readFailure } from "./s3_errors.ts";
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
  /** Reads a variable of the environment: credentials, the region, and the paths of AWS's files. */
  readonly env: (name: string) => string | undefined;
  /** The user's settings, by restic's names; see `readS3Settings`. */
  readonly settings: ReadonlyMap<string, string>;
  /**
   * The client for the server and for the services that lend credentials; given only in tests. Closed with the store.
   */
  readonly http?: HttpClient;
  /** Reads AWS's shared files; from the disk by default. */
  readonly readTextFile?: ReadTextFile;
  /** Runs the programs that profiles name; by default on this machine. */
  readonly runProcess?: RunProcess;
  /** From which size on files are uploaded in parts; `PART_SIZES` by default. */
  readonly partSizes?: PartSizes;
  /** How many keys a page of a listing may hold; by default 1000, which is S3's own limit. */
  readonly pageKeys?: number;
  /** Called when the store begins to wait for packs in an archive class, which takes hours. */
  readonly onWait?: (wait: Retry) => void;
}

/**
 * The store at a place such as `https://host/bucket/prefix`. It looks for credentials and sends requests from the first
 * call on. Throws `UsageError` for a place or a setting that makes no sense.
 *
 * Every request is signed over the true SHA-256 of its content, which the server verifies. For all files but the config
 * that digest is the name, so no content can be stored under a wrong name.
 *
 * Two writers that put the same name at the same moment may both succeed, and the later one wins, if the server does
 * not support conditional puts (OpenStack Swift) or ignores the header (Ceph at the end of an upload in parts). This
 * matters for the config only, since all other names are digests of their content. On every server, the store therefore
 * looks for the config before it puts it.
 *
 * OpenStack Swift is only eventually consistent: after a device was lost and came back, it may return old states until
 * its replicas agree. Until then, "read after write" does not hold.
 */
export function openS3Store(place: string, options: S3StoreOptions): BlobStore {
  return new S3Store(parseS3Place(place), readS3Settings(options.settings), options);
}

/** The region that servers without regions expect, and that is used on AWS until the bucket's is known. */
const DEFAULT_REGION = "us-east-1";

/** The longest file that is read whole, in bytes: the most that the index can address in a pack. */
const MOST_FILE_BYTES = 2 ** 32;

/** More packs in flight cost memory and gain nothing: a few fill the connection. */
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
  readonly #archived: ArchivedObjects | undefined;
  /** Only where archived packs are restored. */
  readonly expect?: (packs: Iterable<string>) => void;
  readonly #pageKeys: number;
  /** What the store opened and has to close, in any order. */
  readonly #clients: readonly HttpClient[];

  constructor(place: S3Place, settings: S3Settings, options: S3StoreOptions) {
    const { clock, network, env } = options;
    const { connections } = settings;
    const readTextFile = options.readTextFile ?? readTextFileIfThere;
    const http = options.http ?? openHttpClient({ ...network, connections, clock });
    const tokenService = options.http ?? openHttpClient({ ...network, insecureTls: false, connections: 1, clock });
    // The store's certificates, limits, connections and proxies do not apply to the service that lends credentials.
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
    if (settings.restoresArchived) {
      const { onWait } = options;
      const archived = new ArchivedObjects({
        connection: this.#connection,
        clock,
        settings: settings.archive,
        connections,
        onWait,
      });
      this.#archived = archived;
      this.expect = (packs) => archived.expect(Array.from(packs, (name) => this.#key({ kind: "pack", name })));
    }
  }

  /** Creates the bucket if it is missing. If access is denied, the bucket is assumed to exist. */
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
    const request = { method: "GET", key, headers, mostBytes, signal } as const;
    let answer = await this.#connection.send(request);
    if (file.kind === "pack" && this.#archived !== undefined && isArchived(readFailure(answer, this.#clock))) {
      await this.#archived.restore({ key, attempt: this.#attempt("read", file), signal });
      answer = await this.#connection.send(request);
    }
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

  /**
   * Handles an empty range and one that begins behind the end according to the server; the file's size shows whether the
   * range is valid.
   */
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
    // A missing bucket means that the place does not exist, which lists as empty.
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

/**
 * The region to begin with: the user's, the endpoint's, the one that AWS's tools would use, or the one that servers
 * without regions accept.
 */
async function firstRegion(
  { endpoint }: S3Place,
  { region }: S3Settings,
  { env, readTextFile }: { readonly env: S3StoreOptions["env"]; readonly readTextFile: ReadTextFile },
): Promise<string> {
  const told = region || regionOfEndpoint(endpoint) || env("AWS_REGION") || env("AWS_DEFAULT_REGION");
  return told || await regionOfProfile({ env, readTextFile }) || DEFAULT_REGION;
}

/** A page of a thousand keys takes some 500 KB; other users' keys in the same bucket may be longer. */
const MOST_LIST_BYTES = 16 * 2 ** 20;

async function readTextFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) return undefined;
    throw new StoreError(`Cannot read "${path}": ${messageOf(cause)}; check its permissions`, { cause });
  }
}

/**
 * The variables by which AWS's own programs find their files. Keys are not passed on: a program runs only if the
 * environment holds none.
 */
function awsFilesOf(env: S3StoreOptions["env"]): Record<string, string> {
  const names = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
  return Object.fromEntries(names.flatMap((name) => env(name) ? [[name, env(name)!]] : []));
}

/**
 * Runs a command line with this process's environment, which holds no repository secrets, and with the variables in
 * `env`.
 */
async function runShell(line: string, env: Record<string, string>, signal: AbortSignal) {
  const streams = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  return await new Deno.Command("sh", { args: ["-c", line], env, ...streams, signal }).output();
}
