/**
 * The store behind an HTTP server that speaks restic's REST protocol: `agent serve`, restic's rest-server, `rclone
 * serve restic` (restic documentation, section REST Backend).
 */
import { Buffer } from "node:buffer";
import { mapConcurrently } from "../../base/concurrency.ts";
import type { Clock } from "../../base/clock.ts";
import { DeniedError, NotFoundError, StoreError, TemporaryError } from "../../base/errors.ts";
import { EXISTS, failureError } from "../failure.ts";
import type { HttpAnswer, HttpClient, HttpRequest, NetworkOptions } from "../http/client.ts";
import { openHttpClient } from "../http/http_client.ts";
import { bytesOfRange, rangeHeader, sizeOfUnsatisfied } from "../http/range_answer.ts";
import { folderOfKind, relativePath } from "../layout.ts";
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
import { isHtml, isWebPage } from "../http/web_page.ts";
import { LISTING_V2, type ListingRow, notARepository, parseListing } from "./listing.ts";
import { type Credentials, parseRestPlace } from "./rest_address.ts";
import { isSuccess, statusError } from "./rest_errors.ts";

/** What a REST store needs from outside. */
export interface RestStoreOptions {
  readonly clock: Clock;
  readonly network: NetworkOptions;
  /** How many requests run at a time; 12 by default. */
  readonly connections?: number;
  /** Used if the address names no user or no password. */
  readonly username?: string;
  readonly password?: string;
}

/**
 * The store at `place`, the part of a repository URL after `rest:`. It connects at the first call. Throws `UsageError`
 * for a place that makes no sense; no message ever holds the password.
 *
 * Redirects are not followed: credentials would reach a server that the user did not name, and content cannot be sent
 * twice.
 */
export function openRestStore(place: string, options: RestStoreOptions): BlobStore {
  return new RestStore(place, options);
}

/**
 * A get of a database reads hundreds of small parts: at a latency of 20 ms, twelve requests at once keep two processors
 * busy.
 */
const DEFAULT_CONNECTIONS = 12;

/** Bounds the memory for packs under way, and still keeps both directions busy. */
const MOST_UPLOADS = 3;

const MOST_FILE_BYTES = 2 ** 30;

/** The longest string that the runtime allows; enough for some 5 million files. */
const MOST_LISTING_BYTES = 500 * 2 ** 20;

/** Answers that carry no file: their words of refusal. */
const MOST_WORDS_BYTES = 2 ** 20;

/** A request as the methods below see it. */
interface Call {
  readonly method: HttpRequest["method"];
  /** Relative to the repository's URL. */
  readonly path: string;
  /** As in `Cannot <verb> …`. */
  readonly verb: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: readonly Uint8Array[];
  readonly mostBytes?: number;
  readonly signal: AbortSignal | undefined;
}

class RestStore implements BlobStore {
  readonly location: string;
  readonly connections: number;
  readonly uploads: number;
  readonly #base: URL;
  readonly #authorization: Readonly<Record<string, string>>;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  /** Whether the config was seen. From then on the repository is known to exist, whatever a proxy says. */
  #hasConfig = false;

