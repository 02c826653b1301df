/** HTTP as stores need it: whole answers in memory, uploads of known length, and errors of the store's contract. */

/** One request. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly url: URL;
  /** Names in lower case. `content-length` and `host` are added. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * What is sent; iterated over once. Owns: the parts must not change until the promise settles; they may be views of
   * shared memory.
   */
  readonly content?: readonly Uint8Array[];
  /** The longest accepted answer, in bytes; a longer one throws `StoreError`. */
  readonly mostBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** One answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /**
   * Empty for HEAD; otherwise exactly as long as `content-length` said. Owns: the buffer belongs to the caller alone.
   */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Sends requests over connections that are kept open for later requests. */
export interface HttpClient {
  /**
   * Sends a request and returns the whole answer, whatever its status. Throws `TemporaryError` if the connection cannot
   * be made, breaks off or stalls, and `StoreError` if trying again is useless (the host name does not exist, the
   * certificate is not trusted). Messages name `scheme://host:port` and never a password.
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Closes all connections. */
  close(): Promise<void>;
}

/** The proxies between this client and the servers. */
export interface Proxies {
  /** For servers without TLS: `http://[user:password@]host:port`; the scheme is optional. */
  readonly http?: string;
  /** For servers with TLS; written as `http`. */
  readonly https?: string;
  /** Host names, domains and addresses that are reached without a proxy, separated by commas; `*` for all. */
  readonly except?: string;
}

/** The certificate and key by which a client identifies itself, in PEM. */
export interface ClientCertificate {
  /** The certificate with its chain. */
  readonly certificate: string;
  /** The certificate's key. */
  readonly key: string;
}

/** How to reach servers; the same for every remote store. */
export interface NetworkOptions {
  /** The name that this program gives to servers; `agent` by default. */
  readonly userAgent?: string;
  /** Certificates (PEM) of authorities that are trusted in addition to the system's. */
  readonly caCertificates?: readonly string[];
  /** Identifies this client to servers. */
  readonly clientCertificate?: ClientCertificate;
  /** Accepts any server certificate. */
  readonly insecureTls?: boolean;
  /** The most that is sent per second. */
  readonly uploadBytesPerSecond?: number;
  /** The most that is received per second. */
  readonly downloadBytesPerSecond?: number;
  /** A request fails after this long without a byte in either direction. */
  readonly stallMs?: number;
  /** A request fails if the connection takes longer than this. */
  readonly connectMs?: number;
  /** By default, servers are reached directly, with one exception: `fetch` uses the proxies in the environment. */
  readonly proxies?: Proxies;
}
