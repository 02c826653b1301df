/** HTTP as stores need it: whole answers in memory, uploads with a known length, errors told in the store's words. */

/** One request. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly url: URL;
  /** Names in lower case. `content-length` and `host` are added. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent, iterated over once. Owns: the parts must not change until the promise settles; they may be views of shared memory. */
  readonly content?: readonly Uint8Array[];
  /** The longest answer that is taken, in bytes; a longer one throws `StoreError`. */
  readonly mostBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** One answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Owns: the buffer is the caller's alone. Exactly as long as `content-length` said; empty for HEAD. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Sends requests over connections that are kept for the next ones. */
export interface HttpClient {
  /**
   * Sends a request and takes the whole answer. Any status is an answer. Throws `TemporaryError` where the connection
   * cannot be made or breaks off or nothing moves for long, and `StoreError` where trying again is of no use (a name that
   * does not exist, a certificate that is not trusted). Messages name `scheme://host:port` and never a password.
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Proxies on the way to servers. */
export interface Proxies {
  /** For servers without TLS: `http://[user:password@]host:port`; the scheme may be missing. */
  readonly http?: string;
  /** For servers with TLS; written as `http`. */
  readonly https?: string;
  /** Names, domains and addresses that are reached directly, with commas between them; `*` for all. */
  readonly except?: string;
}

/** What a client proves itself with, in PEM. */
export interface ClientCertificate {
  /** With its chain. */
  readonly certificate: string;
  /** Its key. */
  readonly key: string;
}

/** How to get to servers; the same for every remote store. */
export interface NetworkOptions {
  /** What servers are told this program is; `agent` by default. */
  readonly userAgent?: string;
  /** Certificates (PEM) of authorities that are trusted beside the system's. */
  readonly caCertificates?: readonly string[];
  /** What this client proves itself with (PEM). */
  readonly clientCertificate?: ClientCertificate;
  /** Takes any certificate of the server. */
  readonly insecureTls?: boolean;
  /** Sends no more than that. */
  readonly uploadBytesPerSecond?: number;
  /** Receives no more than that. */
  readonly downloadBytesPerSecond?: number;
  /** After so long without a byte in either direction a request is given up. */
  readonly stallMs?: number;
  /** A connection that is not there after so long is given up. */
  readonly connectMs?: number;
  /** By default servers are reached directly, with one exception: `fetch` follows its process's environment. */
  readonly proxies?: Proxies;
}