  constructor(place: string, options: RestStoreOptions) {
    const { base, socketPath, credentials, location } = parseRestPlace(place, options);
    this.location = location;
    this.connections = options.connections ?? DEFAULT_CONNECTIONS;
    this.uploads = Math.min(MOST_UPLOADS, this.connections);
    this.#base = base;
    this.#authorization = credentials ? { authorization: basic(credentials) } : {};
    this.#clock = options.clock;
    this.#http = openHttpClient({
      ...options.network,
      connections: this.connections,
      clock: options.clock,
      ...(socketPath === undefined ? {} : { socketPath }),
    });
  }

  async create({ signal }: StoreCallOptions = {}): Promise<void> {
    const answer = await this.#done({ method: "POST", path: "?create=true", verb: "create", signal });
    if (isWebPage(answer.body)) throw notARepository(this.location);
  }

  async get(file: FileName, range?: ByteRange, options: GetOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const path = pathOf(file);
    if (range) checkRange(range);
    const { signal, mostBytes = MOST_FILE_BYTES } = options;
    if (range?.length === 0) return this.#bytesOfNothing(file, range, options);
    const headers: Record<string, string> = range ? { range: rangeHeader(range) } : {};
    const call: Call = {
      method: "GET",
      path,
      verb: "read",
      headers,
      mostBytes: Math.max(mostBytes, MOST_WORDS_BYTES),
      signal,
    };
    const answer = await this.#sendAbout(file.kind, call);
    if (range && answer.status === 416) {
      return this.#bytesOfNothing(file, range, options, sizeOfUnsatisfied(answer));
    }
    this.#check(answer, call);
    if (file.kind === "config" && isWebPage(answer.body)) throw notARepository(this.#placeOf(path));
    this.#remember(file);
    if (range) return bytesOfRange(answer, range, this.#placeOf(path));
    refuseLarger(answer.body.length, mostBytes, this.#placeOf(path));
    return answer.status === 200 ? answer.body : this.#refuse(answer, call);
  }

  async put(file: FileName, content: readonly Uint8Array[], { signal }: StoreCallOptions = {}): Promise<void> {
    const path = pathOf(file);
    const headers = { "content-type": "application/octet-stream" };
    try {
      await this.#done({ method: "POST", path, verb: "store", headers, content, signal });
      this.#remember(file);
    } catch (thrown) {
      // The protocol has one status for "exists" and "forbidden".
      if (!(thrown instanceof DeniedError) || !await this.#isThere(file, signal)) throw thrown;
      throw failureError(`store "${this.#placeOf(path)}"`, EXISTS);
    }
  }

  async size(file: FileName, { signal }: StoreCallOptions = {}): Promise<number> {
    const path = pathOf(file);
    const call: Call = { method: "HEAD", path, verb: "look at", signal };
    const answer = await this.#sendAbout(file.kind, call);
    this.#check(answer, call);
    if (file.kind === "config" && isHtml(answer)) throw notARepository(this.#placeOf(path));
    this.#remember(file);
    const length = answer.headers.get("content-length") ?? "";
    if (/^\d+$/.test(length) && Number.isSafeInteger(Number(length))) return Number(length);
    throw new StoreError(
      `Cannot look at "${this.#placeOf(path)}": the server does not tell its length; check the server`,
    );
  }

  async *list(kind: FileKind, options: StoreCallOptions = {}): AsyncGenerator<ListedFile> {
    const rows = kind === "config" ? [{ name: "config", size: undefined }] : await this.#rows(kind, options);
    const isComplete = (row: ListingRow): row is ListedFile => row.size !== undefined;
    if (rows.every(isComplete)) yield* rows;
    else yield* await this.#withSizes(kind, rows, options);
  }

  async remove(file: FileName, { signal }: StoreCallOptions = {}): Promise<void> {
    const call: Call = { method: "DELETE", path: pathOf(file), verb: "remove", signal };
    const answer = await this.#sendAbout(file.kind, call);
    if (answer.status !== 404) this.#check(answer, call);
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  /**
   * Handles a range without bytes, which HTTP cannot request, and a range that begins behind the end according to the
   * server. The file's length shows whether the range is valid.
   */
  async #bytesOfNothing(
    file: FileName,
    range: ByteRange,
    options: StoreCallOptions,
    sizeBytes?: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const place = this.#placeOf(pathOf(file));
    const length = resolvedLength(range, sizeBytes ?? await this.size(file, options), place);
    if (length > 0) {
      throw new StoreError(`Cannot read "${place}": the server denies a part that it has; check the server`);
    }
    return new Uint8Array(0);
  }

  /** What the server lists. Some servers answer "not found" for an empty folder. */
  async #rows(kind: FileKind, { signal }: StoreCallOptions): Promise<ListingRow[]> {
    const path = `${folderOfKind(kind)}/`;
    const headers = { accept: LISTING_V2 };
    const call: Call = { method: "GET", path, verb: "list", headers, mostBytes: MOST_LISTING_BYTES, signal };
    const answer = await this.#sendAbout(kind, call);
    if (answer.status === 404) return [];
    this.#check(answer, call);
    return parseListing(answer.body, kind, this.#placeOf(path));
  }

  /**
   * Asks for the size of each file. A file that was removed since the listing is skipped: a second listing must no
   * longer contain it.
   */
  async #withSizes(kind: FileKind, rows: readonly ListingRow[], options: StoreCallOptions): Promise<ListedFile[]> {
    const found = await this.#sizesOf(kind, rows, options);
    if (found.length === rows.length || kind === "config") return found;
    const names = new Set(found.map(({ name }) => name));
    const lost = new Set(rows.map(({ name }) => name).filter((name) => !names.has(name)));
    const listedAgain = (await this.#rows(kind, options)).filter(({ name }) => lost.has(name));
    const foundAgain = await this.#sizesOf(kind, listedAgain, options);
    if (foundAgain.length < listedAgain.length) {
      const place = this.#placeOf(`${folderOfKind(kind)}/`);
      throw new TemporaryError(`Cannot list "${place}": the server lists files that it does not find; try again`);
    }
    return [...found, ...foundAgain];
  }

  async #sizesOf(kind: FileKind, rows: readonly ListingRow[], options: StoreCallOptions): Promise<ListedFile[]> {
    const sizes = await mapConcurrently(
      rows,
      this.connections,
      ({ name }) => this.#sizeIfThere({ kind, name }, options),
    );
    return rows.flatMap(({ name }, i) => sizes[i] === undefined ? [] : [{ name, size: sizes[i] }]);
  }

  async #sizeIfThere(file: FileName, options: StoreCallOptions): Promise<number | undefined> {
    try {
      return await this.size(file, options);
    } catch (thrown) {
      if (thrown instanceof NotFoundError) return undefined;
      throw thrown;
    }
  }

  async #isThere(file: FileName, signal: AbortSignal | undefined): Promise<boolean> {
    const call: Call = { method: "HEAD", path: pathOf(file), verb: "look at", signal };
    const answer = await this.#send(call);
    return isSuccess(answer.status) && !isHtml(answer);
  }

  /** Sends a request about a file or the folder of its kind. A "not found" is believed only the second time. */
  async #sendAbout(kind: FileKind, call: Call): Promise<HttpAnswer> {
    const answer = await this.#send(call);
    if (answer.status !== 404 || kind === "config") return answer;
    await this.#doubtNotFound(call);
    return await this.#send(call);
  }

  /**
   * Throws `TemporaryError` if the config that was seen before is gone, too. A proxy says "not found" while the server
   * behind it restarts; then no lock must be taken for removed, and no pack for lost.
   */
  async #doubtNotFound({ verb, path, signal }: Call): Promise<void> {
    if (!this.#hasConfig || await this.#isThere(CONFIG_FILE, signal)) return;
    const missing = "the server finds neither it nor the repository's config, which was there before";
    throw new TemporaryError(`Cannot ${verb} "${this.#placeOf(path)}": ${missing}; try again`);
  }

  #remember({ kind }: FileName): void {
    this.#hasConfig ||= kind === "config";
  }

  /** Sends a request; throws unless the answer is a success. */
  async #done(call: Call): Promise<HttpAnswer> {
    const answer = await this.#send(call);
    this.#check(answer, call);
    return answer;
  }

  #check(answer: HttpAnswer, call: Call): void {
    if (!isSuccess(answer.status)) this.#refuse(answer, call);
  }

  #refuse(answer: HttpAnswer, { method, verb, path }: Call): never {
    throw statusError(answer, { method, verb, place: this.#placeOf(path) }, this.#clock.now());
  }

  #send({ method, path, headers = {}, content, mostBytes = MOST_WORDS_BYTES, signal }: Call): Promise<HttpAnswer> {
    return this.#http.send({
      method,
      url: new URL(path, this.#base),
      headers: { ...this.#authorization, ...headers },
      mostBytes,
      ...(content ? { content } : {}),
      signal,
    });
  }

  #placeOf(path: string): string {
    return path.startsWith("?") ? this.location : `${this.location}${path}`;
  }
}

/** The path of a file below the repository's URL: unlike on disk, packs are not spread over folders there. */
function pathOf(file: FileName): string {
  const path = relativePath(file);
  return file.kind === "pack" ? `data/${file.name}` : path;
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
